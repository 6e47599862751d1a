// SPDX-License-Identifier: Apache-2.0
//! Numbers for names, for the life of the process: a refusal has room for a number. Names are the
//! application's own and few, so none is ever forgotten.

use std::sync::{Mutex, OnceLock};

use atrion_core::{SignalId, SignalName};
use atrion_state::lock;

/// As many as there are numbers.
const MOST: usize = u8::MAX as usize;

/// Written one after the other under the lock, read without it.
static NAMES: [OnceLock<SignalName>; MOST] = [const { OnceLock::new() }; MOST];
static NAMING: Mutex<()> = Mutex::new(());

/// The name with that number.
pub(crate) fn name_of(id: SignalId) -> Option<SignalName> {
    NAMES.get(usize::from(id.get()) - 1)?.get().copied()
}

/// The number of a name, given if it is new. `None`: there is none left.
pub(crate) fn id_of(name: SignalName) -> Option<SignalId> {
    known(name).or_else(|| {
        let _alone = lock(&NAMING);
        known(name).or_else(|| {
            let free = NAMES.iter().position(|known| known.set(name).is_ok())?;
            id(free)
        })
    })
}

fn known(name: SignalName) -> Option<SignalId> {
    let given = NAMES.iter().map_while(OnceLock::get);
    given.enumerate().find(|(_, known)| **known == name).and_then(|(place, _)| id(place))
}

fn id(place: usize) -> Option<SignalId> {
    SignalId::new(u8::try_from(place + 1).ok()?)
}
