//! The deterministic core of one media thread: tables, and who is called when. It computes nothing itself.
//!
//! | file | has |
//! |---|---|
//! | `tables` | participants, publications, channels, and by what they are found |
//! | `ingress` | a datagram's way in: STUN, DTLS, RTP, to the receivers' pacers |
//! | `feedback` | what RTCP says: losses, keyframes, reports |
//! | `handshakes` | how many DTLS datagrams a turn carries out |
//! | `control` | commands |
//! | `seating` | which publications play in whose slots |
//! | `load` | how busy the thread is, and what is given up for it |
//! | `duties` | what is due by time: NACKs, feedback, reports, keyframe requests, allocation |
//! | `relays` | what goes to other shards, and what comes from them |
//! | `egress` | the way out: control messages, then what the pacers release |
//!
//! Invariants: no clock, randomness or environment; the same calls give the same bytes (DTLS aside, whose library
//! draws its own random numbers); nothing a peer sends panics; a packet that is forwarded allocates nothing after warm-up.

mod control;
mod duties;
mod egress;
mod feedback;
mod handshakes;
mod ingress;
mod load;
mod relays;
mod seating;
mod tables;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use simulcast::Bitrate;
use simulcast::estimator::Settings;
use slotmap::{Key, SecondaryMap};

use crate::channel::participant::ParticipantKey;
use crate::command::{Command, CommandId};
use crate::config::ShardConfig;
use crate::event::Event;
use crate::media::ParticipantId;
use crate::metrics::{Counters, Snapshot, Spread};
use crate::net::batch::{Fill, Path, RecvBatch, SendBatch};
use crate::relay::{Relays, ShardIndex};
use crate::timer::Wheel;
use egress::Farewells;
use handshakes::Handshakes;
use load::Load;
use tables::Tables;

/// All state of one media thread.
#[derive(Debug)]
pub struct Shard {
    config: ShardConfig,
    tables: Tables,
    relays: Relays,
    wheel: Wheel<ParticipantKey>,
    /// Whose deadline or output may have changed since the last settling, each once.
    touched: Touched,
    /// Who may have something to send, each once.
    ready: Touched,
    farewells: Farewells,
    handshakes: Handshakes,
    load: Load,
    events: VecDeque<Event>,
    counters: Counters,
    next_metrics: Instant,
    estimator: Settings,
}

/// Participants in the order in which they were touched, each once.
#[derive(Debug, Default)]
struct Touched {
    order: VecDeque<ParticipantKey>,
    within: SecondaryMap<ParticipantKey, ()>,
}

impl Shard {
    /// An empty shard that knows of no other.
    #[must_use]
    pub fn new(config: ShardConfig) -> Self {
        Self::with_relays(config, Relays::default())
    }

    /// An empty shard, one of those that [`mesh`](crate::relay::mesh) connects.
    #[must_use]
    pub fn with_relays(config: ShardConfig, relays: Relays) -> Self {
        Self {
            tables: Tables::new(config.hash_seed),
            relays,
            wheel: Wheel::new(config.start),
            touched: Touched::default(),
            ready: Touched::default(),
            farewells: Farewells::default(),
            handshakes: Handshakes::default(),
            load: Load::new(config.start),
            events: VecDeque::new(),
            counters: Counters::default(),
            next_metrics: config.start + METRICS_INTERVAL,
            estimator: Settings::default(),
            config,
        }
    }

    /// Whether somebody here is known to be behind `path`: a checked STUN request came from there.
    #[must_use]
    pub fn knows(&self, path: &Path) -> bool {
        self.tables.participant_by_path(path).is_some()
    }

    /// The same with other settings of the estimate than a server has: a test leaves a part out, a benchmark does without.
    #[must_use]
    pub fn with_estimator(self, estimator: Settings) -> Self {
        Self { estimator, ..self }
    }

    /// What the link of a participant carries; `None` where nothing is known, as of somebody who receives sound alone.
    #[must_use]
    pub fn estimate(&self, participant: ParticipantId) -> Option<Bitrate> {
        let key = self.tables.participant_by_id(participant)?;
        self.tables.participants.get(key)?.transport.bandwidth.estimate()
    }

    /// Takes in what arrived. The caller clears the batch.
    ///
    /// Nothing here fails: a datagram that goes no further is counted under its
    /// [`DropReason`](crate::drop::DropReason).
    pub fn handle_batch(&mut self, now: Instant, batch: &mut RecvBatch) {
        for datagram in batch.datagrams() {
            self.datagram(now, datagram);
        }
        self.settle();
    }

