// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What a gate's pulse pays for its peers: their registers out of the view, merged.

use atrion_core::{Blend, Evidence, Gamma, Mono, Ohms, Own};
use atrion_state::{Liveness, NodeId, Register, RegisterSet, RegisterSetLimits};

use super::{figure, nanos, route, vector};

pub(crate) fn measure(quick: bool) {
    let (liveness, now) = (Liveness::default(), Mono::from_nanos(1_000_000_000));
    let blend = Blend::new(Gamma::RECOMMENDED, Ohms::saturating(60.0));
    let own = Own::new(Ohms::saturating(12.0), Evidence::saturating(0.4));
    for nodes in [2, 20, 200] {
        let mut set = RegisterSet::new(RegisterSetLimits::default(), liveness);
        for peer in 1..nodes {
            let name = NodeId::new(&format!("pod-{peer}")).expect("a name");
            let register = Register::new(name, 1, 1, vector(f64::from(peer % 60)));
            set.accept(route(0), &register, now);
        }
        let name = route(0);
        let later = now.after(std::time::Duration::from_millis(250));
        // As the engine does: into room that is used again for the next route.
        let mut peers = Vec::new();
        let merged = nanos(quick, || {
            peers.clear();
            peers.extend(set.peers(&name, &liveness, later));
            blend.merged(own, peers.iter().copied())
        });
        figure(&format!("fleet: view and merge of {nodes} nodes"), merged);
        let alone = nanos(quick, || blend.merged(own, peers.iter().copied()));
        figure(&format!("fleet: merge of {nodes} nodes"), alone);
    }
}
