//! A shard with everybody in it, and what it asks of publishers.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use simulcast::Bitrate;
use simulcast::estimator::{self, Part};
use tools::simnet::random::Random;
use tools::simnet::time::SimTime;

use sfu::command::{Command, CommandId, Pictures, View};
use sfu::config::{Limits, ShardConfig};
use sfu::media::{Encoding, Ssrc};
use sfu::net::batch::{Ecn, Fill, Path, RecvBatch, SendBatch};
use sfu::transport::dtls::Certificate;
use sfu::{ChannelId, Event, Shard, Source};

use crate::client::cipher::Cipher;
use crate::client::consent::Consent;
use crate::client::feedback::{Feedback, NTP_START, Request};
use crate::client::session::camera_ssrc;
use crate::client::{Devices, Person, Session};
use crate::clock::Clock;
use crate::packet::{Kind, Rtp, be16, be32};
use crate::rfc8867::algorithm::Settings;
use crate::rfc8867::source::START_KBPS;

/// A shard.
#[derive(Debug)]
pub struct Server {
    clock: Clock,
    shard: Shard,
    settings: Settings,
    commands: u64,
    publishers: Vec<Seat>,
    receiver: Seat,
    repair: Repair,
    sent: Vec<Vec<u8>>,
    wishes: Vec<(usize, Wish)>,
    recv: RecvBatch,
    send: SendBatch,
}

/// What a publisher is to do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Wish {
    /// Make a keyframe of this encoding.
    Keyframe {
        /// Which.
        ssrc: u32,
    },
    /// Send these encodings and no others.
    Encodings(Vec<bool>),
}

/// Somebody as the shard's surroundings know them.
#[derive(Debug)]
struct Seat {
    session: Session,
    address: SocketAddr,
    consent: Consent,
    opener: Cipher,
}

/// What of the last second's sending was sent again because somebody asked for it.
#[derive(Debug)]
struct Repair {
    /// Which retransmission streams there are.
    streams: Vec<u32>,
    /// Opens what is sent, apart from the receiver.
    opener: Cipher,
    /// Opens what the receiver says, apart from the shard.
    listener: Cipher,
    /// By slot: numbers that were asked for, and until when an answer counts.
    asked: BTreeMap<(u32, u16), SimTime>,
    /// When, how many bytes, and of these those that were sent again.
    past: VecDeque<(SimTime, usize, usize)>,
}

/// Everybody meets here.
const CHANNEL: ChannelId = ChannelId(1);

/// The receiver; publishers count from 1.
const RECEIVER: Person = Person(200);

/// Over this time the share of what is sent again is taken.
const SECOND: Duration = Duration::from_secs(1);

impl Server {
    /// A shard with `publishers` in it, of one encoding or of three, the first one with a voice; and a receiver that sees them all.
    #[must_use]
    pub fn new(
        now: SimTime,
        publishers: u8,
        is_single: bool,
        settings: Settings,
        random: &mut Random,
    ) -> Self {
        let clock = Clock::new();
        let shard = Shard::new(ShardConfig {
            start: clock.instant(SimTime::ZERO),
            start_ntp: NTP_START,
            hash_seed: random.next(),
            certificate: Certificate::generate().expect("a certificate can be made"),
            limits: Limits::default(),
        });
        // One adaptive layer always goes: its source obeys the estimate in the allocator's place.
        let parts = if is_single { settings.parts.without(Part::Budget) } else { settings.parts };
        let usual = estimator::Settings::default();
        let start = settings.start.unwrap_or(usual.start);
        let shard = shard.with_estimator(estimator::Settings { start, parts, ..usual });
        let silent = Devices {
            camera: false,
            microphone: false,
            audio_slots: 0,
            video_slots: 0,
            ..Devices::ALL
        };
        let seats = (1..=publishers).map(|number| {
            let devices = Devices { camera: true, microphone: number == 1, ..silent };
            let mut session = Session::new(Person(number), devices, 0);
            if is_single {
                make_single(&mut session);
            }
            Seat::new(now, session)
        });
        let devices = Devices { audio_slots: 1, video_slots: publishers, ..silent };
        let receiver = Seat::new(now, Session::new(RECEIVER, devices, 0));
        let mut server = Self {
            clock,
            shard,
            settings,
            commands: 0,
            publishers: seats.collect(),
            repair: Repair::new(&receiver.session),
            receiver,
            sent: Vec::new(),
            wishes: Vec::new(),
            recv: RecvBatch::new(),
            send: SendBatch::new(),
        };
        server.open(now, random);
        server
    }

