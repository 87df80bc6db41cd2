//! A shard and any number of light participants in virtual time: hundreds of channels, hours of coming and going.
//!
//! The control plane is whole: each offer is text, read and negotiated as the server does it, and the answer is read by the client. The
//! network neither delays nor loses, so that whatever is missing, doubled or misled is the server's doing. Keys are given.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use arrayvec::ArrayVec;
use rand::SeedableRng;
use rand::rngs::StdRng;
use sfu::command::{Command, CommandId, Join, Keying, Negotiate, View, Voice};
use sfu::config::{Limits, ShardConfig};
use sfu::media::{MediaKind, PublicationId, SlotId};
use sfu::metrics::Snapshot;
use sfu::net::batch::{Ecn, Fill, Path, RecvBatch, SendBatch};
use sfu::publication::receive::Arrival;
use sfu::transport::dtls::Certificate;
use sfu::transport::srtp::{KeyingMaterial, MasterKey, Profile};
use sfu::{ChannelId, Event, ParticipantId, Shard};
use signaling::draw::Draw;
use signaling::sdp::negotiate::{Agreed, Negotiated, Policy, Track, negotiate};
use signaling::sdp::preference::Preference;
use signaling::sdp::read;
use tools::peer::offer::{Answer, Offer};
use tools::peer::tally::{Heard, Tally};
use tools::peer::{Devices, Identity, Keys, Peer};
use tools::simnet::time::SimTime;

use crate::client::feedback::NTP_START;
use crate::clock::Clock;

/// A shard with everybody in it.
#[derive(Debug)]
pub struct Hall {
    clock: Clock,
    now: SimTime,
    shard: Shard,
    certificate: Certificate,
    draw: Draw,
    guests: BTreeMap<u64, Guest>,
    addresses: BTreeMap<SocketAddr, u64>,
    /// Whose a publication of a channel is.
    owners: BTreeMap<(u64, u32), u64>,
    /// Who has something to do when: each guest's deadline.
    due: BTreeSet<(SimTime, u64)>,
    /// Ids are never given twice.
    entered: u64,
    commands: u64,
    /// Of everybody who has left.
    gone: Counts,
    /// The shard's own numbers, as of the last second.
    pub snapshot: Option<Snapshot>,
    /// What was wrong, in words.
    pub complaints: Vec<String>,
    recv: RecvBatch,
    /// Taken out while it is being written or read.
    down: Option<SendBatch>,
    up: Option<SendBatch>,
}

/// Somebody.
#[derive(Debug)]
pub struct Guest {
    /// Where.
    pub channel: u64,
    /// The client.
    pub peer: Peer,
    /// What it received.
    pub tally: Tally,
    /// How many packets came of each publication.
    pub heard: BTreeMap<u32, u64>,
    /// What it publishes.
    pub publications: Vec<PublicationId>,
    /// What the server said plays in its slots.
    pub assigned: Vec<u32>,
    /// The server said that media can flow.
    pub connected: bool,
    address: SocketAddr,
    due: SimTime,
}

/// Packets of media: sound and pictures.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Sent to the server.
    pub sent: (u64, u64),
    /// Received, padding not counted.
    pub received: u64,
}

/// More turns than this at one moment mean that time stands still.
const TURNS_MAX: u32 = 10_000;

/// Where the server is, for what it matters.
const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 3478);

