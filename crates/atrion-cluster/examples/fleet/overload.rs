// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! All nodes call one callee, which gets three times what it can do.
//!
//! With gamma 0 every node is alone. With the route told that its callee is one for all nodes, they
//! share their loads and act as one gate. Both runs get the same requests at the same instants.

mod callee;
mod figures;
mod node;
mod plan;
mod play;

use serde_json::Value;

use super::Failure;

/// The argument of a process that is a node.
pub(crate) const NODE: &str = "--overload-node";
/// The argument of the process that is called.
pub(crate) const CALLEE: &str = "--overload-callee";

pub(crate) async fn node(seat: &[String]) -> Result<(), Failure> {
    node::play(&node::Seat::parse(seat)?).await
}

pub(crate) async fn callee() -> Result<(), Failure> {
    callee::serve().await
}

/// Plays it, prints what came of it, and gives the same as JSON.
pub(crate) async fn play(nodes: usize) -> Result<Value, Failure> {
    let runs = play::both(nodes).await?;
    println!("\n{}", figures::table(&runs));
    Ok(figures::json(nodes, &runs))
}
