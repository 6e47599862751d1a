// SPDX-License-Identifier: Apache-2.0
//! Policies by scenarios by seeds, over two threads or more, and what comes out: means, ranks,
//! worst.
//!
//! Runs are handed to threads one by one and put back by number, so the table is the same whatever
//! the threads do.

mod ranks;
mod runs;

pub use ranks::{Row, Table};
pub use runs::{Job, run_all};

pub use crate::parallel::Progress;
