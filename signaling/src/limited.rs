//! How often each limit was reached.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A limit, by what it bounds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Limit {
    /// Participants of the server.
    Participants,
    /// Participants of a channel.
    Channel,
    /// Cameras and screens that are on in a channel.
    Pictures,
    /// Tracks of a participant.
    Tracks,
    /// WebSockets.
    Sockets,
    /// Joins a second from an address.
    Joins,
    /// Messages a second from a socket or an address.
    Messages,
}

impl Limit {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Participants,
        Self::Channel,
        Self::Pictures,
        Self::Tracks,
        Self::Sockets,
        Self::Joins,
        Self::Messages,
    ];

    /// Its name in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Participants => "participants",
            Self::Channel => "channel",
            Self::Pictures => "pictures",
            Self::Tracks => "tracks",
            Self::Sockets => "sockets",
            Self::Joins => "joins",
            Self::Messages => "messages",
        }
    }

    const fn place(self) -> usize {
        self as usize
    }
}

/// The counts; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Limited {
    counts: Arc<[AtomicU64; Limit::ALL.len()]>,
}

impl Limited {
    /// That `limit` was reached.
    pub fn count(&self, limit: Limit) {
        if let Some(count) = self.counts.get(limit.place()) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How often `limit` was reached.
    #[must_use]
    pub fn reached(&self, limit: Limit) -> u64 {
        self.counts.get(limit.place()).map_or(0, |count| count.load(Ordering::Relaxed))
    }
}