    /// Lets everybody in, and lets the shard learn where they are.
    fn open(&mut self, now: SimTime, random: &mut Random) {
        let seats = self.publishers.iter().chain([&self.receiver]);
        let sessions: Vec<Session> = seats.map(|seat| seat.session.clone()).collect();
        for session in sessions {
            self.command(now, Command::Join(Box::new(session.join(CHANNEL))));
            self.command(now, Command::Negotiate(Box::new(session.negotiate())));
        }
        if let Some(budget) = self.settings.budget {
            self.command(
                now,
                Command::Prefer {
                    participant: RECEIVER.participant(),
                    budget: Some(budget),
                    pictures: Pictures::Automatic,
                },
            );
        }
        for place in 0..=self.publishers.len() {
            let seat = self.publishers.get_mut(place).unwrap_or(&mut self.receiver);
            let (address, request) = (seat.address, seat.consent.request(now, random));
            self.arrive(now, address, &request);
        }
        self.drain(now);
        let mut seats = self.publishers.iter().chain([&self.receiver]);
        assert!(seats.all(|seat| seat.consent.is_granted()), "somebody was not answered");
    }

    /// What a publisher agreed on.
    #[must_use]
    pub fn session(&self, publisher: u8) -> &Session {
        &self.publishers[usize::from(publisher)].session
    }

    /// What the receiver agreed on.
    #[must_use]
    pub const fn receiver_session(&self) -> &Session {
        &self.receiver.session
    }

    /// What the receiver's link carries, as the shard has it, in bits a second: what sources follow.
    ///
    /// Before it knows anything, the start estimate.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    pub fn estimate(&self) -> f64 {
        let known = self.shard.estimate(RECEIVER.participant());
        known.unwrap_or(Bitrate::kbps(START_KBPS)).as_bps() as f64
    }

    /// How much of what was sent in the last second was sent again, from 0 to 1.
    ///
    /// The source takes it out of its target as the budget does of a server's; without [`Part::Repair`] neither does.
    pub fn repair_share(&mut self, now: SimTime) -> f64 {
        if self.settings.parts.has(Part::Repair) { self.repair.share(now) } else { 0.0 }
    }

    /// How large the receiver sees what plays in its slots.
    pub fn view(&mut self, now: SimTime, views: &[View]) {
        let participant = RECEIVER.participant();
        self.command(now, Command::View { participant, views: views.to_vec() });
    }

    fn command(&mut self, now: SimTime, command: Command) {
        self.commands += 1;
        let id = CommandId(self.commands);
        self.shard.handle_command(self.clock.instant(now), id, command);
    }

    /// When [`Self::run`] has something to do.
    #[must_use]
    pub fn next_event(&self) -> Option<SimTime> {
        let shard = self.shard.poll_timeout().map(|timeout| self.clock.time(timeout));
        let seats = self.publishers.iter().chain([&self.receiver]);
        let checks = seats.map(|seat| seat.consent.next_request).min();
        shard.into_iter().chain(checks).min()
    }

    /// Lets time pass. Checks go beside the network, whose load they are no part of.
    pub fn run(&mut self, now: SimTime) {
        for place in 0..=self.publishers.len() {
            let seat = self.publishers.get_mut(place).unwrap_or(&mut self.receiver);
            if seat.consent.next_request <= now {
                // Nobody sees these bytes: a generator of their own keeps them out of all that follows from the seed.
                let request = seat.consent.request(now, &mut Random::new(place as u64));
                let address = seat.address;
                self.arrive(now, address, &request);
            }
        }
        let instant = self.clock.instant(now);
        if self.shard.poll_timeout().is_some_and(|timeout| timeout <= instant) {
            self.shard.handle_timeout(instant);
        }
    }

    /// A publisher's packet.
    pub fn from_publisher(&mut self, now: SimTime, publisher: usize, bytes: &[u8]) {
        let address = self.publishers[publisher].address;
        self.arrive(now, address, bytes);
    }

    /// A packet of the receiver's, which came through the network.
    pub fn from_receiver(&mut self, now: SimTime, bytes: &[u8]) {
        if Kind::of(bytes) == Kind::Rtcp {
            self.repair.listen(now, bytes);
        }
        let address = self.receiver.address;
        self.arrive(now, address, bytes);
    }

    fn arrive(&mut self, now: SimTime, from: SocketAddr, bytes: &[u8]) {
        let (path, instant) = (Path { local: 0, remote: from }, self.clock.instant(now));
        assert!(self.recv.push(path, instant, Ecn::NotCapable, bytes), "an empty batch has room");
        self.shard.handle_batch(instant, &mut self.recv);
        self.recv.clear();
    }

    /// Takes from the shard all it has to send and to say.
    pub fn drain(&mut self, now: SimTime) {
        let instant = self.clock.instant(now);
        loop {
            let fill = self.shard.poll_transmit(instant, &mut self.send);
            for (path, bytes) in self.send.datagrams() {
                if path.remote == self.receiver.address {
                    match Kind::of(bytes) {
                        Kind::Stun => self.receiver.hear(now, bytes),
                        Kind::Rtp | Kind::Rtcp | Kind::Other => {
                            self.repair.watch(now, bytes);
                            self.sent.push(bytes.to_vec());
                        }
                    }
                    continue;
                }
                let mut publishers = self.publishers.iter_mut().enumerate();
                let seat = publishers.find(|(_, seat)| seat.address == path.remote);
                let Some((place, seat)) = seat else { continue };
                let wishes = seat.wishes(now, bytes);
                self.wishes.extend(wishes.into_iter().map(|wish| (place, wish)));
            }
            self.send.clear();
            match fill {
                Fill::Full => {}
                Fill::Empty => break,
            }
        }
        while let Some(event) = self.shard.poll_event() {
            self.obey(&event);
        }
    }

    fn obey(&mut self, event: &Event) {
        if let Event::Wanted { participant, encodings, demand, .. } = event {
            let wanted = (0..*encodings).map(|encoding| demand.wants(encoding)).collect();
            let of = |seat: &Seat| seat.session.person.participant() == *participant;
            if let Some(place) = self.publishers.iter().position(of) {
                self.wishes.push((place, Wish::Encodings(wanted)));
            }
        } else if let Event::Refused(id, error) = event {
            panic!("command {id:?} was refused: {error}");
        }
    }

    /// What was sent to the receiver since the last call.
    pub fn take_sent(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.sent)
    }

    /// What publishers are to do, by their number.
    pub fn take_wishes(&mut self) -> Vec<(usize, Wish)> {
        std::mem::take(&mut self.wishes)
    }
}

