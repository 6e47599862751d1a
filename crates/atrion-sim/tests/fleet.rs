// SPDX-License-Identifier: Apache-2.0
//! The fleet world: repeatable to the bit, nothing without sharing, and the laws of sharing that it
//! supports.
#![allow(clippy::unwrap_used, clippy::float_cmp)] // a test may panic: that is how it speaks

use atrion_core::{Direction, Gamma};
use atrion_sim::fleet::{Fleet, FleetError, Grid, Network, Outcome, Row, Trouble};

fn gamma(value: f64) -> Option<Gamma> {
    Some(Gamma::new(value).unwrap())
}

fn grid(trouble: Trouble, nodes: usize, gammas: &[f64]) -> Grid {
    let gammas = gammas.iter().map(|value| Gamma::new(*value).unwrap()).collect();
    Grid {
        troubles: vec![trouble],
        nodes: vec![nodes],
        gammas,
        direction: Direction::Both,
        seeds: vec![1, 2, 3],
    }
}

fn rows(trouble: Trouble, nodes: usize, gammas: &[f64]) -> Vec<Row> {
    grid(trouble, nodes, gammas).live(2, &|_| ()).unwrap()
}

fn life(fleet: Fleet) -> Outcome {
    fleet.live().unwrap()
}

#[test]
fn the_same_fleet_gives_the_same_bits_on_any_thread() {
    for trouble in Trouble::ALL {
        let fleet = Fleet::new(9, trouble, 7);
        let first = life(fleet);
        let elsewhere = std::thread::scope(|scope| {
            let lives: Vec<_> = (0..3).map(|_| scope.spawn(|| life(fleet))).collect();
            lives.into_iter().map(|life| life.join().unwrap()).collect::<Vec<_>>()
        });
        assert!(elsewhere.iter().all(|other| *other == first), "{trouble}");
        assert_ne!(life(Fleet { seed: 8, ..fleet }).digest, first.digest, "{trouble}");
    }
}

#[test]
fn a_grid_does_not_depend_on_the_number_of_threads() {
    let grid = Grid { troubles: Trouble::ALL.to_vec(), ..grid(Trouble::Outage, 4, &[0.0, 0.3]) };
    let (one, three) = (grid.live(1, &|_| ()).unwrap(), grid.live(3, &|_| ()).unwrap());
    assert_eq!(one, three);
    assert_eq!(one.len() * grid.seeds.len(), grid.lives());
}

#[test]
fn gamma_0_is_no_sharing_to_the_bit() {
    for trouble in Trouble::ALL {
        let fleet = Fleet::new(10, trouble, 3);
        let alone = life(Fleet { gamma: None, ..fleet });
        let deaf = life(Fleet { gamma: gamma(0.0), ..fleet });
        assert_eq!(deaf.digest, alone.digest, "{trouble}");
        assert_eq!((deaf.looks, alone.looks), (0, 0), "at gamma 0 the peers are not asked for");
        let sharing = life(Fleet { gamma: gamma(0.3), ..fleet });
        assert_ne!(sharing.digest, alone.digest, "{trouble}");
    }
}

#[test]
fn every_gamma_meets_the_same_requests() {
    let requests = |value| life(Fleet { gamma: gamma(value), ..Fleet::new(6, Trouble::Lone, 5) }).requests;
    assert_eq!(requests(0.0), requests(1.0));
}

/// The law that the measurement supports: the more a slow node listens, the sooner it brakes, up to
/// half a second.
#[test]
fn the_more_a_slow_node_listens_the_earlier_it_is_warned() {
    for trouble in [Trouble::Outage, Trouble::BrownOut] {
        let rows = rows(trouble, 20, &[0.0, 0.1, 0.3, 0.5, 1.0]);
        let brakes: Vec<f64> = rows.iter().map(|row| row.outcome.slow.unwrap().seconds).collect();
        assert!(brakes.windows(2).all(|pair| pair[1] <= pair[0] + 0.5), "{trouble}: {brakes:?}");
        assert!(brakes[2] < 0.5 * brakes[0], "{trouble}: {brakes:?}");
    }
}

#[test]
fn one_sick_node_moves_the_others_by_gamma_and_its_share_at_most() {
    for nodes in [5, 20] {
        for row in rows(Trouble::Lone, nodes, &[0.1, 0.3, 0.5]) {
            let out = row.outcome;
            assert_eq!(out.false_important, Some(0.0), "{nodes} nodes, {:?}", row.gamma);
            // The clip is 60 ohms; busy peers weigh the same, slow ones less, and a cold one
            // listens more.
            let bound = 60.0 * row.gamma.get();
            assert!(out.false_ohms.unwrap() <= bound, "{nodes} nodes, {:?}: {out:?}", row.gamma);
        }
    }
}

#[test]
fn a_node_without_the_store_is_on_its_own_and_none_is_worse_off() {
    let slow = |trouble, value| rows(trouble, 20, &[value])[0].outcome.slow.unwrap();
    let (alone, all, split) =
        (slow(Trouble::Split, 0.0), slow(Trouble::Outage, 0.3), slow(Trouble::Split, 0.3));
    assert!(split.seconds > all.seconds + 1.0, "half of them are not warned: {split:?} and {all:?}");
    assert!(split.seconds < 0.8 * alone.seconds, "the others are: {split:?} and {alone:?}");
}

#[test]
fn a_lone_victim_pays_for_the_others_calm_unless_they_may_only_raise() {
    let sick = |value, direction| {
        let grid = Grid { direction, ..grid(Trouble::LoneBrownOut, 20, &[value]) };
        grid.live(2, &|_| ()).unwrap()[0].outcome.busy.unwrap()
    };
    let alone = sick(0.0, Direction::Both);
    assert!(sick(0.5, Direction::Both).seconds > alone.seconds);
    assert!(sick(0.5, Direction::RaiseOnly).seconds <= alone.seconds + 0.1);
}

#[test]
fn lost_registers_are_made_up_for() {
    let fleet = Fleet::new(12, Trouble::Outage, 2);
    let lossy = Network { loss: 0.3, ..fleet.network };
    let (clean, lossy) = (life(fleet), life(Fleet { network: lossy, ..fleet }));
    let slow = |out: Outcome| out.slow.unwrap().seconds;
    assert!(slow(lossy) < slow(clean) + 1.0, "{lossy:?} and {clean:?}");
}

#[test]
fn a_fleet_of_one_is_none() {
    let error = Fleet::new(1, Trouble::Outage, 1).live().unwrap_err();
    assert!(matches!(error, FleetError::Nodes(1)));
    assert_eq!(error.to_string(), "`nodes` must be 2..=1000, got 1");
}
