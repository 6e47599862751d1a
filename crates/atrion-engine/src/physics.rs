// SPDX-License-Identifier: Apache-2.0
//! The slow side of a route: what was measured becomes physics, and physics becomes a gate. One COMPUTE is
//! [`RoutePhysics::compute`]; it is the same for the pulse and for telemetry that a caller hands in.

use std::sync::{Arc, Weak};
use std::time::Duration;

use atrion_core::adaptive::Tick;
use atrion_core::{Ladder, Mode, Mono, Ohms, Telemetry};
use atrion_state::{PhysicsVector, Restored, RouteId, StateManager};

use crate::config::RouteConfig;
use crate::fleet::{Ear, Listener};
use crate::live::{Live, Publication, Reading};
use crate::recording::{Decided, Pulse, RouteState, Start, Tap, Taps, Turn};

mod hearsay;
mod measure;
mod model;
mod totals;

pub(crate) use hearsay::Moved;
pub(crate) use measure::Measured;
pub(crate) use totals::Totals;

use hearsay::Hearsay;
use measure::Meter;
pub(crate) use model::Model;

/// The model, the meter that feeds it, and what the engine remembers between ticks.
#[derive(Debug)]
pub(crate) struct RoutePhysics {
    config: Arc<RouteConfig>,
    model: Model,
    meter: Meter,
    stepped_at: Mono,
    reported: Option<Reported>,
    /// The live side's generation as of the last tick: a different one means that the request path opened or closed.
    generation: u32,
    /// The mode as of the last tick, for whoever reports changes.
    mode: Mode,
    pub(crate) totals: Totals,
    /// What the fleet says, and what it does to the gate.
    hearsay: Hearsay,
    /// When each stripe's thread had last done anything, as of the last tick.
    last_moves: Vec<u64>,
    /// Who records the route.
    taps: Taps,
    /// What the request path has done since the last pulse that was recorded.
    turns: Vec<Turn>,
}

/// Saturation that a caller has measured itself. It holds until the next report, or for as long as a report is
/// worth something.
#[derive(Debug, Clone, Copy)]
struct Reported {
    saturation: f64,
    until: Mono,
}

/// Where a route stands: what its slow side reads and writes beside itself.
pub(crate) struct Site<'a> {
    pub(crate) route: &'a RouteId,
    pub(crate) live: &'a Live,
    pub(crate) ladder: &'a Ladder,
    /// How to listen to the fleet, if there is one.
    pub(crate) ear: Option<&'a Ear>,
    pub(crate) manager: &'a StateManager,
}

/// What one COMPUTE leaves behind for the pulse.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Computed {
    pub(crate) from: Mode,
    pub(crate) to: Mode,
    pub(crate) resistance: Ohms,
    pub(crate) counted: Reading,
    /// What the fleet's scars have begun or ceased to do to the gate.
    pub(crate) moved: Option<Moved>,
    /// A peer has a scar: the route is to be visited though nothing happens on it.
    pub(crate) hears: bool,
    /// Nothing will change without a request: the route needs no tick until it is touched again.
    pub(crate) is_quiet: bool,
}

/// The decay factors of the latest tick, for all routes of a pulse with the same configuration.
#[derive(Debug, Default)]
pub(crate) struct TickCache {
    last: Option<(Duration, Arc<RouteConfig>, Tick)>,
}

impl TickCache {
    fn of(&mut self, dt: Duration, config: &Arc<RouteConfig>, make: impl FnOnce() -> Tick) -> Tick {
        match &self.last {
            Some((same_dt, same_config, tick)) if *same_dt == dt && Arc::ptr_eq(same_config, config) => *tick,
            _ => {
                let tick = make();
                self.last = Some((dt, Arc::clone(config), tick));
                tick
            }
        }
    }
}

