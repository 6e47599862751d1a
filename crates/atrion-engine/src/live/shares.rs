// SPDX-License-Identifier: Apache-2.0
//! What a route's tenants have had of late, and the place that this gives to their requests.
//!
//! It is looked at for a request with a tenant that does not pass by its tier alone: without
//! contention nothing is looked up, and nothing counted. So what is counted is a sample of what
//! comes, the same part of each tenant's.
//!
//! The sketch is a count-min with conservative update: [`ROWS`] rows of [`WIDTH`] places, each with
//! what all tenants that hash to it have had, and a tenant's count is the least of its places. It
//! is never too small. It is too large by more than e/2048 of all that came lately, 0.13 %, with a
//! probability below e^-3, 5 %. Places are chosen with a secret of the process, so no client can
//! choose to stand in another one's.
//!
//! In a fleet a claim goes by what the tenant has had on all nodes: a node says its heaviest few,
//! and what peers say stands beside the sketch. It never enters it, so nothing that was heard is
//! said.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, LazyLock, OnceLock};

use arc_swap::ArcSwapOption;
use atrion_core::claim::{Claim, Claims, HeardTenants, Heaviest, Places, RecentWork, SIZES};
use atrion_core::{Mono, Priority, Spread, Tenant, Volts};

use super::stripe::{Reading, TIERS};
use super::sync::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use super::{Live, tier_index};

mod candidates;
use candidates::Candidates;

mod names;
pub(crate) use names::agree_on;
pub use names::tenant_of;

const ROWS: usize = 3;
const WIDTH: usize = 2_048;

/// A route's shares: none until a request with a tenant has met contention.
#[derive(Debug, Default)]
pub(super) struct Shares {
    wanted: AtomicBool,
    table: OnceLock<Box<Table>>,
}

#[derive(Debug)]
struct Table {
    /// Row by row, each a [`RecentWork`].
    places: Box<[AtomicU64]>,
    /// Units that came since the last tick, by tier and claim.
    came: [[AtomicU32; SIZES]; TIERS],
    /// What claims are small, and how far down the band the others stand, as of the last tick; NaN
    /// while nothing is known.
    small: [AtomicU32; TIERS],
    depths: [[AtomicU32; SIZES + 1]; TIERS],
    candidates: Candidates,
    /// What peers say.
    heard: ArcSwapOption<HeardTenants>,
}

/// Chooses places; one for the life of the process.
static SECRET: LazyLock<RandomState> = LazyLock::new(RandomState::new);

impl Table {
    fn new() -> Self {
        let unknown = || AtomicU32::new(f32::NAN.to_bits());
        Self {
            places: (0..ROWS * WIDTH).map(|_| AtomicU64::new(0)).collect(),
            came: std::array::from_fn(|_| std::array::from_fn(|_| AtomicU32::new(0))),
            small: std::array::from_fn(|_| unknown()),
            depths: std::array::from_fn(|_| std::array::from_fn(|_| unknown())),
            candidates: Candidates::new(),
            heard: ArcSwapOption::empty(),
        }
    }

    fn places(&self, hash: u64) -> [&AtomicU64; ROWS] {
        // Each row has bits of its own.
        std::array::from_fn(|row| &self.places[row * WIDTH + (hash >> (20 * row)) as usize % WIDTH])
    }

    /// What the tenant has had of late. Where it is `counted`, it has so much more from now on.
    fn had(&self, tenant: Tenant, counted: Option<u32>, now: Mono) -> f64 {
        let hash = SECRET.hash_one(tenant.key());
        let places = self.places(hash);
        let read = |place: &AtomicU64| RecentWork::from_bits(place.load(Relaxed)).units(now);
        let had = places.iter().map(|place| read(place)).fold(f64::INFINITY, f64::min);
        if let Some(units) = counted {
            let has = had + f64::from(units);
            for place in places {
                // Relaxed: each place stands for itself. It fails where there is more already.
                let _ = place.fetch_update(Relaxed, Relaxed, |bits| {
                    let known = RecentWork::from_bits(bits).units(now);
                    (known < has).then(|| RecentWork::of(has, now).to_bits())
                });
            }
            self.candidates.offer(tenant, hash, has, |other| self.had(other, None, now));
        }
        had
    }

    /// What the tenant has had on the whole fleet, where it has `had` so much here.
    fn on_the_fleet(&self, tenant: Tenant, had: f64) -> f64 {
        let heard = self.heard.load();
        heard.as_ref().map_or(had, |heard| heard.work(names::word(tenant), had))
    }

    fn heaviest(&self, now: Mono) -> Heaviest {
        let candidates = self.candidates.all(|tenant| self.had(tenant, None, now));
        let heaviest = Heaviest::of(candidates.map(|(tenant, units)| (names::word(tenant), units)));
        self.candidates.set_least(heaviest.least());
        heaviest
    }
}

impl Live {
    /// The voltage of a request, told by a number that differs from look to look. Where it is
    /// `counted`, a tenant has had it from now on, whether it passes or not: to repeat what was
    /// refused costs as much.
    pub(super) fn place(&self, priority: Priority, look: u64, counted: bool, now: Mono) -> Volts {
        let (spread, epoch) = (self.control().spread(), Priority::epoch(now));
        let volts = priority.resolve(spread, epoch, look);
        match (priority.of_tenant(), priority.tier_of_band(), spread) {
            (Some(tenant), Some(_), Spread::Band) => {
                self.share(priority, tenant, epoch, look, counted, now).unwrap_or(volts)
            }
            // There is no other place in the band, or no band.
            _ => volts,
        }
    }

