// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Traffic that never stops, while something befalls a store.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use atrion_core::{Outcome, Tier};
use atrion_engine::Route;

/// A thread that admits on these routes, again and again.
pub(crate) struct Traffic {
    stop: Arc<AtomicBool>,
    nanos: Arc<Mutex<Vec<u32>>>,
    refused: Arc<AtomicUsize>,
    thread: JoinHandle<()>,
}

#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) admitted: usize,
    pub(crate) refused: usize,
    pub(crate) p99: Duration,
    pub(crate) worst: Duration,
}

impl Traffic {
    pub(crate) fn start(routes: Vec<Route>) -> Self {
        let (stop, refused) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let nanos = Arc::new(Mutex::new(Vec::new()));
        let thread = std::thread::spawn({
            let (stop, nanos, refused) = (Arc::clone(&stop), Arc::clone(&nanos), Arc::clone(&refused));
            move || {
                let mut burst = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    for route in routes.iter().cycle().take(50) {
                        let began = Instant::now();
                        let permit = route.admit(Tier::Normal);
                        burst.push(u32::try_from(began.elapsed().as_nanos()).unwrap_or(u32::MAX));
                        match permit {
                            Ok(permit) => permit.finish(Outcome::Success),
                            Err(_) => drop(refused.fetch_add(1, Ordering::Relaxed)),
                        }
                    }
                    nanos.lock().unwrap().append(&mut burst);
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
        });
        Self { stop, nanos, refused, thread }
    }

    /// What the admissions since the last call were like.
    pub(crate) fn report(&self) -> Report {
        let mut nanos = std::mem::take(&mut *self.nanos.lock().unwrap());
        nanos.sort_unstable();
        let at = |share: f64| {
            let index = ((nanos.len() - 1) as f64 * share) as usize;
            Duration::from_nanos(u64::from(nanos[index]))
        };
        let refused = self.refused.swap(0, Ordering::Relaxed);
        Report { admitted: nanos.len() - refused, refused, p99: at(0.99), worst: at(1.0) }
    }

    pub(crate) fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
    }
}
