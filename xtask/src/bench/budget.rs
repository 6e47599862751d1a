// SPDX-License-Identifier: Apache-2.0
//! The budgets of the hot paths, and whether they are met.

use anyhow::Context as _;

use super::figures::Figures;

/// The budget of one path.
pub(super) struct Budget {
    pub(super) path: &'static str,
    pub(super) most: f64,
    pub(super) unit: &'static str,
    measure: fn(&Figures) -> Option<f64>,
    /// The bench that measures it.
    pub(super) from: &'static str,
    /// The reason when it is missed.
    pub(super) obstacle: &'static str,
}

/// A budget and its measurement.
pub(super) struct Verdict {
    pub(super) budget: &'static Budget,
    pub(super) measured: f64,
}

/// The hot route of the budgets: the caller reads the clock, as a server does in any case.
pub(super) const ATRION: &str = "atrion";
/// The same while metrics are exported.
pub(super) const ATRION_OBSERVED: &str = "atrion, observed";
/// The same with a clock reading of Atrion at each end.
pub(super) const ATRION_OWN_CLOCK: &str = "atrion, own clock";
/// The peer that reads the clock once.
const GOVERNOR: &str = "governor";
/// Two clock readings and nothing else.
pub(super) const CLOCK_ALONE: &str = "the clock alone";
/// Two raw readings of the processor's counter and nothing else.
pub(super) const COUNTER_ALONE: &str = "the counter alone";

/// A service without a layer, with the two gates of Atrion's, and with the cheapest other one that
/// measures latency.
const NO_LAYER: &str = "no layer";
const LAYER: &str = "atrion";
const LAYER_PEER: &str = "tower-resilience, adaptive";

/// A GET that axum serves: with a layer that does nothing, with Atrion's, and over a socket.
const NO_OP: &str = "axum, a layer that does nothing";
const IN_AXUM: &str = "axum, atrion";
const ON_A_SOCKET: &str = "axum on a socket";

