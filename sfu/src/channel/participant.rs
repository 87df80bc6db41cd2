//! One person's session in a channel: a transport, what it uploads and the slots it receives in.

use std::time::{Duration, Instant};

use arrayvec::ArrayString;
use simulcast::allocator::Targets;
use simulcast::{Bitrate, SequenceNumber};

use super::ChannelKey;
use crate::command::{Choice, Pictures, Voice};
use crate::event::Assignment;
use crate::media::{MediaKind, ParticipantId, SlotId, Source, Ssrc};
use crate::net::ahead;
use crate::packet::feedback::SenderReport;
use crate::publication::PublicationKey;
use crate::publication::cap::Cap;
use crate::publication::clock::PublisherClock;
use crate::publication::streams::Streams;
use crate::publication::uplink::Uplink;
use crate::subscription::slot::Slot;
use crate::transport::Transport;
use crate::transport::bandwidth::Pace;

slotmap::new_key_type! {
    /// A participant within its shard.
    pub struct ParticipantKey;
}

/// One person's session.
#[derive(Debug)]
pub struct Participant {
    /// Signaling's number for it.
    pub id: ParticipantId,
    /// Where it is.
    pub channel: ChannelKey,
    /// Towards its client.
    pub transport: Transport,
    /// Which publication each of its SSRCs belongs to.
    pub streams: Streams,
    /// What it uploads.
    pub publications: Vec<PublicationKey>,
    /// Its receive m-lines; a slot's id is its place.
    pub slots: Vec<Slot>,
    /// Its wall clock.
    pub clock: PublisherClock,
    /// What it switched off.
    pub voice: Voice,
    /// Whether a moderator has silenced its microphone.
    pub silenced: bool,
    /// How much it wants.
    pub prefer: Prefer,
    /// Whose pictures it receives first.
    pub choice: Choice,
    /// What its pictures were allocated last.
    pub targets: Targets,
    /// What it is told it may send, where it has no transport-wide feedback.
    pub uplink: Option<Uplink>,
    /// The most it may send, where that is bounded.
    pub cap: Option<Cap>,
    /// The CNAME of our reports.
    pub cname: ArrayString<16>,
    /// What signaling was told last of its slots.
    pub told: Told,
    /// What it has not received yet of what was there when it came.
    pub awaits: Awaits,
    /// Its periodic work.
    pub agenda: Agenda,
}

/// How much a person wants to receive.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Prefer {
    /// The most to send; `None` for no limit.
    pub budget: Option<Bitrate>,
    /// Pictures at all?
    pub pictures: Pictures,
}

/// What signaling was told last, so that it is told changes only.
#[derive(Debug, Default)]
pub struct Told {
    /// Of the transport.
    pub connected: bool,
    /// In the order of the slots.
    pub assignments: Vec<Assignment>,
    /// When that was.
    pub assigned: Option<Instant>,
    /// Slots needed: sound, pictures.
    pub needed: (u8, u8),
}

/// What a participant waits for that came to others who speak, or show themselves. Whoever comes when nobody does waits for people,
/// and not for us.
#[derive(Clone, Copy, Debug)]
pub struct Awaits {
    /// Since when.
    joined: Instant,
    sound: bool,
    pictures: bool,
}

impl Awaits {
    /// The transport is connected, and something of this kind is there to be received.
    pub const fn begin(&mut self, kind: MediaKind) {
        *self.of(kind) = true;
    }

    /// Whether a packet of this kind would be the first that was waited for.
    #[must_use]
    #[inline]
    pub const fn is_for(&self, kind: MediaKind) -> bool {
        match kind {
            MediaKind::Audio => self.sound,
            MediaKind::Video => self.pictures,
        }
    }

    /// The first packet of this kind left, and how long that took.
    pub fn end(&mut self, now: Instant, kind: MediaKind) -> Duration {
        *self.of(kind) = false;
        now.saturating_duration_since(self.joined)
    }

    const fn of(&mut self, kind: MediaKind) -> &mut bool {
        match kind {
            MediaKind::Audio => &mut self.sound,
            MediaKind::Video => &mut self.pictures,
        }
    }
}

/// When a participant's periodic work is due.
#[derive(Clone, Copy, Debug)]
pub struct Agenda {
    /// Sender and receiver reports.
    pub report: Instant,
    /// Allocation of its pictures.
    pub allocation: Instant,
}

impl Participant {
    /// A participant without publications and slots.
    #[must_use]
    pub fn new(now: Instant, id: ParticipantId, channel: ChannelKey, transport: Transport) -> Self {
        let mut participant = Self {
            id,
            channel,
            transport,
            streams: Streams::default(),
            publications: Vec::new(),
            slots: Vec::new(),
            clock: PublisherClock::default(),
            voice: Voice::default(),
            silenced: false,
            prefer: Prefer::default(),
            choice: Choice::default(),
            targets: Targets::default(),
            uplink: None,
            cap: None,
            cname: ArrayString::new(),
            told: Told::default(),
            awaits: Awaits { joined: now, sound: false, pictures: false },
            agenda: Agenda { report: now + FIRST_REPORT, allocation: now + ALLOCATION_INTERVAL },
        };
        participant.follow_estimate(now);
        participant
    }

    /// Has the memory fetched that receiving a packet, and sending it, will touch.
    #[inline]
    pub fn fetch(&self) {
        ahead::fetch(&self.told.connected);
        ahead::fetch(&self.slots);
        self.transport.fetch();
    }

