// SPDX-License-Identifier: Apache-2.0
//! The machine's clocks: the one place of Atrion that reads them.

use std::sync::{LazyLock, OnceLock};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use atrion_core::{Mono, Wall};

use super::Clock;
use super::counter::Counter;

/// The machine's clocks.
///
/// Every instance counts from the same origin (the first use in the process), so that readings of
/// two instances can be compared.
///
/// The monotonic time is the operating system's. After [`use_counter`](Self::use_counter) it is
/// told from the processor's counter where that can be trusted, which costs less than half.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SystemClock;

static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
static COUNTER: OnceLock<Option<Counter>> = OnceLock::new();

impl SystemClock {
    /// Tells the time from the processor's counter from now on, for every `SystemClock` of the
    /// process. Waits for nothing: a thread of its own learns whether the processor has one (up to
    /// 0.2 s of one core, once in a process), and the time is the operating system's until then.
    ///
    /// The counter's time meets the operating system's ten times a second. A counter that jumps or
    /// changes its pace by half a percent (a virtual machine that moved, a laptop that slept) is
    /// given up for good at the next meeting; until then the time is wrong by up to 0.1 s.
    /// Readings do not go back, on no thread, beyond what two cores' counters differ by. A processor
    /// may read its counter before the instructions above are done (x86 does, by up to some
    /// microseconds where they wait for memory that another core writes to); an ordered reading costs
    /// as much as the operating system's time. So a time that one thread has handed to another can
    /// be later than the other's next reading by as much: subtract with [`Mono::since`], which
    /// takes that for no time at all.
    pub fn use_counter() {
        static ONCE: std::sync::Once = std::sync::Once::new();
        ONCE.call_once(|| {
            let learn = || {
                let _ = COUNTER.set(Counter::find(machine));
            };
            // Without a thread the time stays the operating system's, which is right, too.
            let _ = std::thread::Builder::new().name("atrion-clock".into()).spawn(learn);
        });
    }
}

impl Clock for SystemClock {
    #[inline]
    fn now(&self) -> Mono {
        let nanos = match COUNTER.get() {
            Some(Some(counter)) => counter.nanos(machine),
            _ => machine(),
        };
        Mono::from_nanos(nanos)
    }

    fn wall(&self) -> Wall {
        // A machine whose date lies before 1970 shows the epoch; nothing decides by it.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Wall::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

/// The operating system's monotonic time, in nanoseconds since the origin.
fn machine() -> u64 {
    // The origin is read first, or the first reading would precede it.
    let origin = *ORIGIN;
    let since = Instant::now().saturating_duration_since(origin);
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use super::*;

    #[test]
    fn two_system_clocks_share_an_origin() {
        let (first, second) = (SystemClock.now(), SystemClock.now());
        assert!(second >= first);
        assert!(second.since(first) < Duration::from_secs(60));
    }

    /// Two threads hand the latest reading to each other, across several meetings with the
    /// operating system's time.
    #[test]
    fn readings_do_not_go_back_across_threads() {
        const CORES_DIFFER: u64 = 1_000;
        SystemClock::use_counter();
        let latest = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let begun = Instant::now();
                    while begun.elapsed() < Duration::from_millis(700) {
                        let before = latest.load(Ordering::SeqCst);
                        // The operating system's reading waits for what stands above it: without
                        // it the counter is read before the other thread's reading has arrived.
                        std::hint::black_box(Instant::now());
                        let now = SystemClock.now().as_nanos();
                        assert!(now + CORES_DIFFER >= before, "{now} after {before}");
                        latest.fetch_max(now, Ordering::SeqCst);
                    }
                });
            }
        });
        let off = SystemClock.now().as_nanos().abs_diff(machine());
        assert!(off < 50_000_000, "off by {off} ns");
    }
}
