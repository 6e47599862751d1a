// SPDX-License-Identifier: Apache-2.0
//! The settings of a layer, shared by its services and their futures.

use std::fmt;
use std::sync::Arc;

use atrion_engine::{Atrion, Group, Route};

use crate::classify::{Classify, DefaultClassifier};
use crate::head::RequestHead;
use crate::names::RouteNames;
use crate::priority::Priorities;
use crate::refusal::Detail;
use crate::trace::OnRefusal;

/// How long a request counts as in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Hold {
    /// Until its verdict is known: the head of an HTTP response, the trailers of a gRPC response.
    /// Right for everything that answers in one piece.
    #[default]
    Verdict,
    /// Until the head, also for gRPC, where a good head then counts as a success. Right for gRPC
    /// streams that live for hours: their length is no latency.
    Head,
    /// Until the body has been sent. Right where making the body is the work, as in downloads and
    /// exports. The latency is then that of the whole transfer, a slow client included.
    Body,
}

#[derive(Clone)]
pub(crate) struct Policy {
    pub(crate) atrion: Atrion,
    pub(crate) names: RouteNames,
    /// Whose gate admits beside the route's.
    pub(crate) group: Option<Group>,
    pub(crate) priorities: Priorities,
    pub(crate) classify: Arc<dyn Classify>,
    pub(crate) detail: Detail,
    pub(crate) hold: Hold,
    pub(crate) show_decision: bool,
    pub(crate) on_refusal: OnRefusal,
}

impl Policy {
    pub(crate) fn new(atrion: Atrion, names: RouteNames) -> Self {
        Self {
            atrion,
            names,
            group: None,
            priorities: Priorities::default(),
            classify: Arc::new(DefaultClassifier::new()),
            detail: Detail::default(),
            hold: Hold::default(),
            show_decision: false,
            on_refusal: OnRefusal::default(),
        }
    }
}

impl Policy {
    /// The request's route, behind the gate of the group.
    pub(crate) fn route(&self, head: &RequestHead<'_>) -> Route {
        let route = self.names.route(&self.atrion, head);
        match &self.group {
            Some(group) => route.within(group),
            None => route,
        }
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy")
            .field("names", &self.names)
            .field("group", &self.group.as_ref().map(Group::name))
            .field("priorities", &self.priorities)
            .field("detail", &self.detail)
            .field("hold", &self.hold)
            .field("show_decision", &self.show_decision)
            .field("on_refusal", &self.on_refusal)
            .finish_non_exhaustive()
    }
}
