// SPDX-License-Identifier: Apache-2.0
//! The invariants of the merge: what a fleet may and may not do to the gate of one node.
#![allow(clippy::float_cmp, clippy::unwrap_used)] // exactness is what is tested; the inputs are valid by construction

use atrion_core::{Blend, Direction, Evidence, Gamma, Ohms, Own, Peer, blend};
use proptest::prelude::*;

const CEILING: f64 = 100.0;
const R_BASE: f64 = 10.0;
const R_BREAK: f64 = 100.0;

fn scar() -> impl Strategy<Value = f64> {
    prop_oneof![2 => Just(0.0), 6 => 0.0..120.0, 1 => 0.0..1e9]
}

fn evidence() -> impl Strategy<Value = f64> {
    prop_oneof![1 => Just(0.0), 1 => Just(1.0), 4 => 0.0..1.0, 1 => 0.0..0.01]
}

fn gamma() -> impl Strategy<Value = f64> {
    prop_oneof![1 => Just(0.0), 1 => Just(1.0), 6 => 0.0..1.0]
}

fn registers(most: usize) -> impl Strategy<Value = Vec<(f64, f64)>> {
    prop::collection::vec((scar(), evidence()), 0..most)
}

fn ohms(value: f64) -> Ohms {
    Ohms::new(value).unwrap()
}

fn peer(&(scar, weight): &(f64, f64)) -> Peer {
    Peer { scar: ohms(scar), weight: Evidence::saturating(weight), ..Peer::default() }
}

fn own(scar: f64, evidence: f64) -> Own {
    Own::new(ohms(scar), Evidence::saturating(evidence))
}

fn listening(gamma: f64) -> Blend {
    Blend::new(Gamma::new(gamma).unwrap(), ohms(CEILING))
}

fn merged(blend: &Blend, own: Own, peers: &[(f64, f64)]) -> f64 {
    blend.merged(own, peers.iter().map(peer)).get()
}

