// SPDX-License-Identifier: Apache-2.0
//! Recorded views of a fleet and the scar they merge to.

use atrion_core::{Blend, Direction, Evidence, Gamma, Ohms, Own, Peer};

use super::cursor::Cursor;
use super::tally::Tally;

/// Merges one view, and once more with the peers in the opposite order.
pub(super) fn replay(case: &Cursor<'_>, tally: &mut Tally) -> anyhow::Result<()> {
    let ohms = |name| case.field(name)?.checked(Ohms::new);
    let blend = Blend {
        gamma: case.field("gamma")?.checked(Gamma::new)?,
        clip: ohms("clip")?,
        hearsay_cap: ohms("hearsay_cap")?,
        epistemic: case.field("epistemic")?.flag()?,
        direction: if case.field("raise_only")?.flag()? { Direction::RaiseOnly } else { Direction::Both },
    };
    let own = Own::new(ohms("local")?, case.field("local_weight")?.checked(evidence)?);
    let peers = case.field("peers")?.items()?;
    let peers = peers.iter().map(peer).collect::<anyhow::Result<Vec<_>>>()?;

    let expected = case.field("expected")?.number()?;
    tally.number("merged scar", blend.merged(own, peers.iter().copied()).get(), expected, case);
    tally.number("peers reversed", blend.merged(own, peers.iter().rev().copied()).get(), expected, case);
    Ok(())
}

fn peer(pair: &Cursor<'_>) -> anyhow::Result<Peer> {
    let [scar, weight] = pair.tuple()?;
    Ok(Peer { scar: scar.checked(Ohms::new)?, weight: weight.checked(evidence)?, ..Peer::default() })
}

fn evidence(share: f64) -> Result<Evidence, String> {
    if (0.0..=1.0).contains(&share) {
        Ok(Evidence::saturating(share))
    } else {
        Err(format!("a weight must lie in 0..=1, got {share}"))
    }
}
