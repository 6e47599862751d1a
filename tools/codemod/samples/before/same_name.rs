// SPDX-License-Identifier: Apache-2.0
//! The same name, and not the same function: nothing here is touched.
use game::physics::update_physics as tick_game;
use other::Atrion;

mod engine {
    pub fn update_physics(dt: f64) -> f64 {
        dt
    }

    pub fn frame() {
        let _ = update_physics(0.1);
    }
}

mod hidden {
    use atrion_core::*;

    fn update_physics(dt: f64) {}

    fn frame() {
        update_physics(0.1);
    }
}

fn shadowed_by_a_local() {
    use atrion_core::Mode;
    let update_physics = |dt: f64| dt;
    update_physics(0.1);
}

fn shadowed_by_a_parameter(update_physics: fn(f64)) {
    update_physics(0.1);
    [1.0].into_iter().for_each(|update_physics| drop(update_physics));
}

fn methods(world: World, atrion: &Atrion) {
    world.update_physics(0.1);
    World::update_physics(&world, 0.1);
    tick_game(1);
    engine::update_physics(0.1);
    println!("update_physics {}", "update_physics(a, b, c, d, e)");
}
