// SPDX-License-Identifier: Apache-2.0
//! The state of the instance as exporters read it: one snapshot per pulse, shared by all
//! instruments and all readers, however many collect at once.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use atrion_core::{Mode, Ohms, Share, Terms};
use atrion_engine::{RouteSnapshot, WeakAtrion};
use atrion_state::{LicenseStanding, ProviderStats, RouteId, lock};
use opentelemetry::StringValue;

use crate::instance::InstanceName;
use crate::shown::{Shown, Totals, Transitions};

/// The name that routes without series of their own share.
const OTHER: &str = "__other__";

/// All that one collection shows.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    pub(crate) routes: Vec<RouteReading>,
    /// Routes with series of their own, and those that share.
    pub(crate) shown: usize,
    pub(crate) other: usize,
    pub(crate) stores: Vec<ProviderStats>,
    pub(crate) licenses: Vec<LicenseStanding>,
}

/// One route, or all that share a name.
#[derive(Debug)]
pub(crate) struct RouteReading {
    pub(crate) name: StringValue,
    /// Its requests are counted at their routes.
    pub(crate) is_group: bool,
    pub(crate) totals: Totals,
    pub(crate) transitions: Transitions,
    pub(crate) active: i64,
    pub(crate) streams: i64,
    pub(crate) overtaken: i64,
    pub(crate) leases: i64,
    /// How long the most silent holder of a lease has been silent; `None` without a lease.
    pub(crate) oldest_beat: Option<Duration>,
    /// N*, in requests.
    pub(crate) target: f64,
    /// What the fleet leaves to this node; of routes that share a name, nothing.
    pub(crate) share: Option<Share>,
    pub(crate) resistance: f64,
    pub(crate) terms: Terms,
    /// Multiples of the uncrowded latency; `None` while that is unknown.
    pub(crate) latency: Option<f64>,
    pub(crate) error: f64,
    pub(crate) saturation: f64,
    /// By mode, whether the route is in it, or any of the routes that share the name.
    pub(crate) modes: [bool; Mode::ALL.len()],
}

#[derive(Debug)]
pub(crate) struct Reader {
    instance: InstanceName,
    pulses: AtomicU64,
    state: Mutex<State>,
    /// Held while a snapshot is taken and read: an older snapshot must not follow a newer one.
    collecting: Mutex<()>,
}

#[derive(Debug)]
struct State {
    watched: Option<WeakAtrion>,
    shown: Shown,
    licenses: HashMap<&'static str, LicenseStanding>,
    /// The latest reading, and the pulse after which it was made.
    latest: Option<(u64, Arc<Reading>)>,
}

impl Reader {
    pub(crate) fn new(instance: InstanceName, routes: usize) -> Self {
        let (watched, shown, licenses, latest) = (None, Shown::new(routes), HashMap::new(), None);
        let state = Mutex::new(State { watched, shown, licenses, latest });
        Self { instance, pulses: AtomicU64::new(0), state, collecting: Mutex::default() }
    }

    pub(crate) fn instance(&self) -> &str {
        self.instance.as_str()
    }

    pub(crate) fn watch(&self, watched: WeakAtrion) {
        let mut state = self.state();
        (state.watched, state.latest) = (Some(watched), None);
    }

    pub(crate) fn pulsed(&self) {
        // Relaxed: a reader that misses this shows the pulse before.
        self.pulses.fetch_add(1, Relaxed);
    }

    pub(crate) fn changed_mode(&self, route: &RouteId, from: Mode, to: Mode) {
        self.state().shown.changed_mode(route, from, to);
    }

    pub(crate) fn licensed(&self, provider: &'static str, license: &LicenseStanding) {
        self.state().licenses.insert(provider, license.clone());
    }