impl RoutePhysics {
    pub(crate) fn new(config: Arc<RouteConfig>, now: Mono) -> Self {
        let model = Model::new(&config.physics, now);
        Self {
            mode: model.mode(),
            model,
            meter: Meter::new(now),
            config,
            stepped_at: now,
            reported: None,
            generation: 0,
            totals: Totals::default(),
            hearsay: Hearsay::default(),
            last_moves: Vec::new(),
            taps: Taps::default(),
            turns: Vec::new(),
        }
    }

    /// The live side of a route that has just been created.
    pub(crate) fn first_live(&self, ladder: &Ladder, now: Mono) -> Live {
        Live::new(self.model.mode(), &self.publication(now, 0), &self.config.settings(), ladder, now)
    }

    /// Takes over what an earlier run of this node knew. Ignored once the route has measured anything itself.
    pub(crate) fn restore(&mut self, live: &Live, restored: &Restored, ladder: &Ladder, now: Mono) -> bool {
        if !self.model.is_fresh() {
            return false;
        }
        self.model = Model::restored(&self.config.physics, restored, now);
        // It was told to another scar; the next tick listens again.
        self.hearsay.mute();
        self.publish_all(live, ladder, now);
        self.record_anew(now);
        true
    }

    /// Forgets everything and learns anew.
    pub(crate) fn reset(&mut self, live: &Live, ladder: &Ladder, now: Mono) {
        self.model = Model::new(&self.config.physics, now);
        self.reported = None;
        self.hearsay.mute();
        live.forgive(now);
        self.publish_all(live, ladder, now);
        self.record_anew(now);
    }

    /// A new configuration takes over with the state there is; a different preset takes over the scar.
    pub(crate) fn reconfigure(&mut self, live: &Live, config: Arc<RouteConfig>, ladder: &Ladder, now: Mono) {
        if !self.model.fits(&config.physics) {
            let scar = self.model.scar();
            self.model = Model::with_scar(&config.physics, scar, now);
            self.hearsay.mute();
        }
        self.config = config;
        live.configure(&self.config.settings());
        self.publish_all(live, ladder, now);
        self.record_anew(now);
    }

    /// COMPUTE: measures what happened since the last one, steps the model, publishes the gate. A route that was idle is
    /// known to have been so until `interval` ago.
    pub(crate) fn compute(
        &mut self,
        site: &Site<'_>,
        now: Mono,
        interval: Duration,
        cache: &mut TickCache,
        report: Option<Telemetry>,
    ) -> Computed {
        let Site { live, ladder, .. } = *site;
        let mut has_closed = self.catch_up(live);
        let (from, before) = (self.mode, std::mem::take(&mut self.turns));
        // After a quiet time the model first ages over it, so that the window is as long as any other.
        let idle = now.since(self.stepped_at).saturating_sub(interval);
        let idle = if self.meter.was_idle() && idle > interval { idle } else { Duration::ZERO };
        if !idle.is_zero() {
            let tick = self.model.tick(idle, &self.config.physics, cache, &self.config);
            self.model.idle(&tick, now, &self.config);
            self.stepped_at = self.stepped_at.after(idle);
        }
        let dt = now.since(self.stepped_at);
        let mut measured = self.meter.measure(live, now, dt);
        // Also if that is back: a clock that has gone back costs this tick, not all until it has caught up.
        self.stepped_at = now;
        if let Some(telemetry) = report {
            let until = now.after(REPORT_HOLDS);
            self.reported = Some(Reported { saturation: telemetry.saturation, until });
        }
        self.reported = self
            .reported
            .filter(|reported| now < reported.until && reported.until.since(now) <= REPORT_HOLDS);

        live.open_if_dead_now(now);
        has_closed |= self.catch_up(live);
        let during = std::mem::take(&mut self.turns);
        if has_closed {
            // Who failed before the closing and who after it cannot be told within a window, and the former say nothing.
            measured.window.failed = 0;
        }
        let tick = self.model.tick(dt, &self.config.physics, cache, &self.config);
        self.model.step(&tick, &measured, report.as_ref(), now, &self.config);
        self.carry_out(live, now);
        live.relax_debt(measured.window.debt, self.model.debt());
        let moved = self.listen(site, now);
        if !self.taps.is_empty() {
            self.record(Fed { idle, dt, before, during, measured: &measured, report }, live, now);
        }
        self.publish_all(live, ladder, now);
        let seconds = dt.as_secs_f64();
        if seconds > 0.0 {
            let completions = measured.window.completions() as f64;
            live.set_pace(self.model.target(), completions / seconds, &mut self.last_moves, ladder);
            if measured.counted.admissions() as f64 / seconds >= BUSY && !live.is_striped() {
                live.stripe(crate::slot::stripes());
            }
        }
        self.totals.add(&measured.counted);
        self.mode = live.control().mode();
        Computed {
            from,
            to: self.mode,
            resistance: self.model.resistance_at_rest(&self.config.physics, now),
            counted: measured.counted,
            moved,
            hears: self.hearsay.is_on(),
            is_quiet: measured.window.in_flight == 0
                && measured.counted.admissions() + measured.counted.refusals() == 0
                && self.reported.is_none()
                && self.model.is_neutral(),
        }
    }

