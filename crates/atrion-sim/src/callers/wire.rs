// SPDX-License-Identifier: Apache-2.0
//! What callers tell each other of their load, and what lies between them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use atrion_core::{Load, Mono, Peer};
use atrion_state::{
    BoxFuture, Capabilities, Liveness, NodeId, PhysicsVector, ProviderError, Register, RouteId,
    Sharing as Listening, StateProvider, lock,
};

use super::lives::Life;
use crate::dice::Dice;
use crate::policy::Policy;

/// Whether callers share what they know of the callee's capacity, and over what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // a closed set: a match names them all
pub enum Sharing {
    /// None knows of any other.
    Alone,
    /// A load takes 100 ms and a jitter of 20 ms in the mean; one in a hundred is lost.
    Shared,
    /// At once, and none is lost: what no wire can better.
    AtOnce,
    /// Half a second, and 100 ms.
    Slow,
    /// Every second caller shares, the others do not.
    Half,
    /// For a third of the time, in the middle, half of the callers hear nothing and are not heard.
    Cut,
    /// One says that it is offered a million critical requests a second, and waits for minutes.
    Liar,
    /// From the middle on, the clock of one stands still: it measures nothing and says nothing.
    Stopped,
}

/// The registers of all lives on their way to each other.
pub(super) struct Wire {
    sharing: Sharing,
    seconds: f64,
    dice: Dice,
    lives: Vec<Spoken>,
}

/// One life: what it has said, and what it hears.
struct Spoken {
    caller: u32,
    /// With the time from which on others have it, in order.
    said: VecDeque<(u64, PhysicsVector)>,
    heard: Arc<Heard>,
}

impl Sharing {
    /// Each of them.
    pub const ALL: [Self; 8] = [
        Self::Alone,
        Self::Shared,
        Self::AtOnce,
        Self::Slow,
        Self::Half,
        Self::Cut,
        Self::Liar,
        Self::Stopped,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Alone => "alone",
            Self::Shared => "shared",
            Self::AtOnce => "shared-at-once",
            Self::Slow => "shared-slow",
            Self::Half => "shared-half",
            Self::Cut => "shared-cut",
            Self::Liar => "shared-liar",
            Self::Stopped => "shared-stopped",
        }
    }

    /// The delay of a load and the mean of its jitter, in seconds, and what part of them is lost.
    const fn way(self) -> (f64, f64, f64) {
        match self {
            Self::AtOnce => (0.0, 0.0, 0.0),
            Self::Slow => (0.5, 0.1, LOSS),
            Self::Alone | Self::Shared | Self::Half | Self::Cut | Self::Liar | Self::Stopped => {
                (0.1, 0.02, LOSS)
            }
        }
    }
}

impl Wire {
    pub(super) fn new(sharing: Sharing, lives: &[Life], seconds: f64) -> Self {
        let spoken = |life: &Life| Spoken {
            caller: life.caller,
            said: VecDeque::new(),
            heard: Arc::new(Heard::default()),
        };
        let dice = Dice::stream(lives.len() as u64, WIRES);
        Self { sharing, seconds, dice, lives: lives.iter().map(spoken).collect() }
    }

    /// Lets a gate hear its peers from now on.
    pub(super) fn join(&self, life: usize, gate: &mut dyn Policy) {
        if self.sharing != Sharing::Alone {
            gate.listen_to(Arc::clone(&self.lives[life].heard) as Arc<dyn StateProvider>);
        }
    }

    /// Whether the clock of this life stands still.
    pub(super) fn stands_still(&self, now: Mono, life: usize) -> bool {
        let is_late = self.part_of(now) >= 0.5;
        self.sharing == Sharing::Stopped && self.lives[life].caller == 0 && is_late
    }

    /// A life says its vector, unless it said the same before.
    pub(super) fn say(&mut self, now: Mono, life: usize, vector: PhysicsVector) {
        let is_news = vector.age.is_zero();
        let (delay, jitter, loss) = self.sharing.way();
        let way = delay + jitter * self.dice.exponential();
        if !is_news || self.is_deaf(now, life) || self.dice.hits(loss) {
            return;
        }
        let lies = self.sharing == Sharing::Liar && self.lives[life].caller == 0;
        let told = if lies { vector.with_load(LIE) } else { vector };
        // A register never overtakes an earlier one.
        let said = &mut self.lives[life].said;
        let last = said.back().map_or(0, |(at, _)| *at);
        said.push_back((
            (now.as_nanos() + (way * 1e9) as u64).max(last),
            told.older_by(Duration::from_secs_f64(way)),
        ));
    }

    /// What has arrived by now is there for the next pulse of this life.
    pub(super) fn hear(&mut self, now: Mono, life: usize) {
        if self.sharing == Sharing::Alone {
            return;
        }
        let mut peers = Vec::new();
        let is_deaf = self.is_deaf(now, life);
        for nth in (0..self.lives.len()).filter(|nth| *nth != life && !is_deaf) {
            let is_heard = !self.is_deaf(now, nth);
            let said = &mut self.lives[nth].said;
            while said.get(1).is_some_and(|(at, _)| *at <= now.as_nanos()) {
                said.pop_front();
            }
            let latest = said.front().filter(|(at, _)| is_heard && *at <= now.as_nanos());
            if let Some((at, vector)) = latest {
                let age = Duration::from_nanos(now.as_nanos() - at);
                let register = Register::new(NodeId::local(), 1, 1, vector.older_by(age));
                peers.push(register.as_peer(&Liveness::default()));
            }
        }
        *lock(&self.lives[life].heard.0) = peers;
    }

    fn is_deaf(&self, now: Mono, life: usize) -> bool {
        let is_odd = self.lives[life].caller % 2 == 1;
        match self.sharing {
            Sharing::Alone => true,
            Sharing::Half => is_odd,
            Sharing::Cut => is_odd && (1.0 / 3.0..2.0 / 3.0).contains(&self.part_of(now)),
            Sharing::Shared | Sharing::AtOnce | Sharing::Slow | Sharing::Liar | Sharing::Stopped => false,
        }
    }

    /// The part of the run that is over.
    fn part_of(&self, now: Mono) -> f64 {
        now.as_nanos() as f64 * 1e-9 / self.seconds
    }
}

/// What a life has heard, as its engine's provider.
#[derive(Debug, Default)]
struct Heard(Mutex<Vec<Peer>>);

impl StateProvider for Heard {
    fn capabilities(&self) -> Capabilities {
        Capabilities::new("wire").shared(true)
    }

    fn connect(&self) -> BoxFuture<'_, Result<(), ProviderError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn disconnect(&self) -> BoxFuture<'_, Result<(), ProviderError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn get_vector<'a>(
        &'a self,
        _: &'a RouteId,
    ) -> BoxFuture<'a, Result<Option<PhysicsVector>, ProviderError>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    fn update_vector(&self, _: RouteId, _: PhysicsVector) -> BoxFuture<'_, Result<(), ProviderError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn peers(&self, _: &RouteId, _: &Liveness, peers: &mut Vec<Peer>) {
        peers.extend_from_slice(&lock(&self.0));
    }

    fn sharing(&self) -> Option<Listening> {
        Some(Listening::default())
    }
}

const LOSS: f64 = 0.01;
const LIE: Load = Load {
    offered: [1e6, 0.0, 0.0, 0.0, 0.0],
    admitted: 1e6,
    in_time: 0.0,
    late: 0.0,
    failed: 0.0,
    latency: 1e6,
    held: 0.0,
    in_flight: 1e6,
};
const WIRES: u64 = 0x77_69_72;