    /// The latest reading; an empty one once the instance is gone.
    pub(crate) fn read(&self) -> Arc<Reading> {
        let _alone = lock(&self.collecting);
        let pulse = self.pulses.load(Relaxed);
        let (watched, latest) = {
            let state = self.state();
            (state.watched.clone(), state.latest.clone())
        };
        let Some(atrion) = watched.and_then(|watched| watched.upgrade()) else { return Arc::default() };
        if let Some((made, reading)) = latest
            // An exporter that watches and does not observe hears no pulse.
            && made == pulse
            && pulse > 0
        {
            return reading;
        }
        // Not under the lock: the pulse takes it to report a change, and must not wait for a walk
        // over all routes.
        let (snapshot, stores) = (atrion.snapshot(), atrion.provider_stats());
        let mut state = self.state();
        let reading = Arc::new(state.reading(&snapshot.routes, stores));
        state.latest = Some((pulse, Arc::clone(&reading)));
        reading
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl State {
    fn reading(&mut self, routes: &[RouteSnapshot], stores: Vec<ProviderStats>) -> Reading {
        let places = self.shown.take(routes);
        let mut own = Vec::with_capacity(routes.len().min(places.len()));
        let mut rest: Option<RouteReading> = None;
        let mut other = 0;
        for (route, place) in routes.iter().zip(places) {
            if let Some(totals) = place {
                own.push(RouteReading::of(route, totals, self.shown.transitions(&route.id)));
                continue;
            }
            other += 1;
            let reading = RouteReading::of(route, Totals::default(), Transitions::new());
            rest = Some(rest.map_or_else(|| reading.clone_as_other(), |rest| rest.with(&reading)));
        }
        let shown = own.len();
        let (totals, transitions) = self.shown.other();
        if rest.is_some() || totals != Totals::default() {
            // Counters never fall, also when the last of these routes is gone.
            own.push(RouteReading { totals, transitions, ..rest.unwrap_or_else(RouteReading::none) });
        }
        // What a store says now is newer than what its latest event said.
        let told = self.licenses.iter().filter(|(provider, _)| {
            !stores.iter().any(|store| store.provider == **provider && store.license.is_some())
        });
        let mut licenses: Vec<_> = told.map(|(_, license)| license.clone()).collect();
        licenses.extend(stores.iter().filter_map(|store| store.license.clone()));
        Reading { routes: own, shown, other, stores, licenses }
    }
}

impl RouteReading {
    fn of(route: &RouteSnapshot, totals: Totals, transitions: Transitions) -> Self {
        let used = route.in_flight as f64 + route.debt;
        let count = |calls: u64| if route.is_group { 0 } else { i64::try_from(calls).unwrap_or(i64::MAX) };
        Self {
            name: StringValue::from(route.id.as_str().to_owned()),
            is_group: route.is_group,
            totals,
            transitions,
            active: count(route.in_flight),
            streams: count(route.streams),
            overtaken: count(route.overtaken),
            leases: count(route.leases.len() as u64),
            oldest_beat: route.leases.iter().map(|lease| lease.since_beat).max(),
            target: route.target,
            share: route.share,
            resistance: route.resistance.get(),
            terms: route.terms,
            latency: route.latency.zip(route.baseline).map(|(now, base)| now.div_duration_f64(base)),
            error: route.error_share,
            saturation: if route.target > 0.0 { used / route.target } else { 0.0 },
            modes: Mode::ALL.map(|mode| mode == route.mode),
        }
    }

    /// The name for the others, without any route.
    fn none() -> Self {
        Self {
            name: StringValue::from(OTHER),
            is_group: false,
            totals: Totals::default(),
            transitions: Transitions::new(),
            active: 0,
            streams: 0,
            overtaken: 0,
            leases: 0,
            oldest_beat: None,
            target: 0.0,
            share: None,
            resistance: 0.0,
            terms: Terms::default(),
            latency: None,
            error: 0.0,
            saturation: 0.0,
            modes: [false; Mode::ALL.len()],
        }
    }

    fn clone_as_other(&self) -> Self {
        Self::none().with(self)
    }

    /// Adds another route: counts are summed, of the rest the worse value counts.
    fn with(self, other: &Self) -> Self {
        let worse = |one: Ohms, another: Ohms| if another > one { another } else { one };
        let (one, another) = (self.terms, other.terms);
        let mut modes = self.modes;
        modes.iter_mut().zip(other.modes).for_each(|(one, another)| *one |= another);
        Self {
            active: self.active.saturating_add(other.active),
            streams: self.streams.saturating_add(other.streams),
            overtaken: self.overtaken.saturating_add(other.overtaken),
            leases: self.leases.saturating_add(other.leases),
            oldest_beat: self.oldest_beat.max(other.oldest_beat),
            target: self.target + other.target,
            resistance: self.resistance.max(other.resistance),
            terms: Terms {
                base: worse(one.base, another.base),
                saturation: worse(one.saturation, another.saturation),
                momentum: worse(one.momentum, another.momentum),
                scar: worse(one.scar, another.scar),
                staleness: worse(one.staleness, another.staleness),
                cluster: one.cluster.max(another.cluster),
                signal: worse(one.signal, another.signal),
            },
            latency: match (self.latency, other.latency) {
                (Some(one), Some(another)) => Some(one.max(another)),
                (one, another) => one.or(another),
            },
            error: self.error.max(other.error),
            saturation: self.saturation.max(other.saturation),
            modes,
            ..self
        }
    }
}