    /// There is something to hear about this route.
    pub(crate) fn attend(&mut self) {
        self.hearsay.attend();
    }

    /// A visit to a route on which nothing happens: peers' scars fade there, too, and so does what they do to the gate.
    /// Also says whether it is worth another visit.
    pub(crate) fn visit(&mut self, site: &Site<'_>, now: Mono) -> (Option<Moved>, bool) {
        // This tick has been here, or a clock has gone back and a tick will come.
        if self.stepped_at >= now {
            return (None, self.hearsay.is_on());
        }
        let moved = self.listen(site, now);
        self.publish_all(site.live, site.ladder, now);
        (moved, self.hearsay.is_on())
    }

    fn listen(&mut self, site: &Site<'_>, now: Mono) -> Option<Moved> {
        let scar = self.model.scar();
        let idle = now.since(self.stepped_at);
        let listener = || Listener {
            scar,
            evidence: self.model.evidence_after(idle),
            ceiling: self.config.scar_ceiling(),
        };
        self.hearsay.listen(site, scar, listener, now)
    }

    /// The request path may have opened or closed the breaker since the last tick: the model follows.
    /// True if it has closed.
    fn catch_up(&mut self, live: &Live) -> bool {
        let control = live.control();
        let steps = control.generation().wrapping_sub(self.generation);
        if steps == 0 {
            return false;
        }
        let is_open = control.mode() == Mode::CircuitBreaker;
        // Of several changes the last closing and the last opening count.
        let has_closed = steps > 1 || !is_open;
        if has_closed {
            self.model.closed(&self.config.physics);
            self.note(Turn::Closed);
            // A failure that raced the closing may have left some. Failures since then made none.
            live.forget_debt();
        }
        if is_open {
            self.model.opened_dead(&self.config.physics);
            self.note(Turn::Opened);
        }
        self.generation = control.generation();
        has_closed
    }

    /// A transition that the tick has decided reaches the requests.
    fn carry_out(&mut self, live: &Live, now: Mono) {
        let (decided, current) = (self.model.mode(), live.control());
        // Whoever has opened or closed since the tick began knew more than it: `catch_up` comes first.
        let generation = self.generation;
        let turned = match (current.mode(), decided) {
            (Mode::CircuitBreaker, Mode::CircuitBreaker) => false,
            (_, Mode::CircuitBreaker) => live.open(generation, now),
            // Only the literal law and a reset close at a tick.
            (Mode::CircuitBreaker, _) => live.close(generation),
            _ => false,
        };
        self.generation = generation.wrapping_add(u32::from(turned));
        if decided != Mode::CircuitBreaker {
            live.change_mode(self.generation, decided);
        }
    }

