//! The deterministic core of one media thread.

mod control;
mod egress;
mod ingress;

use std::time::Instant;

use crate::command::{Command, CommandId};
use crate::config::ShardConfig;
use crate::event::Event;
use crate::net::batch::{Fill, RecvBatch, SendBatch};

/// All state of one media thread.
#[derive(Debug)]
pub struct Shard {}

impl Shard {
    /// An empty shard.
    #[must_use]
    pub fn new(_config: ShardConfig) -> Self {
        Self {}
    }
    /// Takes in what arrived. The caller clears the batch.
    pub fn handle_batch(&mut self, _now: Instant, _batch: &mut RecvBatch) {}
    /// Carries out a command; answered by an event with the id.
    pub fn handle_command(&mut self, _now: Instant, _id: CommandId, _command: Command) {}
    /// Does what is due.
    pub fn handle_timeout(&mut self, _now: Instant) {}
    /// Writes what is to be sent into `out`.
    pub fn poll_transmit(&mut self, _now: Instant, _out: &mut SendBatch) -> Fill {
        Fill::Empty
    }
    /// The next piece of news.
    pub fn poll_event(&mut self) -> Option<Event> {
        None
    }
    /// When to call `handle_timeout` next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }
}