impl Hall {
    /// Nobody; `seed` decides all chance.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let clock = Clock::new();
        let certificate = Certificate::generate().expect("a certificate can be made");
        let config = ShardConfig {
            start: clock.instant(SimTime::ZERO),
            start_ntp: NTP_START,
            hash_seed: seed,
            certificate: certificate.clone(),
            limits: Limits::default(),
        };
        Self {
            clock,
            now: SimTime::ZERO,
            shard: Shard::new(config),
            certificate,
            draw: Draw::new(StdRng::seed_from_u64(seed)),
            guests: BTreeMap::new(),
            addresses: BTreeMap::new(),
            owners: BTreeMap::new(),
            due: BTreeSet::new(),
            entered: 0,
            commands: 0,
            gone: Counts::default(),
            snapshot: None,
            complaints: Vec::new(),
            recv: RecvBatch::new(),
            down: None,
            up: None,
        }
    }

    /// Everybody present, by id.
    #[must_use]
    pub const fn guests(&self) -> &BTreeMap<u64, Guest> {
        &self.guests
    }

    /// The present moment.
    #[must_use]
    pub const fn now(&self) -> SimTime {
        self.now
    }

    /// Lets somebody into a channel, with the voice that `devices` have; gives their id.
    pub fn enter(&mut self, channel: u64, devices: &Devices) -> u64 {
        self.entered += 1;
        let id = self.entered;
        let identity = Identity { seed: self.draw.number(), certificate: self.certificate.clone() };
        let offer = identity.offer(devices);
        let negotiated = self.negotiate(channel, &offer, devices);
        let answer = Answer::read(&negotiated.answer.to_string()).expect("the answer can be read");
        let participant = ParticipantId(id);
        let (ours, theirs) = keys(id);
        let publications: Vec<PublicationId> =
            negotiated.publications.iter().map(|publication| publication.id).collect();
        for publication in &publications {
            let before = self.owners.insert((channel, publication.0), id);
            assert_eq!(before, None, "{publication:?} is in use");
        }
        let peer = Peer::new(
            (self.clock.instant(self.now), self.clock.instant(SimTime::ZERO)),
            identity.seed,
            &Keys::Given(theirs),
            devices,
            &answer,
        );
        let address = address(id);
        let guest = Guest {
            channel,
            peer: peer.expect("an answer has a candidate"),
            tally: Tally::default(),
            heard: BTreeMap::new(),
            publications,
            assigned: Vec::new(),
            connected: false,
            address,
            due: self.now,
        };
        self.guests.insert(id, guest);
        self.addresses.insert(address, id);
        self.due.insert((self.now, id));
        self.let_in(participant, channel, ours, negotiated);
        id
    }

    /// What the server answers to an offer.
    fn negotiate(&mut self, channel: u64, offer: &Offer, devices: &Devices) -> Negotiated {
        let tracks: Vec<Track> = offer
            .tracks()
            .zip(&devices.tracks)
            .map(|((mid, _), track)| Track { mid, source: track.source })
            .collect();
        let offer = read::Offer::read(&offer.to_string()).expect("our offer can be read");
        let agreed = Agreed::new(&mut self.draw);
        let policy = Policy {
            candidates: vec![SERVER],
            fingerprint: self.certificate.fingerprint(),
            preference: Preference::default(),
        };
        let taken: BTreeSet<u32> = self
            .owners
            .range((channel, 0)..=(channel, u32::MAX))
            .map(|((_, publication), _)| *publication)
            .collect();
        negotiate(&offer, &tracks, &policy, &agreed, taken, &mut self.draw)
            .expect("our offer can be answered")
    }

    /// Tells the shard of somebody.
    fn let_in(
        &mut self,
        participant: ParticipantId,
        channel: u64,
        keys: KeyingMaterial,
        negotiated: Negotiated,
    ) {
        self.command(Command::Join(Box::new(Join {
            participant,
            channel: ChannelId(channel),
            local: negotiated.agreed.local.clone(),
            keying: Keying::Given(keys),
            consent: Duration::from_secs(30),
        })));
        self.command(Command::Negotiate(Box::new(Negotiate {
            participant,
            publications: negotiated.publications,
            slots: negotiated.slots,
            cname: negotiated.agreed.cname,
        })));
        self.command(Command::Voice { participant, voice: Voice::default() });
    }

    /// Somebody leaves, and says so.
    pub fn leave(&mut self, id: u64) {
        let Some(guest) = self.guests.remove(&id) else { return };
        self.gone = self.gone.plus(&guest);
        self.due.remove(&(guest.due, id));
        for publication in &guest.publications {
            self.owners.remove(&(guest.channel, publication.0));
        }
        self.command(Command::Leave { participant: ParticipantId(id) });
        self.addresses.remove(&guest.address);
    }

    /// What somebody switched on and off.
    pub fn voice(&mut self, id: u64, voice: Voice) {
        self.command(Command::Voice { participant: ParticipantId(id), voice });
    }

    /// Somebody begins to publish or stops.
    pub fn publish(&mut self, id: u64, plays: bool) {
        let now = self.clock.instant(self.now);
        let Some(guest) = self.guests.get_mut(&id) else { return };
        if plays {
            guest.peer.play(now);
        } else {
            guest.peer.fall_silent();
        }
        self.due.remove(&(guest.due, id));
        guest.due = self.now;
        self.due.insert((self.now, id));
    }

    /// How large somebody sees a slot.
    pub fn view(&mut self, id: u64, slot: u8, (width, height): (u16, u16)) {
        let view = View { slot: SlotId(slot), width, height, priority: 1 };
        self.command(Command::View { participant: ParticipantId(id), views: vec![view] });
    }

    fn command(&mut self, command: Command) {
        self.commands += 1;
        let instant = self.clock.instant(self.now);
        self.shard.handle_command(instant, CommandId(self.commands), command);
        self.drain();
    }

    /// Packets of everybody who is or was here.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.guests.values().fold(self.gone, |sum, guest| sum.plus(guest))
    }

    /// Lets time run.
    pub fn run(&mut self, lasts: Duration) {
        let end = self.now + lasts;
        let mut turns = 0;
        while let Some(next) = self.next_event().filter(|next| *next <= end) {
            turns = if next > self.now { 0 } else { turns + 1 };
            assert!(turns < TURNS_MAX, "time stands still at {:?}", self.now.elapsed());
            self.now = self.now.max(next);
            self.turn();
        }
        self.now = end;
    }

    fn next_event(&self) -> Option<SimTime> {
        let shard = self.shard.poll_timeout().map(|timeout| self.clock.time(timeout));
        let guests = self.due.first().map(|(due, _)| *due);
        shard.into_iter().chain(guests).min()
    }

    /// Everything that happens at this moment.
    fn turn(&mut self) {
        let instant = self.clock.instant(self.now);
        let mut out = self.up.take().unwrap_or_default();
        let later = self.due.split_off(&(self.now, u64::MAX));
        for (_, id) in std::mem::replace(&mut self.due, later) {
            let Some(guest) = self.guests.get_mut(&id) else { continue };
            guest.peer.poll(instant, &mut out);
            let path = Path { local: 0, remote: guest.address };
            Self::schedule(&mut self.due, &self.clock, self.now, id, guest);
            for (_, bytes) in out.datagrams() {
                if !self.recv.push(path, instant, Ecn::NotCapable, bytes) {
                    // As a media thread does: what a full batch leads to is sent before the next one.
                    self.shard.handle_batch(instant, &mut self.recv);
                    self.recv.clear();
                    self.drain();
                    assert!(self.recv.push(path, instant, Ecn::NotCapable, bytes), "room");
                }
            }
            out.clear();
        }
        self.up = Some(out);
        self.shard.handle_batch(instant, &mut self.recv);
        self.recv.clear();
        if self.shard.poll_timeout().is_some_and(|timeout| timeout <= instant) {
            self.shard.handle_timeout(instant);
        }
        self.drain();
    }

    fn schedule(
        due: &mut BTreeSet<(SimTime, u64)>,
        clock: &Clock,
        now: SimTime,
        id: u64,
        guest: &mut Guest,
    ) {
        guest.due = clock.time(guest.peer.deadline(clock.instant(now))).max(now);
        due.insert((guest.due, id));
    }

    /// Takes from the shard all it has to send and to say.
    fn drain(&mut self) {
        let instant = self.clock.instant(self.now);
        let mut down = self.down.take().unwrap_or_default();
        loop {
            let fill = self.shard.poll_transmit(instant, &mut down);
            for (path, bytes) in down.datagrams() {
                self.deliver(path.remote, bytes);
            }
            down.clear();
            match fill {
                Fill::Full => {}
                Fill::Empty => break,
            }
        }
        self.down = Some(down);
        while let Some(event) = self.shard.poll_event() {
            self.note(event);
        }
    }

    fn deliver(&mut self, to: SocketAddr, bytes: &[u8]) {
        let instant = self.clock.instant(self.now);
        let Some(id) = self.addresses.get(&to).copied() else {
            return self.complain(format!("{} bytes to nobody at {to}", bytes.len()));
        };
        let Some(guest) = self.guests.get_mut(&id) else { return };
        let mut buffer: ArrayVec<u8, 1500> = bytes.iter().copied().collect();
        let (tally, heard) = (&mut guest.tally, &mut guest.heard);
        let mut of = Vec::new();
        guest.peer.handle(instant, instant, &mut buffer, &mut |packet: &Heard<'_>, skipped| {
            tally.note(packet, skipped);
            // A second copy as a retransmission is padding: it finds out what the link carries.
            let is_copy = packet.repaired && packet.arrival == Arrival::Duplicate;
            if !packet.payload.is_empty() && !is_copy {
                of.push(packet.publication);
                *heard.entry(packet.publication.unwrap_or(0)).or_default() += 1;
            }
        });
        let channel = guest.channel;
        let due = self.clock.time(guest.peer.deadline(instant)).max(self.now);
        self.due.remove(&(guest.due, id));
        guest.due = due;
        self.due.insert((due, id));
        for publication in of {
            self.check_source(id, channel, publication);
        }
    }

    /// Each packet names a publication of somebody else who is in the same channel now.
    fn check_source(&mut self, id: u64, channel: u64, publication: Option<u32>) {
        let Some(number) = publication else {
            return self.complain(format!("a packet to {id} names no source"));
        };
        if self.owners.get(&(channel, number)).is_none_or(|owner| *owner == id) {
            self.complain(format!("a packet to {id} names {number}, which nobody else there has"));
        }
    }

    fn note(&mut self, event: Event) {
        match event {
            Event::Done(_)
            | Event::SlotsNeeded { .. }
            | Event::Outlook(..)
            | Event::Speakers(..)
            | Event::Wanted { .. } => {}
            Event::Metrics(snapshot) => self.snapshot = Some(*snapshot),
            Event::Connected(who) => match self.guests.get_mut(&who.0) {
                Some(guest) => guest.connected = true,
                None => self.complain(format!("{who:?} connected, who is not here")),
            },
            Event::Publishing(who, publication) => {
                let knows =
                    self.guests.get(&who.0).map(|guest| guest.publications.contains(&publication));
                if knows != Some(true) {
                    self.complain(format!(
                        "{who:?} publishes {publication:?}, which is not theirs"
                    ));
                }
            }
            Event::Assigned(who, assignments) => {
                let channel = self.guests.get(&who.0).map(|guest| guest.channel);
                for one in &assignments {
                    let publisher = self.guests.get(&one.publisher.0);
                    let fits = publisher.is_some_and(|publisher| {
                        Some(publisher.channel) == channel
                            && publisher.publications.contains(&one.publication)
                            && one.publisher != who
                    });
                    if !fits {
                        self.complain(format!("{who:?} was assigned {one:?}, which cannot be"));
                    }
                }
                if let Some(guest) = self.guests.get_mut(&who.0) {
                    guest.assigned = assignments.iter().map(|one| one.publication.0).collect();
                }
            }
            Event::Refused(id, error) => self.complain(format!("{id:?} was refused: {error}")),
            Event::Lost(who, reason) => self.complain(format!("{who:?} was lost: {reason}")),
            Event::Stopped(reason) => self.complain(format!("the shard stopped: {reason}")),
        }
    }

    fn complain(&mut self, what: String) {
        // A hundred tell as much as a million.
        if self.complaints.len() < 100 {
            self.complaints.push(format!("{:?}: {what}", self.now.elapsed()));
        }
    }

    /// The gauges and counters of the shard that are not the truth, in words. To be asked when a second has passed since anything
    /// changed: that often they are told.
    #[must_use]
    pub fn drift(&self) -> Vec<String> {
        let Some(snapshot) = &self.snapshot else { return vec!["no metrics".to_owned()] };
        let counters = snapshot.counters();
        let guests = self.guests.values();
        let channels: BTreeSet<u64> = guests.clone().map(|guest| guest.channel).collect();
        let truth = [
            ("participants", counters.participants.value(), self.guests.len()),
            ("channels", counters.channels.value(), channels.len()),
            (
                "publications",
                counters.publications.value(),
                guests.clone().map(|guest| guest.publications.len()).sum(),
            ),
            (
                "subscriptions",
                counters.subscriptions.value(),
                guests.map(|guest| guest.assigned.len()).sum(),
            ),
        ];
        truth
            .into_iter()
            .filter(|(_, told, is)| *told != *is as u64)
            .map(|(name, told, is)| format!("{name}: told {told}, are {is}"))
            .collect()
    }
}

