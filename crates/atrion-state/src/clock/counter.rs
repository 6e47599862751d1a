// SPDX-License-Identifier: Apache-2.0
//! The processor's counter, and the line that turns its counts into time, for every thread.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering, fence};

use super::line::{Line, Straight};

/// A counter in use.
#[derive(Debug)]
pub(super) struct Counter {
    source: quanta::Clock,
    shown: Shown,
    meeting: Mutex<Meeting>,
}

/// What the one thread needs that draws the next line.
#[derive(Debug, Default)]
struct Meeting {
    first: Option<u64>,
}

impl Counter {
    /// The processor's counter, if it has one that the operating system trusts, too. Takes up to
    /// 0.2 s.
    pub(super) fn find(machine: u64) -> Option<Self> {
        if !trusted_by_the_system() {
            return None;
        }
        let source = quanta::Clock::new();
        let line = Line::Learning { at: source.raw(), nanos: machine };
        Some(Self { source, shown: Shown::of(line), meeting: Mutex::default() })
    }

    /// Nanoseconds since the origin, of which `machine` is the operating system's reading.
    #[inline]
    pub(super) fn nanos(&self, machine: fn() -> u64) -> u64 {
        let line = self.shown.straight();
        match line.and_then(|line| line.read(self.source.raw())) {
            Some(nanos) => nanos,
            None => self.meet(machine),
        }
    }

    /// Where the line says nothing: the machine's time, and the next line if it is time for one.
    /// Never waits: one thread meets, all others take the machine's time.
    #[cold]
    #[inline(never)]
    fn meet(&self, machine: fn() -> u64) -> u64 {
        // The count comes first, so that the line is ahead of the machine's time by the moment
        // between the two, never behind: going over to the line is no step back.
        let (count, time, after) = (self.source.raw(), machine(), self.source.raw());
        let line = self.shown.line();
        let otherwise = line.otherwise(count, time);
        if !line.is_over(count, time) {
            return otherwise;
        }
        let Ok(mut meeting) = self.meeting.try_lock() else { return otherwise };
        // A thread that was put to sleep between the readings knows no pair of them.
        let first = meeting.first.unwrap_or(0);
        let apart = Straight { at: count, nanos: 0, rate: first, span: u64::MAX }.read(after);
        if self.shown.line() != line || apart.is_none_or(|nanos| nanos > TOGETHER) {
            return otherwise;
        }
        let next = line.meet(count, time, meeting.first);
        if let Line::Straight(straight) = next {
            meeting.first.get_or_insert(straight.rate);
        }
        self.shown.show(next);
        next.otherwise(count, time)
    }
}

/// Nanoseconds between two counts around a reading of the machine's time that make it one moment.
const TOGETHER: u64 = 20_000;

/// Linux names the source of its own time. Where that is not the counter (it was found unstable, or
/// the hypervisor brings a clock of its own), the system knows a reason. Others tell nothing.
fn trusted_by_the_system() -> bool {
    let current = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    let counters = ["tsc", "arch_sys_counter"];
    !cfg!(target_os = "linux")
        || std::fs::read_to_string(current).is_ok_and(|name| counters.contains(&name.trim()))
}

/// The line as every thread reads it: a version that is odd while the words change, so that no
/// reader mixes two lines.
#[derive(Debug)]
struct Shown {
    version: AtomicU64,
    at: AtomicU64,
    nanos: AtomicU64,
    rate: AtomicU64,
    span: AtomicU64,
}

/// Rates that stand for the other two kinds of line; neither can be the rate of a straight one.
const LEARNING: u64 = 0;
const OFF: u64 = u64::MAX;

impl Shown {
    fn of(line: Line) -> Self {
        let [at, nanos, rate, span] = words(line).map(AtomicU64::new);
        Self { version: AtomicU64::new(0), at, nanos, rate, span }
    }

    /// Called by the holder of the meeting's lock only.
    fn show(&self, line: Line) {
        let [at, nanos, rate, span] = words(line);
        let version = self.version.load(Ordering::Relaxed);
        self.version.store(version.wrapping_add(1), Ordering::Relaxed);
        fence(Ordering::Release);
        self.at.store(at, Ordering::Relaxed);
        self.nanos.store(nanos, Ordering::Relaxed);
        self.rate.store(rate, Ordering::Relaxed);
        self.span.store(span, Ordering::Relaxed);
        self.version.store(version.wrapping_add(2), Ordering::Release);
    }

    /// The words of one line; none while they change.
    #[inline]
    fn words(&self) -> Option<[u64; 4]> {
        let version = self.version.load(Ordering::Acquire);
        let words = [&self.at, &self.nanos, &self.rate, &self.span].map(|word| word.load(Ordering::Relaxed));
        fence(Ordering::Acquire);
        (version & 1 == 0 && version == self.version.load(Ordering::Relaxed)).then_some(words)
    }

    #[inline]
    fn straight(&self) -> Option<Straight> {
        let [at, nanos, rate, span] = self.words()?;
        (rate != LEARNING && rate != OFF).then_some(Straight { at, nanos, rate, span })
    }

    /// The line of any kind. A change takes a few nanoseconds, so this is tried until it succeeds.
    fn line(&self) -> Line {
        loop {
            if let Some([at, nanos, rate, span]) = self.words() {
                return match rate {
                    LEARNING => Line::Learning { at, nanos },
                    OFF => Line::Off { ahead: nanos },
                    rate => Line::Straight(Straight { at, nanos, rate, span }),
                };
            }
            std::hint::spin_loop();
        }
    }
}

fn words(line: Line) -> [u64; 4] {
    match line {
        Line::Learning { at, nanos } => [at, nanos, LEARNING, 0],
        Line::Straight(Straight { at, nanos, rate, span }) => [at, nanos, rate, span],
        Line::Off { ahead } => [0, ahead, OFF, 0],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_line_is_read_as_it_was_shown() {
        let straight = Straight { at: 5, nanos: 7, rate: 1 << 31, span: 9 };
        let shown = Shown::of(Line::Learning { at: 3, nanos: 4 });
        assert_eq!(shown.line(), Line::Learning { at: 3, nanos: 4 });
        assert_eq!(shown.straight(), None);
        shown.show(Line::Straight(straight));
        assert_eq!(shown.line(), Line::Straight(straight));
        assert_eq!(shown.straight(), Some(straight));
        shown.show(Line::Off { ahead: 11 });
        assert_eq!(shown.line(), Line::Off { ahead: 11 });
        assert_eq!(shown.straight(), None);
    }

    #[test]
    fn no_reader_mixes_two_lines() {
        const LINES: u64 = 200_000;
        let line = |k| Straight { at: k, nanos: k, rate: k, span: k };
        let shown = Shown::of(Line::Straight(line(1)));
        std::thread::scope(|scope| {
            scope.spawn(|| (2..=LINES).for_each(|k| shown.show(Line::Straight(line(k)))));
            for _ in 0..2 {
                scope.spawn(|| {
                    let mut latest = 0;
                    while latest < LINES {
                        if let Some(read) = shown.straight() {
                            assert_eq!(read, line(read.at));
                            assert!(read.at >= latest, "an older line after a newer one");
                            latest = read.at;
                        }
                    }
                });
            }
        });
    }
}
