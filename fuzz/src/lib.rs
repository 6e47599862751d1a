// SPDX-License-Identifier: Apache-2.0
//! The fuzz targets of Atrion: parsers that are fed arbitrary bytes.
//!
//! Two runners share them. libFuzzer (`fuzz_targets/`) is guided by the coverage that the compiler
//! instruments, and needs a C++ compiler. The smoke run (`src/main.rs`) needs nothing but the
//! stable toolchain; the label that a target gives each input guides it.

pub mod mutate;
pub mod random;
pub mod targets;

use random::Random;

/// A parser with its inputs and its invariants.
pub trait Target {
    /// A target in its first state. Each thread makes its own.
    fn new() -> Self
    where
        Self: Sized;

    /// The name on the command line.
    fn name(&self) -> &'static str;

    /// Valid inputs to begin with, so that mutations start behind the first checks.
    fn seeds(&self) -> Vec<Vec<u8>>;

    /// A new input, made from one or two others with knowledge of the format.
    fn mutate(&self, input: &[u8], other: &[u8], random: &mut Random) -> Vec<u8>;

    /// Corrects what a checksum would refuse after a mutation that knows nothing of the format.
    fn mend(&self, _input: &mut [u8]) {}

    /// Feeds the parser, asserts the invariants of every input, and returns a label that tells how
    /// far this input came, such as the error that it ended in.
    ///
    /// # Panics
    /// If an invariant is broken: that is a finding.
    fn run(&self, input: &[u8]) -> String;
}

/// A target under libFuzzer, with the inputs to begin with and to splice from.
pub struct Guided<T> {
    target: T,
    seeds: Vec<Vec<u8>>,
}

impl<T: Target> Guided<T> {
    #[expect(clippy::new_without_default, reason = "a target is made by its trait alone")]
    pub fn new() -> Self {
        let target = T::new();
        Self { seeds: target.seeds(), target }
    }

    pub fn run(&self, input: &[u8]) {
        self.target.run(input);
    }

    /// Changes the first `size` of the bytes in place and returns the new size. Half of the inputs
    /// come from `blind`, the mutator of libFuzzer, which knows the values that comparisons saw.
    pub fn mutate(
        &self,
        bytes: &mut [u8],
        size: usize,
        max: usize,
        seed: u32,
        blind: fn(&mut [u8], usize, usize) -> usize,
    ) -> usize {
        let mut random = Random::new(seed.into());
        if size > 0 && random.one_in(2) {
            let size = blind(bytes, size, max);
            self.target.mend(&mut bytes[..size]);
            return size;
        }
        let other = &self.seeds[random.below(self.seeds.len())];
        let input = if size == 0 { other } else { &bytes[..size] };
        let new = self.target.mutate(input, other, &mut random);
        let size = new.len().min(max);
        bytes[..size].copy_from_slice(&new[..size]);
        size
    }
}

/// The libFuzzer program of one target.
#[macro_export]
macro_rules! libfuzzer {
    ($target:ident) => {
        thread_local! {
            static GUIDED: $crate::Guided<$crate::targets::$target> = $crate::Guided::new();
        }

        libfuzzer_sys::fuzz_target!(|input: &[u8]| GUIDED.with(|guided| guided.run(input)));

        libfuzzer_sys::fuzz_mutator!(|bytes: &mut [u8], size: usize, max: usize, seed: u32| {
            GUIDED.with(|guided| guided.mutate(bytes, size, max, seed, libfuzzer_sys::fuzzer_mutate))
        });
    };
}
