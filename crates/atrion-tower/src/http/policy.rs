// SPDX-License-Identifier: Apache-2.0
//! The settings of a layer, shared by its services and their futures.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use atrion_engine::{Atrion, Group, Hold, Route};
use http::header::CONTENT_TYPE;
use http::{Method, StatusCode};

use crate::classify::Classifier;
use crate::grpc;
use crate::head::{RequestHead, ResponseHead};
use crate::names::RouteNames;
use crate::orca::Orca;
use crate::priority::Priorities;
use crate::refusal::Detail;
use crate::trace::OnRefusal;

pub(crate) type HoldRule = dyn for<'a> Fn(&RequestHead<'a>) -> Option<Hold> + Send + Sync;
pub(crate) type Unguarded = dyn for<'a> Fn(&RequestHead<'a>) -> bool + Send + Sync;

#[derive(Clone)]
pub(crate) struct Policy {
    pub(crate) atrion: Atrion,
    pub(crate) names: RouteNames,
    /// Whose gate admits beside the route's.
    pub(crate) group: Option<Group>,
    pub(crate) priorities: Priorities,
    /// How long a request may wait to be admitted. `None`: it does not.
    pub(crate) patience: Option<Duration>,
    pub(crate) classify: Classifier,
    pub(crate) detail: Detail,
    pub(crate) hold: Hold,
    pub(crate) hold_by: Option<Arc<HoldRule>>,
    /// `None`: gRPC's health checks and reflection.
    pub(crate) unguarded: Option<Arc<Unguarded>>,
    pub(crate) show_decision: bool,
    pub(crate) on_refusal: OnRefusal,
    pub(crate) tells_load: bool,
    /// Made with the first service, as the group's gate is.
    pub(crate) orca: Option<Arc<Orca>>,
}

impl Policy {
    pub(crate) fn new(atrion: Atrion, names: RouteNames) -> Self {
        Self {
            atrion,
            names,
            group: None,
            priorities: Priorities::default(),
            patience: None,
            classify: Classifier::default(),
            detail: Detail::default(),
            hold: Hold::default(),
            hold_by: None,
            unguarded: None,
            show_decision: false,
            on_refusal: OnRefusal::default(),
            tells_load: false,
            orca: None,
        }
    }

    pub(crate) fn is_unguarded(&self, head: &RequestHead<'_>) -> bool {
        match &self.unguarded {
            Some(rule) => rule(head),
            None => grpc::is_about_the_server(head),
        }
    }

    /// A rule by request comes before the configuration of its route, and that before the layer's.
    pub(crate) fn holding(&self, head: &RequestHead<'_>, configured: Option<Hold>) -> Holding {
        if *head.method == Method::HEAD {
            // Servers drop a body that they do not send, without a look at it.
            return Holding { hold: Hold::Head, is_by_rule: true };
        }
        if let Some(hold) = self.hold_by.as_ref().and_then(|rule| rule(head)) {
            return Holding { hold, is_by_rule: true };
        }
        let hold = configured.unwrap_or(self.hold);
        let is_tunnel = *head.method == Method::CONNECT && hold != Hold::Stream;
        Holding { hold: if is_tunnel { Hold::Head } else { hold }, is_by_rule: false }
    }
}

/// How long one request is held, as far as its head says.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Holding {
    hold: Hold,
    is_by_rule: bool,
}

impl Holding {
    pub(crate) fn is_stream(self) -> bool {
        self.hold == Hold::Stream
    }

    /// What holds for the request with this response.
    pub(crate) fn to(self, head: &ResponseHead<'_>) -> Hold {
        let lives_on = head.status == StatusCode::SWITCHING_PROTOCOLS || is_event_stream(head);
        if self.hold == Hold::Body && !self.is_by_rule && lives_on { Hold::Head } else { self.hold }
    }
}

fn is_event_stream(head: &ResponseHead<'_>) -> bool {
    const KIND: &[u8] = b"text/event-stream";
    let kind = head.headers.get(CONTENT_TYPE).map(|kind| kind.as_bytes());
    kind.and_then(|kind| kind.get(..KIND.len())).is_some_and(|start| start.eq_ignore_ascii_case(KIND))
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
            .field("patience", &self.patience)
            .field("detail", &self.detail)
            .field("hold", &self.hold)
            .field("show_decision", &self.show_decision)
            .field("on_refusal", &self.on_refusal)
            .field("tells_load", &self.tells_load)
            .finish_non_exhaustive()
    }
}
