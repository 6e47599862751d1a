// SPDX-License-Identifier: Apache-2.0
//! What can be fed. A new target is a file here, a line in [`all`], and one in the enum of
//! `xtask/src/fuzz.rs`; one that needs a crate of its own has a feature, too.

#[cfg(feature = "fleet")]
mod fleet;
#[cfg(feature = "license")]
mod license;
#[cfg(feature = "recording")]
mod recording;

use crate::random::Random;

pub trait Target {
    /// The name on the command line.
    fn name(&self) -> &'static str;

    /// Inputs to begin with: good ones, so that mutations start deep.
    fn seeds(&self) -> Vec<Vec<u8>>;

    /// Another input, made from one or two.
    fn mutate(&self, input: &[u8], other: &[u8], random: &mut Random) -> Vec<u8>;

    /// Feeds the parser, asserts what must hold of any input, and says how far this one came.
    ///
    /// # Panics
    /// If something does not hold: that is a finding.
    fn run(&self, input: &[u8]) -> String;
}

pub fn all() -> Vec<Box<dyn Target>> {
    vec![
        #[cfg(feature = "fleet")]
        Box::new(fleet::Envelope),
        #[cfg(feature = "fleet")]
        Box::new(fleet::Body),
        #[cfg(feature = "fleet")]
        Box::new(fleet::Receive::new()),
        #[cfg(feature = "license")]
        Box::new(license::License::new()),
        #[cfg(feature = "recording")]
        Box::new(recording::Recordings),
    ]
}
