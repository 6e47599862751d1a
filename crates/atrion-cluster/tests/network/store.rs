// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! A store that works: records as bytes, each with an end.

use std::collections::BTreeMap;
use std::time::Duration;

use atrion_cluster::fleet::{Commit, Digest, Record};
use atrion_cluster::wire::{ClusterHash, Expected, Message, decode, encode};
use atrion_state::NodeId;

pub const CLUSTER: ClusterHash = ClusterHash::from_u64(7);

/// What a node with this wall clock believes.
pub fn expected(wall_ms: u64) -> Expected<'static> {
    Expected { cluster: CLUSTER, shard: 0, key: None, wall_ms }
}

#[derive(Debug, Default)]
pub struct Store(BTreeMap<NodeId, Stored>);

/// A node's record.
#[derive(Debug)]
struct Stored {
    header: Vec<u8>,
    fields: BTreeMap<String, Vec<u8>>,
    ends_ms: u64,
}

impl Store {
    /// Writes what a transaction says of its record. Gives how many fields are new.
    pub fn write(&mut self, commit: &Commit, now_ms: u64) -> usize {
        let is_gone = self.0.get(&commit.node).is_some_and(|stored| stored.ends_ms <= now_ms);
        if commit.replaces || is_gone {
            self.0.remove(&commit.node);
        }
        let is_new = !self.0.contains_key(&commit.node);
        let fresh = || Stored { header: Vec::new(), fields: BTreeMap::new(), ends_ms: now_ms };
        let stored = self.0.entry(commit.node.clone()).or_insert_with(fresh);
        let mut added = usize::from(is_new);
        for part in &commit.parts {
            let bytes = encode(&part.message.header, &part.message.entries, None).unwrap();
            added += usize::from(stored.fields.insert(part.field.clone(), bytes).is_none());
        }
        stored.header = encode(&commit.header, &[], None).unwrap();
        stored.ends_ms = now_ms + commit.ttl.as_millis() as u64;
        added
    }

    /// The headers of all records, as a node with this wall clock reads them.
    pub fn digests(&self, wall_ms: u64, now_ms: u64) -> Vec<Digest> {
        self.living(now_ms).filter_map(|stored| stored.digest(wall_ms, now_ms)).collect()
    }

    pub fn records(&self, wall_ms: u64, now_ms: u64) -> Vec<Record> {
        self.living(now_ms).filter_map(|stored| stored.record(wall_ms, now_ms)).collect()
    }

    pub fn record(&self, node: &NodeId, wall_ms: u64, now_ms: u64) -> Option<Record> {
        self.0.get(node).filter(|stored| stored.ends_ms > now_ms)?.record(wall_ms, now_ms)
    }

    /// How many records there are, ended ones, too.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// How many fields a node's record has beside its header.
    pub fn fields(&self, node: &NodeId) -> usize {
        self.0[node].fields.len()
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    fn living(&self, now_ms: u64) -> impl Iterator<Item = &Stored> {
        self.0.values().filter(move |stored| stored.ends_ms > now_ms)
    }
}

impl Stored {
    fn digest(&self, wall_ms: u64, now_ms: u64) -> Option<Digest> {
        let header = decode(&self.header, &expected(wall_ms)).ok()?.message.header;
        Some(Digest { header, ttl: Some(Duration::from_millis(self.ends_ms - now_ms)) })
    }

    fn record(&self, wall_ms: u64, now_ms: u64) -> Option<Record> {
        let Digest { header, ttl } = self.digest(wall_ms, now_ms)?;
        let part = |bytes: &Vec<u8>| -> Message { decode(bytes, &expected(wall_ms)).unwrap().message };
        Some(Record { header, parts: self.fields.values().map(part).collect(), ttl, complete: true })
    }
}
