// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Rooms for connections: one for strangers, and one for those who have shown a pass.
//!
//! A new connection is a stranger until one of its requests carries a session or the token. When
//! the strangers' room is full, a newcomer takes the place of the stranger that has been there
//! longest: a request takes a moment, so it is one that dawdles. Nobody takes a place in the other
//! room, so that no crowd of strangers holds up those who are signed in.

use std::collections::{BTreeMap, HashMap};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use atrion_state::lock;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

/// A stranger keeps its place for this long, however many come. It bounds what a storm of
/// connections costs the process: with 128 places 1,280 connections a second.
const GRACE: Duration = Duration::from_millis(100);

#[derive(Debug, Clone)]
pub(crate) struct Rooms(Arc<Both>);

#[derive(Debug)]
struct Both {
    most_strangers: usize,
    most_known: usize,
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    next: u64,
    /// In the order in which they came, with the time.
    strangers: BTreeMap<u64, (Instant, Taken)>,
    known: HashMap<u64, Taken>,
}

/// Dropped when the place is taken: the holder of the seat then knows.
type Taken = oneshot::Sender<()>;

/// The place of a connection. Dropping it leaves the room.
#[derive(Debug)]
pub(crate) struct Seat {
    place: Place,
    taken: oneshot::Receiver<()>,
}

/// Names the place of a connection, for the handlers of its requests.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    rooms: Rooms,
    number: u64,
}

impl Rooms {
    pub(crate) fn new(most_strangers: usize, most_known: usize) -> Self {
        Self(Arc::new(Both { most_strangers, most_known, inside: Mutex::default() }))
    }

    /// Waits while every stranger is too new to lose its place.
    pub(crate) async fn room_for_a_stranger(&self) {
        while let Some(until) = self.full_until() {
            sleep_until(until).await;
        }
    }

    fn full_until(&self) -> Option<Instant> {
        let inside = lock(&self.0.inside);
        let (since, _) = inside.strangers.first_key_value().map(|(_, oldest)| oldest)?;
        let until = *since + GRACE;
        (inside.strangers.len() >= self.0.most_strangers && Instant::now() < until).then_some(until)
    }

    /// Takes a stranger's place: the one of the oldest, if there is no other.
    pub(crate) fn enter(&self) -> Seat {
        let (taken_from, taken) = oneshot::channel();
        let mut inside = lock(&self.0.inside);
        if inside.strangers.len() >= self.0.most_strangers {
            inside.strangers.pop_first();
        }
        let number = inside.next;
        inside.next += 1;
        inside.strangers.insert(number, (Instant::now(), taken_from));
        Seat { place: Place { rooms: self.clone(), number }, taken }
    }
}

impl Place {
    /// Moves to the room of those with a pass. Where that is full, it stays a stranger's place.
    pub(crate) fn is_known(&self) {
        let mut inside = lock(&self.rooms.0.inside);
        if inside.known.len() < self.rooms.0.most_known
            && let Some((_, taken)) = inside.strangers.remove(&self.number)
        {
            inside.known.insert(self.number, taken);
        }
    }
}

impl Seat {
    pub(crate) fn place(&self) -> Place {
        self.place.clone()
    }

    /// Ready when the place has gone to another.
    pub(crate) fn poll_taken(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.taken).poll(cx).map(drop)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut inside = lock(&self.place.rooms.0.inside);
        inside.strangers.remove(&self.place.number);
        inside.known.remove(&self.place.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_taken(seat: &mut Seat) -> bool {
        seat.poll_taken(&mut Context::from_waker(std::task::Waker::noop())).is_ready()
    }

    #[tokio::test(start_paused = true)]
    async fn a_stranger_takes_the_oldest_strangers_place_and_no_other() {
        let rooms = Rooms::new(2, 1);
        let mut known = rooms.enter();
        known.place().is_known();
        let (mut first, mut second) = (rooms.enter(), rooms.enter());
        second.place().is_known();
        let mut third = rooms.enter();
        assert!(is_taken(&mut first) && !is_taken(&mut known));
        assert!(!is_taken(&mut second), "the other room is full, so it is a stranger still");
        drop(third);
        third = rooms.enter();
        assert!(!is_taken(&mut second) && !is_taken(&mut third), "one had left");
        drop(known);
        second.place().is_known();
        let (_fourth, _fifth) = (rooms.enter(), rooms.enter());
        assert!(is_taken(&mut third) && !is_taken(&mut second));
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_stranger_keeps_its_place_for_a_moment() {
        let (rooms, begin) = (Rooms::new(2, 1), Instant::now());
        rooms.room_for_a_stranger().await;
        let _first = rooms.enter();
        tokio::time::advance(Duration::from_millis(30)).await;
        let second = rooms.enter();
        rooms.room_for_a_stranger().await;
        assert_eq!(begin.elapsed(), GRACE, "it waits for the oldest alone");
        drop(second);
        let _third = rooms.enter();
        tokio::time::advance(GRACE).await;
        rooms.room_for_a_stranger().await;
        assert_eq!(begin.elapsed(), 2 * GRACE);
    }
}
