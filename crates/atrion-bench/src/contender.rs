// SPDX-License-Identifier: Apache-2.0
//! One guard under test.

/// The work of one thread: performs the given number of operations and returns how many of them
/// were admitted.
///
/// One dynamic call starts many operations, so it costs each of them nothing; the loop inside is
/// compiled for its guard.
pub type Session<'a> = Box<dyn FnMut(u64) -> u64 + 'a>;

/// A guard that threads share.
///
/// One operation is: ask whether a request may run, run a body that succeeds at once, report the
/// success. Work that a caller does once per thread or per service (cloning a handle, building an
/// async runtime) belongs to [`Contender::session`], outside of the measured time.
pub trait Contender: Sync {
    /// The name in the tables, and the benchmark's id.
    fn name(&self) -> &'static str;

    /// The calls of one operation, in the peer's own names.
    fn operation(&self) -> &'static str;

    /// How often one operation reads a clock. A guard that measures latency has to, one that counts
    /// errors does not; a fair comparison needs to know.
    fn clock_reads(&self) -> &'static str;

    /// A session for the calling thread, on the same shared guard as every other session.
    fn session(&self) -> Session<'_>;
}