impl Counts {
    fn plus(self, guest: &Guest) -> Self {
        let (sound, pictures) = guest.peer.played();
        Self {
            sent: (self.sent.0 + sound, self.sent.1 + pictures),
            received: self.received + guest.tally.packets,
        }
    }
}

impl Counts {
    /// Of which kind so many were sent.
    #[must_use]
    pub const fn of(self, kind: MediaKind) -> u64 {
        match kind {
            MediaKind::Audio => self.sent.0,
            MediaKind::Video => self.sent.1,
        }
    }
}

fn address(id: u64) -> SocketAddr {
    let [.., a, b, c] = id.to_be_bytes();
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, a, b, c)), 40_000)
}

/// The server's view and the client's.
fn keys(id: u64) -> (KeyingMaterial, KeyingMaterial) {
    let key = |side: u8| {
        let key: ArrayVec<u8, 32> = id.to_be_bytes().into_iter().chain([side; 8]).collect();
        let salt: ArrayVec<u8, 14> = id.to_le_bytes().into_iter().chain([side; 4]).collect();
        MasterKey { key, salt }
    };
    let profile = Profile::Aes128Gcm;
    let (server, client) = (key(0x40), key(0x80));
    let ours = KeyingMaterial { profile, local: server.clone(), remote: client.clone() };
    (ours, KeyingMaterial { profile, local: client, remote: server })
}
