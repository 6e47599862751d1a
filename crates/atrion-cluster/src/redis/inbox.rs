// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Messages that arrived and were not handled yet. The task that reads the subscription must not
//! wait: the server cuts off a reader that stops. So the queue is bounded, and a full queue drops
//! its oldest message; the sender's next message shows the gap, and the store fills it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use atrion_state::lock;
use tokio::sync::Notify;

const MESSAGES: usize = 1_024;
const BYTES: usize = 8 << 20;

#[derive(Debug, Default)]
pub(super) struct Inbox {
    queue: Mutex<Queue>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    messages: VecDeque<Vec<u8>>,
    bytes: usize,
    dropped: u64,
    closed: bool,
}

impl Inbox {
    pub(super) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(super) fn push(&self, message: Vec<u8>) {
        let mut queue = self.lock();
        queue.bytes += message.len();
        queue.messages.push_back(message);
        while queue.messages.len() > MESSAGES || queue.bytes > BYTES {
            let Some(oldest) = queue.messages.pop_front() else { break };
            queue.bytes -= oldest.len();
            queue.dropped += 1;
        }
        drop(queue);
        self.arrived.notify_one();
    }

    /// The subscription ended.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_one();
    }

    /// The next messages, some at a time; `None` when the subscription has ended and nothing is
    /// left.
    pub(super) async fn next(&self) -> Option<Vec<Vec<u8>>> {
        loop {
            let arrived = self.arrived.notified();
            {
                let mut queue = self.lock();
                if !queue.messages.is_empty() {
                    let count = queue.messages.len().min(SOME);
                    let taken: Vec<_> = queue.messages.drain(..count).collect();
                    queue.bytes -= taken.iter().map(Vec::len).sum::<usize>();
                    return Some(taken);
                }
                if queue.closed {
                    return None;
                }
            }
            arrived.await;
        }
    }

    /// How many messages were dropped unhandled since the last call.
    pub(super) fn take_dropped(&self) -> u64 {
        std::mem::take(&mut self.lock().dropped)
    }

    /// A lock, because the reader is another task; it is held for a push or a pop.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        lock(&self.queue)
    }
}

/// How many are handled before anything else gets its turn.
const SOME: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_inbox_loses_the_oldest_and_counts_them() {
        let inbox = Inbox::new();
        for number in 0..2_000u32 {
            inbox.push(number.to_le_bytes().to_vec());
        }
        inbox.close();
        assert_eq!((inbox.take_dropped(), inbox.take_dropped()), (976, 0));
        let mut seen = Vec::new();
        while let Some(some) = inbox.next().await {
            assert!(some.len() <= SOME);
            seen.extend(some);
        }
        assert_eq!((seen.len(), &seen[0][..]), (1_024, &976u32.to_le_bytes()[..]));
    }

    #[tokio::test]
    async fn large_messages_are_bounded_by_their_bytes() {
        let inbox = Inbox::new();
        (0..1_000).for_each(|_| inbox.push(vec![0; 64 << 10]));
        assert_eq!(inbox.take_dropped(), 1_000 - 128);
    }

    #[tokio::test]
    async fn a_message_wakes_the_task_that_waits() {
        let inbox = Inbox::new();
        let waiting = tokio::spawn({
            let inbox = Arc::clone(&inbox);
            async move { inbox.next().await }
        });
        tokio::task::yield_now().await;
        inbox.push(vec![1]);
        assert_eq!(waiting.await.unwrap(), Some(vec![vec![1]]));
    }
}