/// Equal but for rounding.
fn same(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1e-3)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// I1, no amplification: min_j min(S_j, C) <= S_merged <= max_j S_j.
    #[test]
    fn nothing_is_amplified(g in gamma(), s in scar(), c in evidence(), peers in registers(30), epistemic: bool) {
        let blend = Blend { epistemic, ..listening(g) };
        let result = merged(&blend, own(s, c), &peers);
        let all = || peers.iter().map(|&(scar, _)| scar).chain([s]);
        let least = all().map(|scar| scar.min(CEILING)).fold(f64::INFINITY, f64::min);
        let most = all().fold(0.0, f64::max);
        prop_assert!(result >= least * (1.0 - 1e-9) && result <= most * (1.0 + 1e-9), "{least} {result} {most}");
    }

    /// I2: with gamma 0, or without peers, S_i to the bit.
    #[test]
    fn isolation_is_exact(g in gamma(), s in scar(), c in evidence(), peers in registers(10), raise: bool) {
        let direction = if raise { Direction::RaiseOnly } else { Direction::Both };
        let isolated = Blend { direction, ..listening(0.0) };
        prop_assert_eq!(merged(&isolated, own(s, c), &peers).to_bits(), s.to_bits());
        let alone = Blend { direction, ..listening(g) };
        prop_assert_eq!(merged(&alone, own(s, c), &[]).to_bits(), s.to_bits());
    }

    /// I3: with gamma 1 every member of one view has the same scar.
    #[test]
    fn a_hive_agrees(fleet in prop::collection::vec((scar(), evidence()), 2..30)) {
        let seen_by = |i: usize| {
            let mut peers = fleet.clone();
            let (s, c) = peers.remove(i);
            merged(&listening(1.0), own(s, c), &peers)
        };
        for i in 1..fleet.len() {
            prop_assert!(same(seen_by(0), seen_by(i)));
        }
    }

    /// I4: where all have the same scar s <= C, the merge has it too.
    #[test]
    fn agreement_is_kept(
        g in gamma(), s in 0.0..=CEILING, c in evidence(), weights in prop::collection::vec(evidence(), 0..30),
    ) {
        let peers: Vec<_> = weights.into_iter().map(|weight| (s, weight)).collect();
        prop_assert!(same(merged(&listening(g), own(s, c), &peers), s));
    }

    /// I5: non-decreasing in every S_j and in S_i.
    #[test]
    fn more_scar_anywhere_is_never_less(
        g in gamma(), s in scar(), c in evidence(), peers in registers(30), which: prop::sample::Index, more in scar(),
    ) {
        let blend = listening(g);
        let before = merged(&blend, own(s, c), &peers);
        let slack = 1e-9 * before.max(1e-3);
        prop_assert!(merged(&blend, own(s + more, c), &peers) >= before - slack);
        if !peers.is_empty() {
            let mut worse = peers.clone();
            worse[which.index(peers.len())].0 += more;
            prop_assert!(merged(&blend, own(s, c), &worse) >= before - slack);
        }
    }

    /// I6: the order of the peers does not matter.
    #[test]
    fn order_does_not_matter(
        g in gamma(), s in scar(), c in evidence(),
        (peers, shuffled) in registers(30).prop_flat_map(|peers| (Just(peers.clone()), Just(peers).prop_shuffle())),
    ) {
        let blend = listening(g);
        prop_assert!(same(merged(&blend, own(s, c), &peers), merged(&blend, own(s, c), &shuffled)));
    }

    /// I7: homogeneous under common decay, where neither C nor H clips.
    #[test]
    fn common_decay_commutes(
        g in gamma(), s in 0.0..50.0, c in evidence(), peers in prop::collection::vec((0.0..50.0, evidence()), 0..30),
        decay in 0.01..1.0,
    ) {
        let blend = listening(g);
        let later: Vec<_> = peers.iter().map(|&(scar, weight)| (scar * decay, weight)).collect();
        prop_assert!(same(merged(&blend, own(s * decay, c), &later), merged(&blend, own(s, c), &peers) * decay));
    }

    /// I8: one liar, the others at 0, no own evidence: at most g C.
    #[test]
    fn one_liar_moves_a_node_by_gamma_c_at_most(
        g in gamma(), lie in 0.0..1e9, weights in prop::collection::vec(evidence(), 1..30),
    ) {
        let mut peers: Vec<_> = weights.into_iter().map(|weight| (0.0, weight)).collect();
        peers[0].0 = lie;
        prop_assert!(merged(&listening(g), own(0.0, 0.0), &peers) <= g * CEILING * (1.0 + 1e-9));
    }

    /// I9: with g < 0.8 hearsay alone keeps R under R_break, whatever the peers say.
    #[test]
    fn hearsay_never_reaches_the_break(g in 0.0..0.8, peers in registers(30)) {
        let r = R_BASE + merged(&listening(g), own(0.0, 0.0), &peers);
        prop_assert!(r < R_BREAK, "{r}");
    }

    /// I13: with full own evidence, or with less than two peers, the formula of the RFC over the
    /// weighted mean.
    #[test]
    fn full_evidence_is_the_literal_formula(
        g in gamma(), s in scar(), peers in prop::collection::vec((scar(), evidence()), 1..30), c in evidence(),
    ) {
        let literal = |c: f64, peers: &[(f64, f64)]| {
            let view = || peers.iter().copied().chain([(s, c)]).map(|(scar, weight)| (scar.min(CEILING), weight));
            let weighted: f64 = view().map(|(scar, weight)| scar * weight).sum();
            let weight: f64 = view().map(|(_, weight)| weight).sum();
            let mean = view().map(|(scar, _)| scar).sum::<f64>() / (peers.len() + 1) as f64;
            let cluster = ohms((weighted + 1e-3 * mean) / (weight + 1e-3));
            blend(Gamma::new(g).unwrap(), cluster, ohms(s)).get()
        };
        prop_assert!(g == 0.0 || same(merged(&listening(g), own(s, 1.0), &peers), literal(1.0, &peers)));
        prop_assert!(g == 0.0 || same(merged(&listening(g), own(s, c), &peers[..1]), literal(c, &peers[..1])));
    }

    /// `RaiseOnly` is the larger of the literal merge and the own scar.
    #[test]
    fn raise_only_raises(g in gamma(), s in scar(), c in evidence(), peers in registers(30)) {
        let both = listening(g);
        let raise = Blend { direction: Direction::RaiseOnly, ..both };
        let expected = merged(&both, own(s, c), &peers).max(s);
        prop_assert_eq!(merged(&raise, own(s, c), &peers), expected);
    }

    /// Gamma weighs: the two-argument blend lies between its arguments and has its ends at them.
    #[test]
    fn the_two_argument_blend_interpolates(g in gamma(), cluster in scar(), local in scar()) {
        let result = blend(Gamma::new(g).unwrap(), ohms(cluster), ohms(local)).get();
        let (least, most) = (cluster.min(local), cluster.max(local));
        prop_assert!(result >= least * (1.0 - 1e-12) && result <= most * (1.0 + 1e-12));
        prop_assert_eq!(blend(Gamma::ISOLATED, ohms(cluster), ohms(local)), ohms(local));
        prop_assert_eq!(blend(Gamma::HIVE_MIND, ohms(cluster), ohms(local)), ohms(cluster));
    }
}
