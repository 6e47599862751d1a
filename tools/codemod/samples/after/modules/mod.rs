// SPDX-License-Identifier: Apache-2.0
//! Names by way of modules.
use atrion::Atrion;
use atrion_core::rfc::Pressure;
use atrion_core::update_physics;

mod child {
    use super::*;

    fn tick(atrion: &Atrion, s: S, t: T) {
        let _ = atrion.update_physics("r", t).unwrap();
    }
}

mod stranger {
    fn tick(atrion: &super::Atrion, s: S, t: T) {
        // Not in scope here, so it is somebody else's or does not compile.
        let _ = update_physics(&s["r"], Pressure::of(t, b, 1.0).unwrap(), w, c, now);
        // atrion-codemod: update_physics is a method of an Atrion instance in version 2; there is no Atrion instance in scope: pass one in (atrion::manual::migration)
        let _ = ::atrion_core::rfc::update_physics(&s["r"], Pressure::of(t, b, 1.0).unwrap(), w, c, now);
    }
}

fn nested(atrion: &Atrion, s: S, t: T) {
    fn inner(s: S, t: T) {
        // atrion-codemod: update_physics is a method of an Atrion instance in version 2; there is no Atrion instance in scope: pass one in (atrion::manual::migration)
        let _ = update_physics(&s["r"], Pressure::of(t, b, 1.0).unwrap(), w, c, now);
    }
    {
        use somewhere::else_entirely::update_physics;
        update_physics(&s["r"], Pressure::of(t, b, 1.0).unwrap(), w, c, now);
    }
    for update in 0..3 {
        atrion.update_physics("r", t).unwrap();
    }
}