    /// As [`Self::fetch`], for the slot that a packet is offered to, or is sent from.
    #[inline]
    pub fn fetch_slot(&self, slot: SlotId) {
        if let Some(slot) = self.slots.get(usize::from(slot.0)) {
            ahead::fetch(slot);
        }
    }

    /// The slot with this id.
    pub fn slot(&mut self, id: SlotId) -> Option<&mut Slot> {
        self.slots.get_mut(usize::from(id.0))
    }

    /// Slots of a kind.
    pub fn slots_of(&self, kind: MediaKind) -> impl Iterator<Item = &Slot> {
        self.slots.iter().filter(move |slot| slot.spec.kind == kind)
    }

    /// The slot that sends on this SSRC.
    #[must_use]
    pub fn slot_by_ssrc(&self, ssrc: Ssrc) -> Option<SlotId> {
        self.slots.iter().find(|slot| slot.spec.ssrc == ssrc).map(|slot| slot.spec.id)
    }

    /// The SSRC of what we say to it about its own streams: its first slot's, or 1 as libwebrtc does without one.
    #[must_use]
    pub fn reporter(&self) -> Ssrc {
        self.slots.first().map_or(Ssrc(1), |slot| slot.spec.ssrc)
    }

    /// Whether it has this kind of track switched on, and may.
    #[must_use]
    pub const fn has_on(&self, source: Source) -> bool {
        match source {
            Source::Microphone => !self.voice.muted && !self.silenced,
            Source::Camera => self.voice.camera,
            Source::Screen | Source::ScreenSound => self.voice.screen,
        }
    }

    /// What its sender reports say now: one for each slot that has sent something.
    #[must_use]
    pub fn sender_reports(&self, now_ntp: u64) -> Vec<SenderReport> {
        self.slots.iter().filter_map(|slot| slot.sender_report(now_ntp)).collect()
    }

    /// Sends nothing any more of what waits in a slot; its numbers go to what comes next, which must be a switch, and so does the
    /// number of a packet that was `refused` a place behind it. Returns how many packets waited.
    pub fn give_up(&mut self, slot: SlotId, refused: Option<SequenceNumber>) -> usize {
        let mut unsent = Vec::from_iter(refused);
        let dropped = self.transport.pacer.drop_where(|waiting| {
            let is_own = waiting.slot == slot;
            if is_own && !waiting.resend {
                unsent.push(waiting.rewrite.sequence);
            }
            is_own
        });
        if let Some(slot) = self.slot(slot) {
            slot.end_run(&mut unsent);
        }
        dropped
    }

    /// Lets the pacer follow the estimate; a drop of it is followed by an allocation at once.
    pub fn follow_estimate(&mut self, now: Instant) {
        let pacer = &mut self.transport.pacer;
        match (self.transport.bandwidth.pacing(now), self.prefer.budget) {
            (Pace::None, budget) => pacer.set_rate(budget),
            (Pace::Guessed(rate), None) => pacer.guess_rate(rate),
            (Pace::At(rate), None) => pacer.set_rate(Some(rate)),
            (Pace::At(rate) | Pace::Guessed(rate), Some(budget)) => {
                // The limit is for pictures on average, and obeyed by what is allocated; a keyframe may take more.
                pacer.set_rate(Some(rate.min(budget.scaled(LIMIT_PEAK.0, LIMIT_PEAK.1))));
            }
        }
        pacer.set_wide(self.transport.bandwidth.has_room(now));
        if self.transport.bandwidth.has_dropped() {
            self.agenda.allocation = self.agenda.allocation.min(now);
        }
    }

    /// Bytes on the wire that may be sent again now, beside those that wait already.
    #[must_use]
    pub fn repair_room(&self, now: Instant) -> usize {
        let Transport { bandwidth, pacer, .. } = &self.transport;
        let waits: usize = pacer.repairs().map(|size| self.repair_cost(size)).sum();
        bandwidth.repair_room(now, self.prefer.budget).saturating_sub(waits)
    }

    /// Bytes on the wire of a packet that is sent again, which had `size` without IP and UDP.
    #[must_use]
    pub fn repair_cost(&self, size: usize) -> usize {
        size + ORIGINAL_NUMBER + self.transport.overhead()
    }

    /// The time of a round trip, or a careful guess before the first report.
    #[must_use]
    pub fn round_trip(&self) -> Duration {
        self.transport.round_trip.unwrap_or(ROUND_TRIP_GUESS)
    }
}

/// What stands before the payload of a packet that is sent again (RFC 4588, section 4).
const ORIGINAL_NUMBER: usize = 2;

/// Times the limit that a person sets, for what leaves at a time.
const LIMIT_PEAK: (u64, u64) = (5, 2);

/// Sender reports make sound and picture meet, so the first comes early; then once a second, as browsers do for pictures.
pub const FIRST_REPORT: Duration = Duration::from_millis(250);
/// See [`FIRST_REPORT`].
pub const REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// As often as [`allocate`](simulcast::allocator::allocate) asks for: a step up comes with the first call after its time.
pub const ALLOCATION_INTERVAL: Duration = Duration::from_millis(100);
/// Of a connection across a continent.
const ROUND_TRIP_GUESS: Duration = Duration::from_millis(100);
