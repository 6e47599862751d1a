// SPDX-License-Identifier: Apache-2.0
//! A small read-only JSON API over an instance, for dashboards and scripts of one's own.

pub use atrion_tower::api::{
    Api, EventLog, EventPage, EventText, EventView, InstanceView, LeaseView, LostLeaseView, NodesView,
    OutageView, OutcomesView, OverrideView, RefusalView, RouteView, Severity, ShareView, SignalView,
    StoreView, TermsView, TierView, override_name,
};
