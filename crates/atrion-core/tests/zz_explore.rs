#![allow(missing_docs, dead_code, unused)]
mod support {
    pub(crate) mod dice;
    pub(crate) mod plant;
    pub(crate) mod route;
}
use atrion_core::*;
use support::plant::*;
fn show(name: &str, w: &World, r: &Report) {
    println!(
        "{name:24} pass {:?} goodput {:.0}/{:.0} n {:.1} N* {:.1} lat {:.3} L0 {:.4} eps {:.2} X {:.0} S {:.1} D {:.1} {} gap {:.2}",
        Tier::ALL.map(|t| (r.passed(t) * 100.0).round()),
        r.goodput(),
        w.plant.capacity(),
        r.mean_in_flight,
        r.mean_target,
        r.mean_latency(),
        w.route.state.baseline().base(),
        w.route.state.elasticity(),
        w.route.state.throughput(),
        w.route.state.scar().get(),
        w.route.debt,
        w.route.state.mode(),
        r.longest_gap
    );
}
#[test]
fn start_under_overload() {
    for (workers, service, slo) in [
        (10usize, 0.05, None),
        (4, 0.02, None),
        (50, 0.1, None),
        (10, 0.05, Some(0.5)),
        (10, 0.05, Some(0.2)),
        (1, 0.01, None),
        (200, 0.2, None),
    ] {
        for over in [1.3, 2.0, 3.0, 6.0] {
            println!("--- c={workers} s={service} slo={slo:?} {over}x");
            let config = AdaptiveConfig {
                slo: slo.map(std::time::Duration::from_secs_f64),
                ..AdaptiveConfig::default()
            };
            let plant = Plant::of(workers, service);
            let mut w = World::new(config, plant, 1);
            let rate = plant.capacity() * over;
            for t in [1.0, 4.0, 5.0, 10.0, 20.0, 60.0] {
                let r = w.run(rate, t);
                show(&format!("+{t}"), &w, &r);
            }
            let r = w.run(plant.capacity() * 0.6, 5.0);
            show("healthy", &w, &r);
            let r = w.run(plant.capacity() * 0.6, 5.0);
            show("healthy", &w, &r);
        }
    }
}
#[test]
fn healthy_then_overload() {
    for (workers, service) in [(10usize, 0.05), (4, 0.02), (50, 0.1), (1, 0.01)] {
        println!("--- c={workers} s={service}");
        let plant = Plant::of(workers, service);
        let mut w = World::new(AdaptiveConfig::default(), plant, 1);
        let r = w.run(plant.capacity() * 0.6, 20.0);
        show("healthy", &w, &r);
        for t in [1.0, 4.0, 5.0, 10.0, 20.0, 60.0] {
            let r = w.run(plant.capacity() * 3.0, t);
            show(&format!("3x +{t}"), &w, &r);
        }
        for t in [0.5, 0.5, 1.0, 5.0] {
            let r = w.run(plant.capacity() * 0.6, t);
            show(&format!("healthy +{t}"), &w, &r);
        }
        w.plant.service *= 3.0;
        w.plant.workers *= 4;
        for t in [0.5, 0.5, 1.0, 5.0, 10.0, 20.0, 20.0] {
            let r = w.run(plant.capacity() * 0.6, t);
            show(&format!("slower, free +{t}"), &w, &r);
        }
    }
}

#[test]
fn variants() {
    println!(
        "plant: L0/s and latency/s at 5 s and 60 s after a start under overload; critical+high passed; goodput share; healthy-start passed in 5 s (all tiers)"
    );
    for (workers, service, slo) in [
        (10usize, 0.05, None),
        (4, 0.02, None),
        (50, 0.1, None),
        (1, 0.01, None),
        (200, 0.2, None),
        (500, 0.5, None),
        (10, 0.05, Some(0.2)),
        (10, 0.05, Some(0.5)),
        (50, 0.1, Some(0.3)),
        (100, 0.2, Some(1.0)),
        (50, 0.15, Some(0.2)),
        (50, 0.19, Some(0.2)),
    ] {
        for over in [0.6, 0.9, 1.3, 3.0, 6.0] {
            let mut acc = [0.0; 8];
            let seeds = 4;
            for seed in 0..seeds {
                let config = AdaptiveConfig {
                    slo: slo.map(std::time::Duration::from_secs_f64),
                    ..AdaptiveConfig::default()
                };
                let plant = Plant::of(workers, service);
                let mut w = World::new(config, plant, seed);
                let rate = plant.capacity() * over;
                let a = w.run(rate, 2.0);
                let b = w.run(rate, 3.0);
                acc[0] += w.route.state.baseline().base() / service;
                acc[1] += b.mean_latency() / service;
                acc[6] += (a.passed_of_all() * 2.0 + b.passed_of_all() * 3.0) / 5.0;
                w.run(rate, 55.0);
                let r = w.run(rate, 20.0);
                acc[2] += w.route.state.baseline().base() / service;
                acc[3] += r.mean_latency() / service;
                acc[4] += r.passed(Tier::Critical);
                acc[5] += r.goodput() / rate.min(plant.capacity());
                acc[7] += r.passed(Tier::High);
            }
            for v in &mut acc {
                *v /= seeds as f64;
            }
            println!(
                "c={workers:3} s={service} slo={slo:?} {over}x: L0 {:.2} lat {:.2} | L0 {:.2} lat {:.2} | crit {:.3} high {:.2} goodput {:.3} | first5 {:.3}",
                acc[0], acc[1], acc[2], acc[3], acc[4], acc[7], acc[5], acc[6]
            );
        }
    }
}

#[test]
fn shapes() {
    for shape in [Shape::Even, Shape::Exponential, Shape::TwoKinds] {
        for (workers, service) in
            [(10usize, 0.05), (1, 0.01), (50, 0.1), (200, 0.2), (500, 0.5), (100, 1.0), (2000, 0.5)]
        {
            for over in [0.1, 0.3, 0.6, 0.85, 3.0] {
                let mut acc = [0.0; 10];
                let seeds = 4;
                for seed in 0..seeds {
                    let plant = Plant { shape, ..Plant::of(workers, service) };
                    let mut w = World::new(AdaptiveConfig::default(), plant, seed);
                    let rate = plant.capacity() * over;
                    let mut low: f64 = 1.0;
                    for (i, t) in [2.0, 3.0, 5.0, 20.0].into_iter().enumerate() {
                        let r = w.run(rate, t);
                        acc[i] += r.passed_of_all();
                        acc[4 + i] += w.route.state.baseline().base() / service;
                        acc[8] = r.goodput() / rate.min(plant.capacity());
                        acc[9] = r.mean_latency() / service;
                    }
                }
                for v in &mut acc[..8] {
                    *v /= seeds as f64;
                }
                println!(
                    "c={workers:3} s={service} {shape:?} {over}x: pass {:.3} {:.3} {:.3} {:.3} | L0 {:.2} {:.2} {:.2} {:.2} | good {:.3} lat {:.2}",
                    acc[0], acc[1], acc[2], acc[3], acc[4], acc[5], acc[6], acc[7], acc[8], acc[9]
                );
            }
        }
    }
}
