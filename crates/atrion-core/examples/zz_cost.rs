use atrion_core::adaptive::Pairs;
use atrion_core::*;
use std::hint::black_box;
use std::time::{Duration, Instant};
fn main() {
    println!("state {} window {}", size_of::<AdaptiveState>(), size_of::<Window>());
    for (name, config) in [
        ("slo", AdaptiveConfig { slo: Some(Duration::from_millis(200)), ..Default::default() }),
        ("no slo", AdaptiveConfig::default()),
    ] {
        let tick = Tick::new(Duration::from_millis(100), &config);
        let mk = |i: usize, idle: bool| {
            if idle {
                return Window { since_completion: 5.0, ..Window::default() };
            }
            let mut w = Window {
                admitted: 100,
                succeeded: 90,
                failed: (i % 5) as u64,
                late: 5,
                latency_sum: 95.0 * 0.02,
                mean_in_flight: 2.0 + (i % 7) as f64,
                in_flight: 3,
                debt: 0.5,
                since_completion: 0.01,
                mean_age: 0.01,
                ..Window::default()
            };
            for k in 0..10 {
                w.pairs = w.pairs.with((k + i % 7) as f64, 0.02 + 0.001 * k as f64);
            }
            w
        };
        for idle in [false, true] {
            let windows: Vec<_> = (0..1000).map(|i| mk(i, idle)).collect();
            let mut states = vec![AdaptiveState::default(); 1000];
            for _ in 0..20 {
                for (s, w) in states.iter_mut().zip(&windows) {
                    *s = s.step(&tick, w, &config);
                }
            }
            let mut best = f64::MAX;
            for _ in 0..30 {
                let t = Instant::now();
                for _ in 0..20 {
                    for (s, w) in states.iter_mut().zip(&windows) {
                        *s = s.step(&tick, black_box(w), &config);
                        black_box(s.law(None, &config).compile());
                    }
                }
                best = best.min(t.elapsed().as_nanos() as f64 / 20_000.0);
            }
            println!("{name} idle={idle}: {best:.1} ns/route; tick::new:");
        }
        let t = Instant::now();
        for _ in 0..10000 {
            black_box(Tick::new(black_box(Duration::from_millis(100)), &config));
        }
        println!("tick {:.0} ns", t.elapsed().as_nanos() as f64 / 1e4);
    }
}
