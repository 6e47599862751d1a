// SPDX-License-Identifier: Apache-2.0
//! When a route sheds, as people are told of it: near its limit a route refuses in one pulse and
//! not in the next, and that is one story.

use std::time::Duration;

use atrion_core::Mono;

/// A time of shedding that has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shedding {
    since: Mono,
    shed: u64,
    admitted: u64,
    /// The first pulse without a refusal after the latest with one.
    calm: Option<Calm>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Calm {
    since: Mono,
    admitted: u64,
}

/// What there is to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    Started,
    Stopped { shed: u64, admitted: u64, lasted: Duration },
}

/// Shedding is over when no request was refused for this long.
const OVER: Duration = Duration::from_secs(1);

impl Shedding {
    /// A pulse in which so many requests were refused, and so many admitted.
    pub(crate) fn step(current: &mut Option<Box<Self>>, now: Mono, shed: u64, admitted: u64) -> Option<Turn> {
        let Some(shedding) = current else {
            return (shed > 0).then(|| {
                *current = Some(Box::new(Self { since: now, shed, admitted, calm: None }));
                Turn::Started
            });
        };
        if shed > 0 {
            shedding.shed += shed;
            shedding.admitted += admitted + shedding.calm.take().map_or(0, |calm| calm.admitted);
            return None;
        }
        let calm = shedding.calm.get_or_insert(Calm { since: now, admitted: 0 });
        calm.admitted += admitted;
        if now.since(calm.since) < OVER {
            return None;
        }
        let lasted = calm.since.since(shedding.since);
        let turn = Turn::Stopped { shed: shedding.shed, admitted: shedding.admitted, lasted };
        *current = None;
        Some(turn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_within_a_second_of_each_other_are_one_time_of_shedding() {
        let tick = Duration::from_millis(100);
        let (mut now, mut current, mut told) = (Mono::from_nanos(1), None, Vec::new());
        // Every third pulse refuses, for three seconds; then nothing.
        for pulse in 0..60 {
            let shed = u64::from(pulse < 30 && pulse % 3 == 0);
            told.extend(Shedding::step(&mut current, now, shed, 10));
            now = now.after(tick);
        }
        let lasted = 28 * tick;
        assert_eq!(told, [Turn::Started, Turn::Stopped { shed: 10, admitted: 280, lasted }]);
        assert_eq!(current, None);
    }
}