static BUDGETS: [Budget; 17] = [
    Budget {
        path: "admit + finish, one hot route, one thread",
        most: 10.0,
        unit: "ns",
        measure: |figures| admit(figures, ATRION, 1),
        from: "bench `admit`",
        obstacle: "A request moves eleven words of its thread's own counters and reads two shared lines. The row *observed*, below, does the same work: by how much the two differ is the machine's spread.",
    },
    Budget {
        path: "the same per thread, on two threads",
        most: 1.3,
        unit: "x",
        measure: |figures| Some(admit(figures, ATRION, 2)? / admit(figures, ATRION, 1)?),
        from: "bench `admit`",
        obstacle: "Neither thread writes a line that the other touches, so the rest is the machine. The factor of the clock alone, below, says how much of it other processes used.",
    },
    Budget {
        path: "the same with the instance's own clock, against two raw readings of the processor's counter, one thread",
        most: 1.15,
        unit: "x",
        measure: |figures| Some(admit(figures, ATRION_OWN_CLOCK, 1)? / admit(figures, COUNTER_ALONE, 1)?),
        from: "bench `admit`",
        obstacle: "Two raw readings and the guard take 1.4 times the two readings one after the other, and a processor reorders little around a counter. Where it has no counter that its system trusts, the time is the system's, at two to four times the cost.",
    },
    Budget {
        path: "the same with the instance's own clock, against one check of governor, one thread",
        most: 1.3,
        unit: "x",
        measure: |figures| Some(admit(figures, ATRION_OWN_CLOCK, 1)? / admit(figures, GOVERNOR, 1)?),
        from: "bench `admit`",
        obstacle: "A rate limiter reads the clock once and learns no latency, which takes a reading at the end, too. Where two raw readings alone (the row *the counter alone*) take more than this budget leaves, nothing that measures a latency can keep it.",
    },
    Budget {
        path: "the same with an OpenTelemetry exporter that is scraped ten times a second, against without, one thread",
        most: 1.1,
        unit: "x",
        measure: |figures| Some(admit(figures, ATRION_OBSERVED, 1)? / admit(figures, ATRION, 1)?),
        from: "bench `admit`",
        obstacle: "A request does the same work in both. The rest is the spread of two runs, and a scrape that shares the processor.",
    },
    Budget {
        path: "allocations of admit + finish",
        most: 0.0,
        unit: "",
        measure: |figures| figures.plain("allocations per admit and finish"),
        from: "bench `figures`",
        obstacle: "A request allocates.",
    },
    Budget {
        path: "the HTTP layer with both gates, without two raw readings of the counter",
        most: 60.0,
        unit: "ns",
        measure: |figures| Some(of_layer(figures, LAYER)? - admit(figures, COUNTER_ALONE, 1)?),
        from: "bench `layers`",
        obstacle: "The two gates are an eighth of its instructions, as callgrind counts them below. Most of the others move and drop the request and the response and look the route up by name. The moves take longest: a wide load waits for the narrow stores before it. Fewer of them need a service that takes its request by reference.",
    },
    Budget {
        path: "the HTTP layer with both gates, against the cheapest other one that measures latency",
        most: 0.5,
        unit: "x",
        measure: |figures| Some(of_layer(figures, LAYER)? / of_layer(figures, LAYER_PEER)?),
        from: "bench `layers`",
        obstacle: "As before: that one looks no route up.",
    },
    Budget {
        path: "what it adds to a layer that does nothing, as a share of a GET that axum serves on the loopback address",
        most: 1.0,
        unit: "%",
        measure: |figures| {
            let more = layer(figures, IN_AXUM)? - layer(figures, NO_OP)?;
            Some(100.0 * more / layer(figures, ON_A_SOCKET)?)
        },
        from: "bench `layers`",
        obstacle: "The layer adds an eighth to the instructions of axum in memory, as callgrind counts them below, beside which a socket has the kernel's: those of the row before, and axum puts the watched bodies of request and response on the heap. The GET answers with a word: the longer one works, the smaller is the share.",
    },
    Budget {
        path: "allocations of the HTTP layer",
        most: 0.0,
        unit: "",
        measure: |figures| figures.plain(&format!("allocations of {LAYER}")),
        from: "bench `figures`",
        obstacle: "A request allocates.",
    },
    Budget {
        path: "route lookup by name, a hundred hot names among 10,000 routes",
        most: 40.0,
        unit: "ns",
        measure: |figures| Some(figures.median("routes/lookup, hot among 10000")?.ns),
        from: "bench `routes`",
        obstacle: "Hashing, the guard that keeps the map readable without a lock, comparing the name, and two changes of the route's reference count.",
    },
    Budget {
        path: "route lookup by name, all of 10,000 routes in turn",
        most: 40.0,
        unit: "ns",
        measure: |figures| Some(figures.median("routes/lookup, in turn of 10000")?.ns),
        from: "bench `routes`",
        obstacle: "The map's entry, the name it is compared with, and the route's reference count lie on three lines that are cold when 10,000 names take turns. A kept handle needs no look-up.",
    },
    Budget {
        path: "COMPUTE of one route",
        most: 100.0,
        unit: "ns",
        measure: |figures| Some(figures.median("compute/one busy route")?.ns),
        from: "bench `compute`",
        obstacle: "Its instructions, as callgrind counts them below, are those of 25 laws, none of which takes a tenth of it.",
    },
    Budget {
        path: "one pulse over 100,000 routes, one in a hundred with traffic",
        most: 10.0,
        unit: "ms",
        measure: |figures| Some(figures.median("routes/pulse over 100000, 1 % busy")?.ns / 1e6),
        from: "bench `routes`",
        obstacle: "A route with traffic costs what COMPUTE costs, plus its cold memory.",
    },
    Budget {
        path: "one pulse over 100,000 routes, all with traffic",
        most: 10.0,
        unit: "ms",
        measure: |figures| Some(figures.median("routes/pulse over 100000, all busy")?.ns / 1e6),
        from: "bench `routes`",
        obstacle: "Every route's counters, state and gate, as much as an idle route takes below, come from memory in each pulse, which takes longer than the physics. A pulse of 5 ms or more is computed beside the runtime's threads, so no task of the service waits for it. Most instances have hundreds of routes.",
    },
    Budget {
        path: "memory of an idle route",
        most: 512.0,
        unit: "B",
        measure: |figures| figures.plain("bytes per idle route"),
        from: "bench `figures`",
        obstacle: "What requests touch are counters and gates, on lines apart by who writes them. More is the pulse's: the last reading of the counters, their totals by tier, reason and outcome, and the ages of what is in flight. A route is made by its first request, so making the latter at first use would save only routes that are declared and never asked for.",
    },
    Budget {
        path: "p99.9 of admit with a dead or hanging store, against a healthy one",
        most: 1.2,
        unit: "x",
        measure: worst_store,
        from: "bench `figures`",
        obstacle: "The tasks of the pulse wait for the sick store and share the processor.",
    },
];