    /// Carries out a command; answered by [`Event::Done`] or [`Event::Refused`] with the id.
    pub fn handle_command(&mut self, now: Instant, id: CommandId, command: Command) {
        let answer = match self.carry_out(now, command) {
            Ok(()) => Event::Done(id),
            Err(error) => Event::Refused(id, error),
        };
        self.tell(answer);
        self.settle();
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.go_on_with_handshakes(now);
        let mut due = Vec::new();
        self.wheel.expired(now, &mut due);
        for key in due {
            self.do_duties(now, key);
            self.touch(key);
        }
        self.publish_metrics(now);
        self.settle();
    }

    /// Takes in what other shards sent. Returns whether something is left for another turn.
    pub fn handle_relays(&mut self, now: Instant) -> bool {
        let left = self.take_from_relays(now);
        self.settle();
        left
    }

    /// A turn of the thread that drives this shard ended and took so long, waiting aside. Where turns take nearly all of the time,
    /// pictures are given up, for each participant with the next allocation; sound never is.
    pub fn handle_load(&mut self, now: Instant, worked: Duration) {
        self.load.turn_took(now, worked);
    }

    /// The next of the other shards that was sent something: its thread is to be woken, so that it calls
    /// [`Self::handle_relays`].
    pub fn poll_wake(&mut self) -> Option<ShardIndex> {
        self.relays.poll_wake()
    }

    /// Writes what is to be sent into `out`. After [`Fill::Full`], send and clear `out` and call again.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut SendBatch) -> Fill {
        self.handshakes.end_turn();
        let fill = self.transmit(now, out);
        self.settle();
        fill
    }

    /// The next piece of news.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When to call [`Self::handle_timeout`] next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        // Metrics alone wake nobody: an empty shard sleeps.
        self.handshakes.waiting_since().or_else(|| self.wheel.next())
    }

    fn tell(&mut self, event: Event) {
        let periodic = matches!(
            event,
            Event::Speakers(..) | Event::Metrics(_) | Event::Publishing(..) | Event::Outlook(..)
        );
        // Where nobody listens, what will be said again anyway is not kept. The rest is bounded by the commands that cause it.
        if !(periodic && self.events.len() >= EVENTS_MAX) {
            self.events.push_back(event);
        }
    }

    fn touch(&mut self, key: ParticipantKey) {
        self.touched.insert(key);
    }

    /// Arms the timers of everybody who was touched, and queues them for sending.
    fn settle(&mut self) {
        while let Some(key) = self.touched.pop() {
            let Some(deadline) = self.deadline(key) else { continue };
            self.wheel.arm(place(key), key, deadline);
            self.ready.insert(key);
        }
    }

    fn publish_metrics(&mut self, now: Instant) {
        if now < self.next_metrics {
            return;
        }
        self.next_metrics = now + METRICS_INTERVAL;
        self.counters.participants.set(self.tables.participants.len());
        self.counters.publications.set(self.tables.publications.len());
        self.counters.channels.set(self.tables.channels.len());
        let participants = self.tables.participants.values();
        let told = participants.clone().map(|participant| participant.told.assignments.len()).sum();
        self.counters.subscriptions.set(told);
        self.counters.shards = Spread::default();
        self.counters.shards.count(self.load.shed());
        for participant in participants {
            if let Some(estimate) = participant.transport.bandwidth.estimate() {
                self.counters.estimates.count(estimate);
                self.counters.targets.count(participant.targets.total);
            }
        }
        self.tell(Event::Metrics(Box::new(Snapshot::of(&self.counters))));
    }
}

impl Touched {
    fn insert(&mut self, key: ParticipantKey) {
        if self.within.insert(key, ()).is_none() {
            self.order.push_back(key);
        }
    }

    fn pop(&mut self) -> Option<ParticipantKey> {
        let key = self.order.pop_front()?;
        self.within.remove(key);
        Some(key)
    }

    fn nth(&self, place: usize) -> Option<ParticipantKey> {
        self.order.get(place).copied()
    }

    fn first(&self) -> Option<ParticipantKey> {
        self.order.front().copied()
    }
}

/// A key's place in its slot map.
fn place(key: ParticipantKey) -> u32 {
    u32::try_from(key.data().as_ffi() & 0xffff_ffff).unwrap_or_default()
}

/// As often as people look at them.
const METRICS_INTERVAL: Duration = Duration::from_secs(1);
/// Room for the news of a thousand joins at once.
const EVENTS_MAX: usize = 4_096;

#[cfg(test)]
#[path = "shard_tests.rs"]
mod tests;
