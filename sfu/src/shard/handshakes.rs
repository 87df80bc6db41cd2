//! How many DTLS datagrams a turn carries out, and those that wait for the next.

use std::collections::VecDeque;
use std::time::Instant;

use crate::net::batch::Path;

/// DTLS datagrams that wait, and what the present turn may still carry out: a hundred people who come at once must not keep those
/// who talk waiting.
#[derive(Debug)]
pub(super) struct Handshakes {
    left: u8,
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    since: Instant,
    path: Path,
    datagram: Vec<u8>,
}

/// What becomes of a DTLS datagram.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub(super) enum Admission {
    /// This turn carries it out.
    Now,
    /// It waits.
    Later,
    /// Too many wait: its sender repeats it.
    Refused,
}

impl Default for Handshakes {
    fn default() -> Self {
        Self { left: TURN_MAX, waiting: VecDeque::new() }
    }
}

impl Handshakes {
    /// Decides on a datagram from a known path; keeps a copy where it waits. None overtakes another.
    pub(super) fn admit(&mut self, now: Instant, path: Path, datagram: &[u8]) -> Admission {
        if self.waiting.is_empty() && self.take_turn() {
            return Admission::Now;
        }
        if self.waiting.len() >= WAITING_MAX {
            return Admission::Refused;
        }
        self.waiting.push_back(Waiting { since: now, path, datagram: datagram.to_vec() });
        Admission::Later
    }

    /// The datagram that has waited longest, where this turn may carry it out.
    pub(super) fn next(&mut self) -> Option<(Path, Vec<u8>)> {
        if self.waiting.is_empty() || !self.take_turn() {
            return None;
        }
        self.waiting.pop_front().map(|Waiting { path, datagram, .. }| (path, datagram))
    }

    /// Since when the first one waits: a turn is wanted at once.
    pub(super) fn waiting_since(&self) -> Option<Instant> {
        self.waiting.front().map(|waiting| waiting.since)
    }

    /// The next turn may carry out as many again.
    pub(super) const fn end_turn(&mut self) {
        self.left = TURN_MAX;
    }

    const fn take_turn(&mut self) -> bool {
        let may = self.left > 0;
        self.left = self.left.saturating_sub(1);
        may
    }
}

/// DTLS datagrams that a turn carries out. One costs up to 109 µs (key exchange and signatures), so this is less than half of the
/// millisecond that a packet may wait.
const TURN_MAX: u8 = 4;

/// DTLS datagrams that wait: two flights each of a full channel of 500 people who come back at once. They are carried out within
/// 0.2 s, before the first of them is repeated (1 s: RFC 6347, section 4.2.4.1).
const WAITING_MAX: usize = 1_024;

#[cfg(test)]
#[path = "handshakes_tests.rs"]
mod tests;