    #[cold]
    fn share(
        &self,
        priority: Priority,
        tenant: Tenant,
        epoch: u64,
        look: u64,
        counted: bool,
        now: Mono,
    ) -> Option<Volts> {
        let Some(table) = self.shares.table.get() else {
            self.shares.wanted.store(true, Relaxed);
            return None;
        };
        let (tier, units) = (priority.counted_as(), priority.units().get());
        let had = table.had(tenant, counted.then_some(units), now);
        let claim = Claim::of(table.on_the_fleet(tenant, had), tenant.weight(), priority.lot(epoch, look));
        if counted {
            table.came[tier_index(tier)][claim.size()].fetch_add(units, Relaxed);
        }
        let read = |cell: &AtomicU32| f64::from(f32::from_bits(cell.load(Relaxed)));
        let depths = &table.depths[tier_index(tier)];
        let (from, upto) = (read(&depths[claim.size()]), read(&depths[claim.size() + 1]));
        // Two neighbouring ticks may be mixed; a place is a place.
        (!from.is_nan() && !upto.is_nan())
            .then(|| claim.volts(tier, read(&table.small[tier_index(tier)]), from, upto))
    }

    /// What the node says of its tenants, if they have met contention of late.
    pub(crate) fn heaviest_tenants(&self, now: Mono) -> Heaviest {
        self.shares.table.get().map_or(Heaviest::NONE, |table| table.heaviest(now))
    }

    /// From now on claims go by what peers say, too. `None`: they say nothing, or are not listened
    /// to.
    pub(crate) fn hear_tenants(&self, heard: Option<&Arc<HeardTenants>>) {
        if let Some(table) = self.shares.table.get()
            && (heard.is_some() || table.heard.load().is_some())
        {
            table.heard.store(heard.cloned());
        }
    }

    /// The pulse's look: places follow what came in a window of so many seconds.
    pub(crate) fn spread_shares(
        &self,
        claims: &mut Option<Box<[Claims; TIERS]>>,
        counted: &Reading,
        seconds: f64,
    ) {
        let Some(table) = self.shares.table.get() else {
            if self.shares.wanted.load(Relaxed) {
                self.shares.table.get_or_init(|| Box::new(Table::new()));
            }
            return;
        };
        let claims = claims.get_or_insert_with(Box::default);
        for (tier, claims) in claims.iter_mut().enumerate() {
            let came = std::array::from_fn(|nth| table.came[tier][nth].swap(0, Relaxed));
            let refused = counted.shed.iter().map(|by_tier| u64::from(by_tier[tier])).sum();
            claims.step(seconds, &came, counted.admitted[tier].into(), refused);
            let unknown = Places { small: f32::NAN, depths: [f32::NAN; SIZES + 1] };
            let Places { small, depths } = claims.places().unwrap_or(unknown);
            table.small[tier].store(small.to_bits(), Relaxed);
            for (place, depth) in table.depths[tier].iter().zip(depths) {
                place.store(depth.to_bits(), Relaxed);
            }
        }
    }
}

#[cfg(all(test, not(atrion_loom)))]
#[allow(clippy::unwrap_used)] // helpers speak as tests do
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;
    use std::time::Duration;

    use atrion_core::{Outcome, SplitMix64, Tier, Wall};
    use atrion_state::FakeClock;

    use super::*;
    use crate::{Config, Engine};

    #[test]
    fn a_count_is_never_too_small_and_hardly_ever_too_large() {
        let (table, mut exact, mut random) = (Table::new(), HashMap::new(), SplitMix64::new(5));
        for _ in 0..100_000 {
            // Few that ask for much among very many that ask for little.
            let key = random.next_u64() >> (40 + random.next_u64() % 24);
            table.had(Tenant::new(key), Some(1), Mono::ZERO);
            *exact.entry(key).or_insert(0.0) += 1.0;
        }
        let most = std::f64::consts::E / WIDTH as f64 * 100_000.0;
        let over = |(key, exact): (&u64, &f64)| table.had(Tenant::new(*key), None, Mono::ZERO) - exact;
        let errors: Vec<f64> = exact.iter().map(over).collect();
        assert!(errors.len() > 10_000 && errors.iter().all(|error| *error > -0.1), "{}", errors.len());
        let large = errors.iter().filter(|error| **error > most).count();
        assert!(large as f64 <= 0.05 * errors.len() as f64, "{large} of {}", errors.len());
    }

    #[test]
    fn nothing_is_kept_without_contention_or_without_a_tenant() {
        let clock = FakeClock::at(Mono::from_nanos(1), Wall::from_millis(0));
        let tick = Duration::from_millis(100);
        let engine = Engine::new(Config::default(), Arc::new(clock.clone()), Vec::new(), tick).unwrap();
        let route = engine.route("r");
        let of_a_tenant = Priority::tier(Tier::Normal).tenant(tenant_of("acme"));
        let is_kept = |priority: Priority| {
            for _ in 0..20 {
                if let Ok(permit) = route.admit(priority) {
                    permit.finish(Outcome::Success);
                }
            }
            clock.advance(tick);
            engine.pulse(engine.now());
            route.cell().live().shares.table.get().is_some()
        };
        assert!(!is_kept(of_a_tenant));
        let above_all = Priority::volts(Volts::saturating(1e6));
        let _crowd: Vec<_> = (0..1_000).map(|_| route.admit_owned(above_all).unwrap()).collect();
        assert!(!is_kept(Priority::tier(Tier::Normal)));
        assert!(is_kept(of_a_tenant));
    }
}
