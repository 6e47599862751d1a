// SPDX-License-Identifier: Apache-2.0
//! Time as a straight line over a processor's counter, and what makes the line be given up. Pure:
//! counts and the machine's time come in as values.
//!
//! A processor counts at a constant pace (x86's invariant TSC, arm's virtual counter), and reading
//! the count costs less than half of asking the machine for the time. The pace is not known
//! beforehand, differs from the machine's time by what NTP steers, and jumps where a virtual
//! machine moves or a laptop sleeps. So a line is good for [`SPAN`] only. Then count and time meet
//! again: the next line has the pace of the last one's span, and a pace that differs by more than
//! [`TRUSTED`] from the first one ends the use of the counter for good.

/// How long one line is read, in nanoseconds: the pulse's interval, so that also an instance
/// without requests meets the machine's time at its ticks. It bounds every error: a counter that
/// runs k times too fast is wrong by (k - 1) spans, once, and one that runs k times too slowly by
/// (k - 1) spans, too, since its line lasts k spans.
pub(super) const SPAN: u64 = 100_000_000;

/// The largest share by which the pace may leave the first one. NTP steers by 0.0005 at most; a
/// moved virtual machine and a sleep are far above this.
const TRUSTED: f64 = 0.005;

/// Nanoseconds that two cores' counters may differ by. A count that lies before the line by no more
/// is read as the line's beginning.
const SKEW: u64 = 10_000;

/// Binary digits of a rate behind the point.
const DIGITS: u32 = 32;

/// What the count says about the time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Line {
    /// The pace is being learned, since this count and this time.
    Learning {
        /// Count at the beginning.
        at: u64,
        /// Nanoseconds since the origin at the beginning.
        nanos: u64,
    },
    /// The count tells the time.
    Straight(Straight),
    /// The counter is not to be trusted; the machine's time is used, plus `ahead`, so that no
    /// reading precedes an earlier one.
    Off {
        /// Nanoseconds that the last line was ahead of the machine's time.
        ahead: u64,
    },
}

/// A line through one meeting of count and time.
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
        (counts <= self.span).then(|| self.nanos.saturating_add(spanned(counts, self.rate)))
    }

    /// The latest time that the line can have given by now.
    fn given(self, count: u64) -> u64 {
        let counts = count.saturating_sub(self.at).min(self.span);
        self.nanos.saturating_add(spanned(counts, self.rate))
    }
}

impl Line {
    /// The time to be given when the line has none for a count: the machine's, but never less than
    /// what the line may have given before.
    pub(super) fn otherwise(self, count: u64, machine: u64) -> u64 {
        match self {
            Self::Learning { .. } => machine,
            Self::Straight(line) => machine.max(line.given(count)),
            Self::Off { ahead } => machine.saturating_add(ahead),
        }
    }

    /// Whether count and time should meet: the line has ended, or has been learned for a span.
    pub(super) fn is_over(self, count: u64, machine: u64) -> bool {
        match self {
            Self::Learning { nanos, .. } => machine.saturating_sub(nanos) >= SPAN,
            Self::Straight(line) => {
                count.saturating_sub(line.at) > line.span
                    || spanned(line.at.saturating_sub(count), line.rate) > SKEW
            }
            Self::Off { .. } => false,
        }
    }

    /// The next line, after count and the machine's time were read together. `first` is the first
    /// rate that was learned.
    pub(super) fn meet(self, count: u64, machine: u64, first: Option<u64>) -> Self {
        let (at, nanos) = match self {
            Self::Learning { at, nanos } => (at, nanos),
            Self::Straight(line) => (line.at, line.nanos),
            Self::Off { .. } => return self,
        };
        let given = self.otherwise(count, machine);
        let ahead = given.saturating_sub(machine);
        match rate(count.saturating_sub(at), machine.saturating_sub(nanos)) {
            Some(rate) if first.is_none_or(|first| near(rate, first)) => {
                Self::Straight(Straight::after(count, given, ahead, rate))
            }
            _ => Self::Off { ahead },
        }
    }
}

impl Straight {
    /// A line that begins with what was given and ends where the machine's time will be: what it is
    /// ahead by is worked off over the span, at half the pace at most.
    fn after(count: u64, given: u64, ahead: u64, rate: u64) -> Self {
        let span = (u128::from(SPAN) << DIGITS) / u128::from(rate.max(1));
        let behind = ahead.min(SPAN / 2);
        let slower = u128::from(rate) * u128::from(SPAN - behind) / u128::from(SPAN);
        Self {
            at: count,
            nanos: given,
            rate: u64::try_from(slower).unwrap_or(rate),
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
fn rate(counts: u64, nanos: u64) -> Option<u64> {
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
        count: u64,
        nanos: u64,
        line: Line,
        first: Option<u64>,
    }

    impl Machine {
        fn new() -> Self {
            let (count, nanos) = (7_000_000_000_000, 5);
            Self { count, nanos, line: Line::Learning { at: count, nanos }, first: None }
        }

        /// Both move: the machine's time by `nanos`, the counter by `per` counts a nanosecond.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        fn pass(&mut self, nanos: u64, per: f64) {
            self.nanos += nanos;
            self.count += (nanos as f64 * per) as u64;
        }

        fn read(&mut self) -> u64 {
            if let Line::Straight(line) = self.line
                && let Some(nanos) = line.read(self.count)
            {
                return nanos;
            }
            if self.line.is_over(self.count, self.nanos) {
                self.line = self.line.meet(self.count, self.nanos, self.first);
                if let (None, Line::Straight(line)) = (self.first, self.line) {
                    self.first = Some(line.rate);
                }
                if let Line::Straight(line) = self.line {
                    return line.read(self.count).unwrap_or(0);
                }
            }
            self.line.otherwise(self.count, self.nanos)
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
        /// within what one span can differ by, and never goes back.
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
                let off = now.abs_diff(machine.nanos);
                prop_assert!(off <= 200_000, "off by {} ns", off);
                before = now;
            }
            prop_assert!(matches!(machine.line, Line::Straight(_)));
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
            machine.count = machine.count.saturating_add_signed(jump);
            let mut before = 0;
            for nanos in steps {
                machine.pass(nanos, pace * after);
                let now = machine.read();
                prop_assert!(now >= before, "{} after {}", now, before);
                let off = now.abs_diff(machine.nanos);
                prop_assert!(off <= 3 * SPAN + 100_000, "off by {} ns", off);
                before = now;
            }
            if machine.nanos > 10 * SPAN {
                prop_assert!(matches!(machine.line, Line::Off { .. }), "{:?}", machine.line);
            }
        }
    }

    #[test]
    fn while_the_pace_is_learned_the_time_is_the_machines() {
        let mut machine = Machine::new();
        for _ in 0..9 {
            machine.pass(SPAN / 10, 3.0);
            assert_eq!(machine.read(), machine.nanos);
        }
    }

    #[test]
    fn a_core_that_is_a_little_behind_reads_the_lines_beginning() {
        let mut machine = Machine::new().learned(3.0);
        machine.count -= 3 * SKEW / 2;
        let Line::Straight(line) = machine.line else { unreachable!("learned") };
        assert_eq!(machine.read(), line.nanos);
        assert_eq!(machine.line, Line::Straight(line), "no reason to give the counter up");
    }
}
