// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What there is to say at a moment, said before or not: a pure reading of the keeper's state. Each
//! arm is a sentence that an operator can act on.

use super::Keeper;
use crate::status::Span;
use crate::time::{DAY, HOUR};
use crate::{Environment, Level, License, OnExpiry, Signer, Status, Topic, UnixTime};

pub(super) struct Condition {
    pub(super) level: Level,
    pub(super) topic: Topic,
    pub(super) message: String,
    /// While this is the same, the condition is the same, and is only repeated.
    pub(super) about: String,
    /// Seconds between repetitions; `None` is once.
    pub(super) every: Option<i64>,
}

/// Seconds before the end from which the warning comes every hour.
const SOON: i64 = 7 * DAY;

impl Keeper {
    pub(super) fn conditions(&self, now: UnixTime) -> Vec<Condition> {
        let about_license =
            self.held.iter().flat_map(|license| [Some(age(license, now)), usage(license), signer(license)]);
        about_license.chain([self.refusal(), self.exposure(), self.clusters(now)]).flatten().collect()
    }

    fn refusal(&self) -> Option<Condition> {
        let fault = self.fault.as_ref()?;
        let (topic, message) = match &self.held {
            None => (
                Topic::Unlicensed,
                format!(
                    "no valid license: commercial adapters fall back to memory, admission is not affected; {fault}"
                ),
            ),
            Some(license) => (
                Topic::RenewalRefused,
                format!("the license {} stays in use, what was read now is refused; {fault}", license.id()),
            ),
        };
        let about = fault.to_string();
        Some(Condition { level: Level::Error, topic, message, about, every: Some(HOUR) })
    }

    fn exposure(&self) -> Option<Condition> {
        let source = self.exposed.as_ref()?;
        Some(Condition {
            level: Level::Warn,
            topic: Topic::WorldReadable,
            message: format!("every user of this machine may read the license key ({source}): chmod o-r"),
            about: source.to_string(),
            every: None,
        })
    }

    fn clusters(&self, now: UnixTime) -> Option<Condition> {
        let license = self.held.as_ref()?;
        let excess = self.clusters.excess(license.terms().clusters, now)?;
        Some(Condition {
            level: Level::Error,
            topic: Topic::ClusterLimit,
            message: format!(
                "{} clusters use the license {}, which is for {}: nothing is switched off; get a license for more, \
                 or give the nodes of one cluster one name",
                excess.seen,
                license.id(),
                excess.limit
            ),
            about: license.id().to_string(),
            every: Some(HOUR),
        })
    }
}

/// What the age of the license says. There is always something: an active license is reported once.
fn age(license: &License, now: UnixTime) -> Condition {
    let terms = license.terms();
    let name = format!("license {} of {}", terms.id, terms.licensee);
    let on = terms.expires.map(|expires| format!(" on {}", expires.date())).unwrap_or_default();
    let (level, topic, every, message) = match license.status(now) {
        status @ Status::Active { .. } => {
            let (tier, source) = (terms.tier, license.source());
            let expires = if on.is_empty() { on } else { format!(", expires{on}") };
            (Level::Info, Topic::Licensed, None, format!("{name} ({tier}): {status}{expires}; from {source}"))
        }
        Status::Expiring { left } => {
            let every = if left <= SOON { HOUR } else { DAY };
            let message = format!("{name} expires{on}, in {}: renew it, no restart is needed", Span(left));
            (Level::Warn, Topic::Expiring, Some(every), message)
        }
        Status::Grace { left } => {
            let then = match terms.on_expiry {
                OnExpiry::Warn => "everything stays on",
                OnExpiry::Degrade => "what is started falls back to memory",
            };
            let left = Span(left);
            let message = format!(
                "{name} expired{on}, in {left} its grace is over and {then}: renew it, no restart is needed"
            );
            (Level::Error, Topic::Grace, Some(HOUR), message)
        }
        Status::Expired { .. } => {
            let now_then = match terms.on_expiry {
                OnExpiry::Warn => "everything stays on",
                OnExpiry::Degrade => "what runs stays on, what is started falls back to memory",
            };
            let message = format!(
                "{name} expired{on} and its grace is over, {now_then}: renew it, no restart is needed"
            );
            (Level::Error, Topic::Expired, Some(HOUR), message)
        }
        // Neither takes anything away: a wrong clock is no breach of a contract.
        status @ (Status::NotYetValid { .. } | Status::ClockSuspect { .. }) => {
            let message = format!("{name}: {status}; everything stays on, check the clock of this machine");
            (Level::Warn, Topic::Clock, Some(DAY), message)
        }
    };
    let about = format!("{} {:?}", terms.id, terms.expires);
    Condition { level, topic, message, about, every }
}

fn usage(license: &License) -> Option<Condition> {
    let terms = license.terms();
    (terms.environment == Environment::NonProduction).then(|| Condition {
        level: Level::Warn,
        topic: Topic::NonProduction,
        message: format!("license {} of {} is for non-production use", terms.id, terms.licensee),
        about: terms.id.to_string(),
        every: None,
    })
}

fn signer(license: &License) -> Option<Condition> {
    (license.signer() == Signer::Development).then(|| Condition {
        level: Level::Warn,
        topic: Topic::DevelopmentKey,
        message: format!(
            "license {} was signed with the development key, which anyone has: build a release without the \
             feature development-keys",
            license.id()
        ),
        about: license.id().to_string(),
        every: None,
    })
}
