// SPDX-License-Identifier: Apache-2.0
//! Time as a straight line over a processor's counter, and what makes the line be given up. Pure:
//! counts and the machine's time come in as values.
//!
//! A processor counts at a constant pace (x86's invariant TSC, arm's virtual counter), and reading
//! the count costs less than half of asking the machine for the time. The pace is not known
//! beforehand, differs from the machine's time by what NTP steers, and jumps where a virtual
//! machine moves or a laptop sleeps. So a line is good for [`SPAN`] only. Then count and time meet
//! again: the next line goes on where the last one is, at the pace of the span before, and a pace
//! that differs by more than [`TRUSTED`] from the first one ends the use of the counter for good.
//!
//! Where two lines meet the time has no step: what a line is off the machine's time by is worked off
//! over the next span. So no thread has to ask the machine for the time while another draws a line,
//! and a thread that was put to sleep in between is not ahead of the others.

/// How long one line is read, in nanoseconds: the pulse's interval, so that also an instance
/// without requests meets the machine's time at its ticks. It bounds every error: a counter that
/// runs k times too fast is wrong by (k - 1) spans, once, and one that runs k times too slowly by
/// (k - 1) spans, too, since its line lasts k spans.
pub(super) const SPAN: u64 = 100_000_000;

/// Spans for which a line is drawn out while no next one is there. Beyond them nothing has been
/// read for a span, so that a step to the machine's time comes between no two readings.
const DRAWN_OUT: u64 = 2;

/// The largest share by which the pace may leave the first one. NTP steers by 0.0005 at most; a
/// moved virtual machine and a sleep are far above this.
const TRUSTED: f64 = 0.005;

/// Nanoseconds that two cores' counters may differ by. A count that lies before the line by no more
/// is read as the line's beginning.
const SKEW: u64 = 10_000;

/// Binary digits of a rate behind the point.
const DIGITS: u32 = 32;

/// A count and the machine's time, in nanoseconds since the origin, that were read together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) count: u64,
    pub(super) machine: u64,
}

/// What the count says about the time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Line {
    /// The pace is being learned, since this moment.
    Learning(Moment),
    /// The count tells the time.
    Straight(Straight),
    /// The counter is not to be trusted; the machine's time is used, plus `ahead`, so that no
    /// reading precedes an earlier one.
    Off {
        /// Nanoseconds that the last line was ahead of the machine's time.
        ahead: u64,
    },
}

/// A line that begins at a meeting of count and time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Straight {
    /// Count at the beginning.
    pub(super) at: u64,
    /// Nanoseconds since the origin at the beginning.
    pub(super) nanos: u64,
    /// Nanoseconds a count, times 2^32.
    pub(super) rate: u64,
    /// Counts for which the line is good.
    pub(super) span: u64,
}

impl Straight {
    /// The time at a count in nanoseconds; none if the count lies outside of the line.
    #[inline]
    pub(super) fn read(self, count: u64) -> Option<u64> {
        let counts = count.wrapping_sub(self.at);
        (counts <= self.span).then(|| self.after(counts))
    }

    #[inline]
    fn after(self, counts: u64) -> u64 {
        self.nanos.saturating_add(spanned(counts, self.rate))
    }
}

impl Line {
    /// The time to be given where the line has none for a count: the line drawn out, and the
    /// machine's, but never less than was given before, where nothing was read for long.
    pub(super) fn otherwise(self, now: Moment) -> u64 {
        match self {
            Self::Learning(_) => now.machine,
            Self::Straight(line) => {
                let counts = now.count.saturating_sub(line.at);
                let most = line.span.saturating_mul(DRAWN_OUT);
                if counts <= most { line.after(counts) } else { now.machine.max(line.after(most)) }
            }
            Self::Off { ahead } => now.machine.saturating_add(ahead),
        }
    }