impl Seat {
    fn new(now: SimTime, session: Session) -> Self {
        Self {
            address: session.person.address(0),
            consent: Consent::new(now, &session),
            opener: Cipher::of_client(&session.keys),
            session,
        }
    }

    fn hear(&mut self, now: SimTime, bytes: &[u8]) {
        self.consent.handle(now, bytes, self.address).expect("an answer to our request");
    }

    /// What a publisher is asked for.
    fn wishes(&mut self, now: SimTime, bytes: &[u8]) -> Vec<Wish> {
        match Kind::of(bytes) {
            Kind::Stun => {
                self.hear(now, bytes);
                Vec::new()
            }
            Kind::Rtcp => {
                let plain = self.opener.open_rtcp(bytes).expect("the shard seals rightly");
                let asked = Feedback::read(&plain).expect("the shard writes rightly").into_iter();
                asked
                    .filter_map(|request| match request {
                        Request::Keyframe { ssrc } => Some(Wish::Keyframe { ssrc }),
                        Request::Resend { .. }
                        | Request::Congestion { .. }
                        | Request::Bitrate(_)
                        | Request::Report { .. }
                        | Request::Sent { .. } => None,
                    })
                    .collect()
            }
            Kind::Rtp | Kind::Other => Vec::new(),
        }
    }
}

impl Repair {
    fn new(receiver: &Session) -> Self {
        let streams = receiver.slots.iter().filter_map(|slot| slot.rtx.map(|rtx| rtx.0)).collect();
        let (opener, listener) =
            (Cipher::of_client(&receiver.keys), Cipher::of_server(&receiver.keys));
        Self { streams, opener, listener, asked: BTreeMap::new(), past: VecDeque::new() }
    }

    /// The receiver asks for packets.
    fn listen(&mut self, now: SimTime, bytes: &[u8]) {
        let Ok(plain) = self.listener.open_rtcp(bytes) else { return };
        for request in Feedback::read(&plain).unwrap_or_default() {
            if let Request::Resend { ssrc, numbers } = request {
                let until = now + SECOND;
                self.asked.extend(numbers.into_iter().map(|number| ((ssrc, number), until)));
            }
        }
        self.asked.retain(|_, until| *until >= now);
    }

    /// Something is sent to the receiver.
    fn watch(&mut self, now: SimTime, bytes: &[u8]) {
        let is_repair = Kind::of(bytes) == Kind::Rtp
            && self.streams.contains(&be32(bytes, 8))
            && self.answers(bytes);
        self.past.push_back((now, bytes.len(), if is_repair { bytes.len() } else { 0 }));
    }

    /// Whether a retransmission answers what was asked for; others are padding.
    fn answers(&mut self, bytes: &[u8]) -> bool {
        let rtx = be32(bytes, 8);
        let plain = self.opener.open(bytes).ok().and_then(|plain| Rtp::read(&plain));
        plain.is_some_and(|packet| {
            packet.payload.len() >= 2
                && self.asked.contains_key(&(rtx - RTX_ABOVE, be16(&packet.payload, 0)))
        })
    }

    #[expect(clippy::cast_precision_loss, reason = "bytes of a second")]
    fn share(&mut self, now: SimTime) -> f64 {
        while self.past.front().is_some_and(|(at, ..)| now.since(*at) > SECOND) {
            self.past.pop_front();
        }
        let all: usize = self.past.iter().map(|(_, all, _)| all).sum();
        let again: usize = self.past.iter().map(|(_, _, again)| again).sum();
        if all == 0 { 0.0 } else { again as f64 / all as f64 }
    }
}

/// A slot's retransmissions have its SSRC and this.
const RTX_ABOVE: u32 = 500;

/// A camera of one encoding, by SSRC, in place of three.
fn make_single(session: &mut Session) {
    let ssrc = camera_ssrc(session.person, 0);
    let only = Encoding { rid: None, ssrc: Some(Ssrc(ssrc)), rtx: Some(Ssrc(ssrc + 10)) };
    let cameras = session.publications.iter_mut().filter(|it| it.source == Source::Camera);
    cameras.for_each(|camera| camera.encodings = vec![only]);
}
