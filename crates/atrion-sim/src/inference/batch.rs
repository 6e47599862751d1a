// SPDX-License-Identifier: Apache-2.0
//! The server: a batch that runs step by step, and a queue before it.

use std::collections::VecDeque;

/// What a server can do.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Model {
    /// Tokens of context that fit into its memory.
    pub memory: u32,
    /// Most requests in the batch.
    pub batch: usize,
    /// Most tokens that are prefilled in a step.
    pub chunk: u32,
    /// How long an empty step takes, in seconds.
    pub step: f64,
    /// How much longer it takes for each request that gets a token.
    pub decode: f64,
    /// How much longer for each token that is prefilled.
    pub prefill: f64,
}

/// A request as the server sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sequence {
    pub(super) id: usize,
    pub(super) prompt: u32,
    pub(super) output: u32,
    /// Tokens that were made.
    made: u32,
    /// Tokens of context in memory.
    cached: u32,
    /// Its context was thrown away once, up to here: making it again is work for nothing.
    lost: u32,
}

/// What happened to a request in a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    /// So many tokens were worked at, of which so many had been before.
    Worked(u32, u32),
    /// A token was made, the first if so.
    Token { is_first: bool },
    /// The last one was.
    Done,
}

/// The server at one moment.
#[derive(Debug)]
pub(super) struct Batch {
    model: Model,
    queue: VecDeque<Sequence>,
    running: Vec<Sequence>,
    used: u32,
    /// Tokens that the step under way prefills for each of the running.
    plan: Vec<u32>,
}

impl Sequence {
    pub(super) fn new(id: usize, prompt: u32, output: u32) -> Self {
        Self { id, prompt, output, made: 0, cached: 0, lost: 0 }
    }

    /// The context it needs before it can get its next token.
    fn context(&self) -> u32 {
        self.prompt + self.made
    }
}

impl Batch {
    pub(super) fn new(model: Model) -> Self {
        Self { model, queue: VecDeque::new(), running: Vec::new(), used: 0, plan: Vec::new() }
    }

    pub(super) fn push(&mut self, sequence: Sequence) {
        self.queue.push_back(sequence);
    }

    /// The client has left.
    pub(super) fn abort(&mut self, id: usize) {
        self.queue.retain(|one| one.id != id);
        if let Some(at) = self.running.iter().position(|one| one.id == id) {
            let gone = self.running.remove(at);
            self.used -= gone.cached;
            if at < self.plan.len() {
                self.plan.remove(at);
            }
        }
    }

    /// The share of the memory in use, and how many requests wait for some.
    pub(super) fn load(&self) -> (f64, usize) {
        (f64::from(self.used) / f64::from(self.model.memory), self.queue.len())
    }

    /// Begins a step and says how long it takes, in seconds; `None` if there is nothing to do.
    pub(super) fn begin(&mut self) -> Option<f64> {
        self.make_room();
        self.join();
        if self.running.is_empty() {
            return None;
        }
        let (mut left, mut decoded) = (self.model.chunk, 0u32);
        self.plan.clear();
        for one in &self.running {
            let missing = one.context() - one.cached;
            let now = missing.min(left);
            left -= now;
            decoded += u32::from(missing == 0);
            self.plan.push(now);
        }
        let prefilled = self.model.chunk - left;
        let Model { step, decode, prefill, .. } = self.model;
        Some(step + decode * f64::from(decoded) + prefill * f64::from(prefilled))
    }

    /// Each of the running may need a token's memory: where there is none, the latest to join gives
    /// its own away and begins again.
    fn make_room(&mut self) {
        while self.used + self.running.len() as u32 > self.model.memory
            && let Some(mut latest) = self.running.pop()
        {
            self.used -= latest.cached;
            latest.lost = latest.lost.max(latest.cached);
            latest.cached = 0;
            self.queue.push_front(latest);
        }
    }

    fn join(&mut self) {
        let pending = |one: &Sequence| one.context() - one.cached;
        let mut promised = self.used + self.running.iter().map(|one| pending(one) + 1).sum::<u32>();
        while self.running.len() < self.model.batch
            && let Some(next) = self.queue.front()
            && promised + next.context() < self.model.memory
            && let Some(next) = self.queue.pop_front()
        {
            promised += next.context() + 1;
            self.running.push(next);
        }
    }

    /// Ends the step.
    pub(super) fn end(&mut self, mut tell: impl FnMut(usize, Event)) {
        let mut plan = std::mem::take(&mut self.plan).into_iter();
        self.running.retain_mut(|one| {
            let Some(prefilled) = plan.next() else { return true };
            let before = one.cached;
            one.cached += prefilled;
            if one.cached == one.context() {
                // The token's own context joins the memory with it.
                one.made += 1;
                one.cached += 1;
                tell(one.id, Event::Token { is_first: one.made == 1 });
            }
            let worked = one.cached - before;
            self.used += worked;
            tell(one.id, Event::Worked(worked, one.lost.min(one.cached).saturating_sub(before)));
            let is_done = one.made >= one.output;
            if is_done {
                self.used -= one.cached;
                tell(one.id, Event::Done);
            }
            !is_done
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODEL: Model = Model { memory: 100, batch: 4, chunk: 16, step: 1.0, decode: 0.5, prefill: 0.25 };

    /// Runs to the end: how long it took, tokens by request, and tokens worked at in vain.
    fn finish(batch: &mut Batch, requests: usize) -> (f64, Vec<u32>, u32) {
        let (mut took, mut tokens, mut vain) = (0.0, vec![0; requests], 0);
        while let Some(seconds) = batch.begin() {
            took += seconds;
            batch.end(|id, event| match event {
                Event::Token { .. } => tokens[id] += 1,
                Event::Worked(_, again) => vain += again,
                Event::Done => {}
            });
            assert!(batch.used <= MODEL.memory);
        }
        assert_eq!(batch.used, 0);
        (took, tokens, vain)
    }

    #[test]
    fn a_request_alone_is_prefilled_in_chunks_and_gets_a_token_a_step() {
        let mut batch = Batch::new(MODEL);
        batch.push(Sequence::new(0, 20, 3));
        // 16 tokens, then 4 and the first token of the answer, then two more.
        let (took, tokens, vain) = finish(&mut batch, 1);
        assert_eq!((tokens, vain), (vec![3], 0));
        assert!((took - (4.0 + 0.25 * 20.0 + 0.5 * 2.0)).abs() < 1e-9, "{took}");
    }

    #[test]
    fn a_fuller_batch_is_slower_and_memory_that_runs_out_is_work_again() {
        let mut batch = Batch::new(MODEL);
        (0..6).for_each(|id| batch.push(Sequence::new(id, 16, 30)));
        let (took, tokens, vain) = finish(&mut batch, 6);
        assert_eq!(tokens, vec![30; 6]);
        assert!(vain > 0, "three of 46 tokens do not fit into 100");
        assert!(took > 60.0, "{took}");
    }

    #[test]
    fn who_leaves_gives_the_memory_back() {
        let mut batch = Batch::new(MODEL);
        (0..3).for_each(|id| batch.push(Sequence::new(id, 10, 50)));
        batch.begin();
        batch.abort(1);
        batch.end(|id, _| assert_ne!(id, 1));
        batch.abort(0);
        batch.abort(2);
        assert_eq!((batch.load(), batch.begin()), ((0.0, 0), None));
    }
}
