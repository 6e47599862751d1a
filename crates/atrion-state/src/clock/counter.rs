// SPDX-License-Identifier: Apache-2.0
//! The processor's counter, and the line that turns its counts into time, for every thread.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering, fence};

use super::line::{Line, Moment, Straight};

/// A counter in use.
#[derive(Debug)]
pub(super) struct Counter {
    source: quanta::Clock,
    shown: Shown,
    meeting: Mutex<Meeting>,
}

/// What the one thread needs that draws the next line.
#[derive(Debug)]
struct Meeting {
    last: Moment,
    first: Option<u64>,
}

impl Counter {
    /// The processor's counter, if it has one that the operating system trusts, too. Takes up to
    /// 0.2 s.
    pub(super) fn find(machine: fn() -> u64) -> Option<Self> {
        if !trusted_by_the_system() {
            return None;
        }
        let source = quanta::Clock::new();
        let begun = (0..TRIES).find_map(|_| {
            let read = Reading::of(&source, machine);
            read.is_one_moment(machine).then_some(read.moment)
        })?;
        let meeting = Mutex::new(Meeting { last: begun, first: None });
        Some(Self { source, shown: Shown::of(Line::Learning(begun)), meeting })
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

    /// Where the line says nothing: the line drawn out, and the next line if it is time for one.
    /// Never waits: one thread meets, all others go on with the line that they have.
    #[cold]
    #[inline(never)]
    fn meet(&self, machine: fn() -> u64) -> u64 {
        let read = Reading::of(&self.source, machine);
        let now = read.moment;
        // The line is read last, so that the time of a thread that was put to sleep above is not
        // ahead of the line that others have drawn meanwhile.
        let line = self.shown.line();
        let otherwise = line.otherwise(now);
        if !line.is_over(now) {
            return otherwise;
        }
        let Ok(mut meeting) = self.meeting.try_lock() else { return otherwise };
        let next = line.meet(now, meeting.last, meeting.first);
        // A thread that was put to sleep since knows no moment, or one that others have passed.
        if self.shown.line() != line || !read.is_one_moment(machine) {
            return otherwise;
        }
        if let Line::Straight(straight) = next {
            meeting.first.get_or_insert(straight.rate);
        }
        meeting.last = now;
        self.shown.show(next);
        next.otherwise(now)
    }
}

/// A count between two readings of the machine's time.
struct Reading {
    before: u64,
    moment: Moment,
}

impl Reading {
    /// The later time belongs to the count, so that the line is ahead of the machine's time by the
    /// moment between the two, never behind: going over to the line is no step back.
    fn of(source: &quanta::Clock, machine: fn() -> u64) -> Self {
        let (before, count, after) = (machine(), source.raw(), machine());
        Self { before, moment: Moment { count, machine: after } }
    }

    /// Whether all of it took so little that no other thread has come in between.
    fn is_one_moment(&self, machine: fn() -> u64) -> bool {
        machine().saturating_sub(self.before) <= TOGETHER
    }
}

/// Nanoseconds around a reading that make it one moment.
const TOGETHER: u64 = 20_000;

/// Readings of which one should be of one moment. A machine that has none is too busy for a line.
const TRIES: usize = 100;

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
                    LEARNING => Line::Learning(Moment { count: at, machine: nanos }),
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
        Line::Learning(Moment { count, machine }) => [count, machine, LEARNING, 0],
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
        let learning = Line::Learning(Moment { count: 3, machine: 4 });
        let shown = Shown::of(learning);
        assert_eq!(shown.line(), learning);
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
