// SPDX-License-Identifier: Apache-2.0
//! What follows a change of protocols: bytes both ways, until one side has enough.

use atrion::tower::StreamSlot;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional;

use crate::client::Client;

/// Connects both sides when both have changed. The tunnel counts as its client's connection, and
/// ends with the drain. It holds its place at the gate, if it has one.
pub(crate) fn open(asked: OnUpgrade, answered: OnUpgrade, client: Client, slot: Option<StreamSlot>) {
    tokio::spawn(async move {
        let _open = slot;
        let Ok((asked, answered)) = tokio::try_join!(asked, answered) else { return };
        let (mut asked, mut answered) = (TokioIo::new(asked), TokioIo::new(answered));
        let copied = copy_bidirectional(&mut asked, &mut answered);
        let _busy = client.busy();
        drop(client.unless_cut_off(copied).await);
    });
}
