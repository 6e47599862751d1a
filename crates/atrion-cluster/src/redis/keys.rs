// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The names of everything that lies in the store, and the slot of a Redis Cluster that they share.

use atrion_state::NodeId;

use super::config::RedisConfig;
use crate::settings::SettingsFault;

/// Names for one shard of one cluster. The braces are a hash tag: all of a shard's keys and its
/// channel lie in one slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Keys {
    namespace: String,
    tag: String,
    pub(super) channel: String,
}

impl Keys {
    pub(super) fn new(config: &RedisConfig, faults: &mut Vec<SettingsFault>) -> Option<Self> {
        let RedisConfig { namespace, cluster, sync, .. } = config;
        let before = faults.len();
        let channel = sync.channel.as_str();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        for (field, name, most) in [("namespace", namespace, 64), ("cluster", cluster, 64)] {
            if name.is_empty() || name.len() > most || !name.chars().all(plain) {
                let problem = format!("must have 1..={most} of A-Z a-z 0-9 . _ -, got {name:?}");
                faults.push(SettingsFault::new(field, problem));
            }
        }
        let fits = |c: char| c.is_ascii_graphic() && !matches!(c, '{' | '}' | '*' | '?' | '[' | ']' | '\\');
        if channel.is_empty() || channel.len() > 128 || !channel.chars().all(fits) {
            let problem =
                format!("must have 1..=128 printable characters and no {{ }} * ? [ ] \\, got {channel:?}");
            faults.push(SettingsFault::new("sync.channel", problem));
        }
        (faults.len() == before).then(|| {
            let tag = format!("{{{cluster}/0}}");
            let channel = if sync.exact { channel.to_owned() } else { format!("{channel}:{tag}") };
            Self { namespace: namespace.clone(), channel, tag }
        })
    }

    /// The record of a node: a hash.
    pub(super) fn record(&self, node: &NodeId) -> String {
        format!("{}:{}:n:{node}", self.namespace, self.tag)
    }

    /// What a node holds under leases: a hash.
    pub(super) fn leases(&self, node: &NodeId) -> String {
        format!("{}:{}:l:{node}", self.namespace, self.tag)
    }

    /// The names of all nodes: a set, and only a hint.
    pub(super) fn members(&self) -> String {
        format!("{}:{}:m", self.namespace, self.tag)
    }

    /// The clusters that use a license: a hash of names and when they were last seen. Not a
    /// shard's: it lies anywhere.
    pub(super) fn license(&self, id: &str) -> String {
        format!("{}:license:{id}", self.namespace)
    }
}

/// The slot of a key in a Redis Cluster: CRC-16 of its hash tag, or of all of it without one.
pub(super) fn slot(key: &str) -> u16 {
    let tag = key.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(tag, _)| tag);
    let hashed = tag.filter(|tag| !tag.is_empty()).unwrap_or(key);
    crc16(hashed.as_bytes()) % 16_384
}

/// CRC-16/XMODEM, as the Redis Cluster specification has it.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0u16, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
        })
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::config::SyncConfig;
    use super::*;

    fn shop(sync: SyncConfig) -> RedisConfig {
        RedisConfig { cluster: "shop".into(), sync, ..RedisConfig::default() }
    }

    #[test]
    fn a_shard_s_keys_and_channel_share_a_slot() {
        let keys = Keys::new(&shop(SyncConfig::default()), &mut Vec::new()).unwrap();
        let node = NodeId::new("pod-1").unwrap();
        assert_eq!(keys.record(&node), "atrion:{shop/0}:n:pod-1");
        assert_eq!(keys.members(), "atrion:{shop/0}:m");
        assert_eq!(keys.channel, "atrion:sync:{shop/0}");
        assert_eq!(keys.license("01J"), "atrion:license:01J");
        let slots = [keys.record(&node), keys.members(), keys.channel].map(|key| slot(&key));
        assert!(slots.iter().all(|one| *one == slot("shop/0")));
    }

    #[test]
    fn the_channel_of_an_older_installation_keeps_its_name() {
        let keys = Keys::new(&shop(SyncConfig::default().exact(true)), &mut Vec::new()).unwrap();
        assert_eq!(keys.channel, "atrion:sync");
        assert_eq!(keys.members(), "atrion:{shop/0}:m");
    }

    #[test]
    fn the_slot_is_the_specification_s() {
        // "123456789" is the check of CRC-16/XMODEM, 0x31c3; the others are from the Cluster
        // specification's rules.
        assert_eq!(crc16(b"123456789"), 0x31c3);
        assert_eq!(slot("{user1000}.following"), slot("{user1000}.followers"));
        assert_eq!(slot("foo{}{bar}"), crc16(b"foo{}{bar}") % 16_384);
        assert_eq!(slot("foo{bar}{zap}"), slot("bar"));
        assert_eq!(slot("foo"), 12_182);
    }

    #[test]
    fn names_that_would_break_out_are_refused_with_their_field() {
        let mut faults = Vec::new();
        let wrong = RedisConfig {
            namespace: "a:b".into(),
            cluster: "x}y".into(),
            ..shop(SyncConfig::new(Duration::ZERO, "sync*"))
        };
        assert_eq!(Keys::new(&wrong, &mut faults), None);
        let fields: Vec<_> = faults.iter().map(|fault| fault.field).collect();
        assert_eq!(fields, ["namespace", "cluster", "sync.channel"]);
    }
}