    /// Whether count and time should meet: the line has ended, or has been learned for a span.
    pub(super) fn is_over(self, now: Moment) -> bool {
        match self {
            Self::Learning(since) => now.machine.saturating_sub(since.machine) >= SPAN,
            Self::Straight(line) => {
                now.count.saturating_sub(line.at) > line.span
                    || spanned(line.at.saturating_sub(now.count), line.rate) > SKEW
            }
            Self::Off { .. } => false,
        }
    }

    /// The next line. `last` is the meeting before, `first` the first rate that was learned.
    pub(super) fn meet(self, now: Moment, last: Moment, first: Option<u64>) -> Self {
        if let Self::Off { .. } = self {
            return self;
        }
        let given = self.otherwise(now);
        match pace(last, now) {
            Some(pace) if first.is_none_or(|first| near(pace, first)) => {
                Self::Straight(Straight::from(given, now, pace))
            }
            _ => Self::Off { ahead: given.saturating_sub(now.machine) },
        }
    }
}

impl Straight {
    /// A line that begins with what was given and ends where the machine's time will be: half as
    /// fast as that at least, and half as fast again at most.
    fn from(given: u64, now: Moment, pace: u64) -> Self {
        let span = (u128::from(SPAN) << DIGITS) / u128::from(pace.max(1));
        let way = (now.machine + SPAN).saturating_sub(given).clamp(SPAN / 2, SPAN * 3 / 2);
        let rate = u128::from(pace) * u128::from(way) / u128::from(SPAN);
        Self {
            at: now.count,
            nanos: given,
            rate: u64::try_from(rate).unwrap_or(pace),
            span: u64::try_from(span).unwrap_or(0),
        }
    }
}

/// Counts at a rate as nanoseconds.
#[inline]
fn spanned(counts: u64, rate: u64) -> u64 {
    let nanos = (u128::from(counts) * u128::from(rate)) >> DIGITS;
    u64::try_from(nanos).unwrap_or(u64::MAX)
}

/// Nanoseconds a count, times 2^32; none where nothing was counted or the pace is absurd (over a
/// microsecond a count: such a counter tells less than the machine's clock).
fn pace(last: Moment, now: Moment) -> Option<u64> {
    let counts = now.count.saturating_sub(last.count);
    let nanos = now.machine.saturating_sub(last.machine);
    let rate = (u128::from(nanos) << DIGITS).checked_div(u128::from(counts))?;
    u64::try_from(rate).ok().filter(|rate| (1..1_000 << DIGITS).contains(rate))
}