    fn publish_all(&mut self, live: &Live, ladder: &Ladder, now: Mono) {
        let in_flight = live.exact_in_flight_signed().max(0) as u64;
        self.carry_out(live, now);
        live.publish(&self.publication(now, in_flight), ladder);
        // A probe may have closed the breaker while the gate was being made.
        if live.has_moved_on(self.generation) {
            self.catch_up(live);
            live.publish(&self.publication(now, in_flight), ladder);
        }
    }

    fn publication(&self, now: Mono, in_flight: u64) -> Publication {
        let physics = &self.config.physics;
        let merged = self.hearsay.merged();
        let mut law = self.model.law(physics, merged, in_flight, now);
        let mut terms = self.model.terms(physics, merged, in_flight, now);
        let healthy = atrion_core::Law { rest: terms.base, ..law };
        if let Some(reported) = self.reported {
            terms.saturation = law.saturation(reported.saturation * law.target);
            law.rest = law.resistance(reported.saturation * law.target);
        }
        Publication {
            gate: law.compile(),
            healthy: healthy.compile(),
            terms,
            debt_gain: self.model.debt_gain(physics),
        }
    }

    /// The scar that the gate uses in the place of the own one, if the fleet has one.
    pub(crate) fn merged_scar(&self) -> Option<Ohms> {
        self.hearsay.merged()
    }

    pub(crate) fn vector(&self, wall: atrion_core::Wall, now: Mono) -> PhysicsVector {
        self.model.vector(&self.config.physics, wall, now)
    }

    /// What a recording that begins now starts from.
    pub(crate) fn begin_recording(&mut self, now: Mono) -> Start {
        // What the request path has done and no pulse has told yet is in this state: others that record go on from it, too.
        if !self.turns.is_empty() {
            self.record_anew(now);
        }
        start(&self.config, &self.model, now)
    }

    /// From now on this place is told what the route measures and decides, for as long as it lives.
    pub(crate) fn tap(&mut self, tap: Weak<dyn Tap>) {
        self.taps.add(tap);
    }

    fn note(&mut self, turn: Turn) {
        if !self.taps.is_empty() {
            self.turns.push(turn);
        }
    }

    fn record(&mut self, fed: Fed<'_>, live: &Live, now: Mono) {
        let Self { config, model, taps, reported, hearsay, .. } = self;
        let Fed { idle, dt, before, during, measured, report } = fed;
        let (merged, reported) = (hearsay.merged(), reported.map(|reported| reported.saturation));
        let nanos = |span: Duration| u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        let control = live.control();
        let mut pulse = Pulse {
            at: now,
            idle_ns: nanos(idle),
            dt_ns: nanos(dt),
            before,
            during,
            window: atrion_core::adaptive::Window { report, ..measured.window },
            reported,
            merged,
            shadow: control.is_shadow(),
            by_hand: control.force() != crate::live::Force::None,
            decided: Decided::by(model, &config.physics, merged, reported, measured.window.in_flight, now),
            ..Pulse::default()
        };
        pulse.count(&measured.counted);
        taps.pulse(&pulse, &|| start(config, model, now));
    }

    /// What has just happened is told by no pulse.
    fn record_anew(&mut self, now: Mono) {
        let Self { config, model, taps, turns, .. } = self;
        turns.clear();
        taps.restart(&|| start(config, model, now));
    }

    pub(crate) fn model(&self) -> &Model {
        &self.model
    }

    pub(crate) fn last_step(&self) -> Mono {
        self.stepped_at
    }
}

/// What one COMPUTE is fed, for those who record it.
struct Fed<'a> {
    idle: Duration,
    dt: Duration,
    before: Vec<Turn>,
    during: Vec<Turn>,
    measured: &'a Measured,
    report: Option<Telemetry>,
}

fn start(config: &RouteConfig, model: &Model, now: Mono) -> Start {
    Start { at: now, config: config.clone(), state: RouteState(model.clone()), lost: 0 }
}

/// A caller's saturation report holds so long. Whoever reports at all does so more often.
const REPORT_HOLDS: Duration = Duration::from_secs(3);

/// From so many admissions a second on, a route is worth a stripe for each thread.
const BUSY: f64 = 500.0;
