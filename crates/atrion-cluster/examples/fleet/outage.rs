// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! A dependency fails for all nodes.
//!
//! Half of the nodes are busy and learn quickly; the others have so little traffic that they would
//! learn for a long time. With gamma 0 every node is alone; with 0.3 they share their scars.

mod dependency;
mod node;
mod outcome;
mod play;

use serde_json::Value;

use super::Failure;

/// The argument of a process that is a node.
pub(crate) const NODE: &str = "--outage-node";

pub(crate) async fn node(seat: &[String]) -> Result<(), Failure> {
    node::serve(node::Seat::parse(seat)?).await
}

/// Plays it, prints what came of it, and gives the same as JSON.
pub(crate) async fn play(nodes: usize) -> Result<Value, Failure> {
    let runs = play::both(nodes).await?;
    println!("\n{}", outcome::table(&runs));
    Ok(outcome::json(&runs))
}