#[expect(clippy::cast_precision_loss, reason = "a ratio of two rates near each other")]
fn near(rate: u64, first: u64) -> bool {
    (rate as f64 / first as f64 - 1.0).abs() <= TRUSTED
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A counter and the machine's time beside it, read as `SystemClock` reads them.
    struct Machine {
        now: Moment,
        line: Line,
        last: Moment,
        first: Option<u64>,
    }

    impl Machine {
        fn new() -> Self {
            let now = Moment { count: 7_000_000_000_000, machine: 5 };
            Self { now, line: Line::Learning(now), last: now, first: None }
        }

        /// Both move: the machine's time by `nanos`, the counter by `per` counts a nanosecond.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        fn pass(&mut self, nanos: u64, per: f64) {
            self.now.machine += nanos;
            self.now.count += (nanos as f64 * per) as u64;
        }

        fn read(&mut self) -> u64 {
            if let Line::Straight(line) = self.line
                && let Some(nanos) = line.read(self.now.count)
            {
                return nanos;
            }
            if self.line.is_over(self.now) {
                self.line = self.line.meet(self.now, self.last, self.first);
                self.last = self.now;
                if let (None, Line::Straight(line)) = (self.first, self.line) {
                    self.first = Some(line.rate);
                }
            }
            self.line.otherwise(self.now)
        }

        /// Reads until the counter is in use.
        fn learned(mut self, per: f64) -> Self {
            for _ in 0..3 {
                self.pass(SPAN, per);
                let _ = self.read();
            }
            assert!(matches!(self.line, Line::Straight(_)), "{:?}", self.line);
            self
        }
    }

    proptest! {
        /// NTP steers the machine's time by up to 500 ppm against the counter: the line follows
        /// within what two spans can differ by (the pace by 1,000 ppm, and as much to work off),
        /// and never goes back.
        #[test]
        fn a_steered_clock_is_followed_and_never_goes_back(
            pace in 0.02f64..5.0,
            steps in prop::collection::vec((1u64..2_000_000_000, -5e-4f64..5e-4), 1..200),
        ) {
            let mut machine = Machine::new().learned(pace);
            let mut before = machine.read();
            for (nanos, steered) in steps {
                machine.pass(nanos, pace * (1.0 + steered));
                let now = machine.read();
                prop_assert!(now >= before, "{} after {}", now, before);
                let off = now.abs_diff(machine.now.machine);
                prop_assert!(off <= 400_000, "off by {} ns", off);
                before = now;
            }
            prop_assert!(matches!(machine.line, Line::Straight(_)));
        }

        /// A thread that was put to sleep between count and time shows nothing that lies ahead of
        /// what the others read when it wakes, though its time does: NTP makes lines fall behind.
        #[test]
        fn a_thread_that_slept_is_not_ahead_of_the_others(
            pace in 0.02f64..5.0,
            steps in prop::collection::vec((1u64..SPAN, -5e-4f64..5e-4), 1..200),
        ) {
            let mut machine = Machine::new().learned(pace);
            for (nanos, steered) in steps {
                let count = machine.now.count;
                machine.pass(nanos, pace * (1.0 + steered));
                let others = machine.read();
                let slept = machine.line.otherwise(Moment { count, ..machine.now });
                prop_assert!(slept <= others, "{} ahead of {}", slept, others);
            }
        }

        /// The counter jumps, stops or changes its pace: the time is wrong by what that makes in
        /// one line, the machine's clock takes over at the next meeting, and no reading precedes an
        /// earlier one.
        #[test]
        fn a_counter_that_lies_is_given_up_within_a_span(
            pace in 0.02f64..5.0,
            jump in prop_oneof![Just(0i64), -4_000_000_000_000i64..-1_000_000_000, 1_000_000_000i64..4_000_000_000_000],
            after in prop_oneof![0.25f64..0.98, 1.02f64..3.0],
            steps in prop::collection::vec(1u64..60_000_000, 20..200),
        ) {
            let mut machine = Machine::new().learned(pace);
            machine.now.count = machine.now.count.saturating_add_signed(jump);
            let mut before = 0;
            for nanos in steps {
                machine.pass(nanos, pace * after);
                let now = machine.read();
                prop_assert!(now >= before, "{} after {}", now, before);
                let off = now.abs_diff(machine.now.machine);
                prop_assert!(off <= 3 * SPAN + 100_000, "off by {} ns", off);
                before = now;
            }
            if machine.now.machine > 10 * SPAN {
                prop_assert!(matches!(machine.line, Line::Off { .. }), "{:?}", machine.line);
            }
        }
    }

    #[test]
    fn while_the_pace_is_learned_the_time_is_the_machines() {
        let mut machine = Machine::new();
        for _ in 0..9 {
            machine.pass(SPAN / 10, 3.0);
            assert_eq!(machine.read(), machine.now.machine);
        }
    }

    #[test]
    fn a_core_that_is_a_little_behind_reads_the_lines_beginning() {
        let mut machine = Machine::new().learned(3.0);
        machine.now.count -= 3 * SKEW / 2;
        let Line::Straight(line) = machine.line else { unreachable!("learned") };
        assert_eq!(machine.read(), line.nanos);
        assert_eq!(machine.line, Line::Straight(line), "no reason to give the counter up");
    }
}
