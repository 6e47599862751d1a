// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Which routes' latest minutes are kept: a bounded number of routes, those in trouble first, then
//! those in use.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use atrion_core::{Mode, Mono, Wall};
use atrion_engine::Atrion;
use atrion_engine::recording::{Kept, Recorded};
use atrion_state::{RouteId, lock};

use crate::source::Sighting;

/// Routes at a time.
pub(crate) const ROUTES: usize = 8;

/// R this much above its base is trouble: requests may be refused.
const TROUBLE_OHMS: f64 = 2.0;

/// The latest minutes of some routes. Memory: about 0.4 MB per minute and route, for at most
/// [`ROUTES`] of them.
#[derive(Debug, Default)]
pub(crate) struct Minutes(Mutex<BTreeMap<RouteId, Watched>>);

#[derive(Debug)]
struct Watched {
    kept: Kept,
    /// The number of the look at which it was last in trouble; 0 is never.
    trouble: u64,
    /// The number of the latest look that saw it.
    seen: u64,
}

impl Minutes {
    /// Takes in a look: gives places to routes that need one.
    pub(crate) fn tend(&self, atrion: &Atrion, routes: &[Sighting], span: Duration) {
        let mut watched = lock(&self.0);
        let look = watched.values().map(|one| one.seen).max().unwrap_or(0) + 1;
        let mut waiting = Vec::new();
        for route in routes {
            let [base, rest @ ..] = route.terms;
            debug_assert!(base >= 0.0);
            let in_trouble = route.mode == Mode::CircuitBreaker || rest.iter().sum::<f64>() > TROUBLE_OHMS;
            match watched.get_mut(&route.route) {
                Some(one) => {
                    one.seen = look;
                    one.trouble = if in_trouble { look } else { one.trouble };
                }
                None if in_trouble || route.in_flight > 0.0 || route.latency.is_some() => {
                    waiting.push((in_trouble, &route.route));
                }
                None => {}
            }
        }
        // A route that was forgotten and comes back is a new route.
        watched.retain(|_, one| one.seen == look);
        waiting.sort_by_key(|(in_trouble, _)| !in_trouble);
        for (in_trouble, id) in waiting {
            if watched.len() >= ROUTES {
                // A route in trouble takes the place of the route that has been calm longest.
                let calmest =
                    watched.iter().filter(|(_, one)| one.trouble < look).min_by_key(|(_, one)| one.trouble);
                match calmest.map(|(id, _)| id.clone()).filter(|_| in_trouble) {
                    Some(calmest) => watched.remove(&calmest),
                    None => break,
                };
            }
            let kept = atrion.route(id.as_str()).keep(span);
            let trouble = if in_trouble { look } else { 0 };
            watched.insert(id.clone(), Watched { kept, trouble, seen: look });
        }
    }

    /// The routes of which something is kept, with the number of their pulses.
    pub(crate) fn kept(&self) -> Vec<(RouteId, usize)> {
        lock(&self.0)
            .iter()
            .map(|(id, one)| (id.clone(), one.kept.len()))
            .filter(|(_, pulses)| *pulses > 0)
            .collect()
    }

    pub(crate) fn recorded(&self, route: &str, now: Mono, wall: Wall) -> Option<Recorded> {
        let watched = lock(&self.0);
        watched.iter().find(|(id, _)| id.as_str() == route).map(|(_, one)| one.kept.recorded(now, wall))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sighting(name: &str, ohms: f64) -> Sighting {
        let calm = Sighting::calm(RouteId::new(name).unwrap());
        Sighting { terms: [10.0, ohms, 0.0, 0.0, 0.0, 0.0, 0.0], in_flight: 1.0, ..calm }
    }

    #[tokio::test]
    async fn trouble_takes_the_place_of_what_was_calm_longest_and_of_nothing_else() {
        let atrion = Atrion::builder().connect().await.unwrap();
        let minutes = Minutes::default();
        let watched =
            |minutes: &Minutes| lock(&minutes.0).keys().map(ToString::to_string).collect::<Vec<_>>();
        let span = Duration::from_secs(60);
        let all = |trouble: &[usize]| -> Vec<Sighting> {
            let ohms = |nth| if trouble.contains(&nth) { 30.0 } else { 0.0 };
            (0..20).map(|nth| sighting(&format!("r{nth:02}"), ohms(nth))).collect()
        };
        minutes.tend(&atrion, &all(&[]), span);
        assert_eq!(watched(&minutes).len(), ROUTES);
        assert!(!watched(&minutes).contains(&"r19".to_owned()));
        minutes.tend(&atrion, &all(&[0, 19]), span);
        assert_eq!(watched(&minutes).len(), ROUTES);
        assert!(["r00", "r19"].iter().all(|name| watched(&minutes).contains(&(*name).to_owned())));
        // All are in trouble: none loses its place.
        let before = watched(&minutes);
        minutes.tend(&atrion, &all(&(0..20).collect::<Vec<_>>()), span);
        assert_eq!(watched(&minutes), before);
        minutes.tend(&atrion, &[], span);
        assert!(watched(&minutes).is_empty());
    }
}