impl Budget {
    /// Every budget with its measurement in this run.
    ///
    /// # Errors
    ///
    /// If a figure is missing: a budget that was not measured must not look met.
    pub(super) fn all(figures: &Figures) -> anyhow::Result<Vec<Verdict>> {
        let verdict = |budget: &'static Budget| {
            let measured = (budget.measure)(figures)
                .with_context(|| format!("{} was not measured by {}", budget.path, budget.from))?;
            Ok(Verdict { budget, measured })
        };
        BUDGETS.iter().map(verdict).collect()
    }
}

impl Verdict {
    pub(super) fn is_missed(&self) -> bool {
        self.measured > self.budget.most
    }

    /// The verdict in words: `met (37 % of it)` or `**missed** (2.10 times it)`.
    pub(super) fn words(&self) -> String {
        let (measured, most) = (self.measured, self.budget.most);
        if !self.is_missed() {
            if most > 0.0 {
                format!("met ({:.0} % of it)", 100.0 * measured / most)
            } else {
                "met".to_owned()
            }
        } else if most > 0.0 {
            format!("**missed** ({:.2} times it)", measured / most)
        } else {
            "**missed**".to_owned()
        }
    }
}

/// The median of one guard, in nanoseconds per operation and thread.
pub(super) fn admit(figures: &Figures, guard: &str, threads: u32) -> Option<f64> {
    Some(figures.median(&format!("admit/{guard}/{threads}"))?.ns)
}

/// The median of a request through a layer, in nanoseconds.
pub(super) fn layer(figures: &Figures, name: &str) -> Option<f64> {
    Some(figures.median(&format!("layers/{name}"))?.ns)
}

/// What a layer adds to the service alone.
fn of_layer(figures: &Figures, name: &str) -> Option<f64> {
    Some(layer(figures, name)? - layer(figures, NO_LAYER)?)
}

/// The worse of the two sick stores, divided by the healthy one.
fn worst_store(figures: &Figures) -> Option<f64> {
    let of = |store: &str| figures.plain(&format!("p99.9 of admit, {store} store"));
    Some(of("dead")?.max(of("hanging")?) / of("healthy")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(most: f64, measured: f64) -> String {
        let budget = Budget { path: "", most, unit: "", measure: |_| None, from: "", obstacle: "" };
        Verdict { budget: Box::leak(Box::new(budget)), measured }.words()
    }

    #[test]
    fn a_verdict_says_how_far_it_is() {
        assert_eq!(verdict(10.0, 5.0), "met (50 % of it)");
        assert_eq!(verdict(10.0, 25.0), "**missed** (2.50 times it)");
        assert_eq!(verdict(0.0, 0.0), "met");
        assert_eq!(verdict(0.0, 1.0), "**missed**");
    }

    #[test]
    fn what_was_not_measured_is_an_error() {
        assert!(Budget::all(&Figures::default()).is_err());
    }
}
