// SPDX-License-Identifier: Apache-2.0
//! A master, a replica, and sentinels that watch them.

use crate::redis::Redis;
use crate::{Reply, ServerError};

/// A master named [`Sentinel::NAME`] with one replica under three sentinels, of which two have to
/// agree.
#[derive(Debug)]
pub struct Sentinel {
    servers: Vec<Redis>,
    sentinels: Vec<Redis>,
}

impl Sentinel {
    /// What the sentinels call the master.
    pub const NAME: &'static str = "atrion";

    /// Starts all of them, and returns when every sentinel knows the replica and the other
    /// sentinels.
    ///
    /// # Errors
    /// [`ServerError`] if one does not start or they do not find each other.
    pub fn start() -> Result<Self, ServerError> {
        let master = Redis::start()?;
        let port = master.address().port().to_string();
        let replica = Redis::builder().setting("replicaof", &format!("127.0.0.1 {port}")).start()?;
        let mut sentinels = Vec::new();
        for _ in 0..3 {
            let sentinel = Redis::builder().sentinel().start()?;
            sentinel.command(["SENTINEL", "MONITOR", Self::NAME, "127.0.0.1", &port, "2"])?;
            for (name, value) in [("down-after-milliseconds", "500"), ("failover-timeout", "2000")] {
                sentinel.command(["SENTINEL", "SET", Self::NAME, name, value])?;
            }
            sentinels.push(sentinel);
        }
        let all = Self { servers: vec![master, replica], sentinels };
        for sentinel in &all.sentinels {
            sentinel.keeper().wait_until("the sentinels know each other", || {
                all.known(sentinel, "num-slaves") >= 1 && all.known(sentinel, "num-other-sentinels") >= 2
            })?;
        }
        Ok(all)
    }

    /// The sentinels' addresses as URLs.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        self.sentinels.iter().map(Redis::tcp_url).collect()
    }

    /// Master and replica, in the order of their first roles.
    #[must_use]
    pub fn servers(&self) -> &[Redis] {
        &self.servers
    }

    /// Kills the first master and returns when the sentinels agree on the replica as the new one.
    ///
    /// # Errors
    /// [`ServerError`] if they do not.
    pub fn fail_over(&mut self) -> Result<(), ServerError> {
        let [master, replica] = &mut self.servers[..] else { return Ok(()) };
        master.kill();
        let port = replica.address().port().to_string();
        for sentinel in &self.sentinels {
            sentinel.keeper().wait_until("the replica is master", || {
                let asked = sentinel.command(["SENTINEL", "GET-MASTER-ADDR-BY-NAME", Self::NAME]);
                let role = replica.command(["ROLE"]);
                asked.is_ok_and(|address| address.list().get(1).and_then(Reply::text) == Some(&port))
                    && role.is_ok_and(|role| role.list().first().and_then(Reply::text) == Some("master"))
            })?;
        }
        Ok(())
    }

    fn known(&self, sentinel: &Redis, field: &str) -> u32 {
        let Ok(master) = sentinel.command(["SENTINEL", "MASTER", Self::NAME]) else { return 0 };
        let pairs = master.list().chunks_exact(2);
        let value = pairs.filter(|pair| pair[0].text() == Some(field)).find_map(|pair| pair[1].text());
        value.and_then(|value| value.parse().ok()).unwrap_or(0)
    }
}
