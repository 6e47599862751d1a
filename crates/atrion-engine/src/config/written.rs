// SPDX-License-Identifier: Apache-2.0
//! A configuration as it stands in a file, in any format: what an entry leaves out it has from
//! `default`, and `profile` and `slo` may stand at the top of an entry.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Error, Map, Value};

use super::{Config, FleetConfig, GROUP, Physics, Profile, RfcPhysics, RouteConfig};

/// What is written of a [`Config`].
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Written {
    max_routes: usize,
    default: Value,
    routes: BTreeMap<String, Value>,
    fleet: FleetConfig,
}

impl Default for Written {
    fn default() -> Self {
        let Config { max_routes, fleet, .. } = Config::default();
        Self { max_routes, default: Value::Object(Map::new()), routes: BTreeMap::new(), fleet }
    }
}

impl TryFrom<Written> for Config {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let Written { max_routes, default, routes, fleet } = written;
        let default =
            read_over(&RouteConfig::default(), default).map_err(|error| format!("in default: {error}"))?;
        // What a single route may have in flight says nothing of a group.
        let group = RouteConfig { cap: None, ..default.clone() };
        let entry = |(name, given): (String, Value)| {
            let base = if name.starts_with(GROUP) { &group } else { &default };
            match read_over(base, given) {
                Ok(entry) => Ok((name, entry)),
                Err(error) => Err(format!("in routes.{name:?}: {error}")),
            }
        };
        let routes = routes.into_iter().map(entry).collect::<Result<_, _>>()?;
        Ok(Self { max_routes, default, routes, fleet })
    }
}

impl<'de> Deserialize<'de> for RouteConfig {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        read_over(&Self::default(), Value::deserialize(from)?).map_err(D::Error::custom)
    }
}

impl Serialize for RouteConfig {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, to)
    }
}

/// What is given, with what its profile has where nothing is, and then `base`.
fn read_over(base: &RouteConfig, given: Value) -> Result<RouteConfig, Error> {
    let mut given: Map<String, Value> = serde_json::from_value(given)?;
    let slo = given.remove(SLO);
    if slo.is_some() && given.get("physics").is_some_and(sets_slo) {
        return Err(Error::custom("`slo` is set here and in `physics`: leave one out"));
    }
    let profile = given.remove(PROFILE).map(Profile::deserialize).transpose();
    let profile = profile.map_err(|error| Error::custom(format!("`{PROFILE}`: {error}")))?;
    let base = given_preset(base.clone(), &given);
    let base = match profile {
        Some(profile) => base.profile(profile),
        None => base,
    };
    let mut whole = serde_json::to_value(base)?;
    name_unknown(&given, &whole)?;
    drop_unknown_preset(&mut whole, &given);
    merge(&mut whole, Value::Object(given));
    let read = RouteConfig::deserialize(whole)?;
    Ok(match slo.map(Slo::deserialize).transpose()? {
        Some(Slo(slo)) => read.slo(slo),
        None => read,
    })
}

const SLO: &str = "slo";
const PROFILE: &str = "profile";

#[derive(Deserialize)]
struct Slo(#[serde(with = "atrion_core::durations")] Duration);

fn sets_slo(physics: &Value) -> bool {
    ["/adaptive/slo", "/rfc/slo/latency"].iter().any(|path| physics.pointer(path).is_some())
}

/// The derived code would not name `profile` and `slo` among what it expects.
fn name_unknown(given: &Map<String, Value>, known: &Value) -> Result<(), Error> {
    match given.keys().find(|name| known.get(name.as_str()).is_none()) {
        None => Ok(()),
        Some(unknown) => {
            let known = known.as_object().into_iter().flat_map(Map::keys).map(String::as_str);
            let known: Vec<_> =
                [PROFILE, SLO].into_iter().chain(known).map(|name| format!("`{name}`")).collect();
            let known = known.join(", ");
            Err(Error::custom(format!("unknown field `{unknown}`, expected one of {known}")))
        }
    }
}

/// Nothing of one preset's numbers holds for another one.
fn given_preset(mut base: RouteConfig, given: &Map<String, Value>) -> RouteConfig {
    let is_given = |preset| given.get("physics").is_some_and(|physics| physics.get(preset).is_some());
    base.physics = match base.physics {
        Physics::Adaptive(_) if is_given("rfc") => Physics::Rfc(RfcPhysics::default()),
        Physics::Rfc(_) if is_given("adaptive") => Physics::default(),
        physics => physics,
    };
    base
}

/// So that the error is about the one that is given.
fn drop_unknown_preset(whole: &mut Value, given: &Map<String, Value>) {
    let (Some(Value::Object(wanted)), Some(have)) = (given.get("physics"), whole.get_mut("physics")) else {
        return;
    };
    if wanted.keys().any(|preset| have.get(preset).is_none()) {
        *have = Value::Object(Map::new());
    }
}

/// Puts `given` over `whole`, name by name.
fn merge(whole: &mut Value, given: Value) {
    match (whole, given) {
        (Value::Object(whole), Value::Object(given)) => {
            for (name, value) in given {
                merge(whole.entry(name).or_insert(Value::Null), value);
            }
        }
        (whole, given) => *whole = given,
    }
}
