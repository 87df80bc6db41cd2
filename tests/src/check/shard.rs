//! A whole shard, under the bytes of somebody who is inside: authenticated, and up to no good.

use std::sync::OnceLock;
use std::time::Duration;

use sfu::command::{Command, CommandId};
use sfu::config::{Limits, ShardConfig};
use sfu::media::Source;
use sfu::net::batch::{DATAGRAM_MAX, Ecn, Fill, Path, RecvBatch, SendBatch};
use sfu::packet::header::Header;
use sfu::transport::dtls::Certificate;
use sfu::transport::srtp::Sealer;
use sfu::{ChannelId, Shard};
use tools::simnet::random::Random;
use tools::simnet::time::SimTime;

use super::supply::Supply;
use crate::client::cipher::Cipher;
use crate::client::consent::Consent;
use crate::client::feedback::NTP_START;
use crate::client::session::microphone_ssrc;
use crate::client::{Devices, Person, Session};
use crate::clock::Clock;
use crate::codec::Codec;
use crate::packet::{Kind, Rtp};

/// Who sends what the fuzzer wants.
const EVE: Person = Person(1);
/// Who listens, and gets nothing but packets that can be opened.
const SAM: Person = Person(2);

/// More events tell nothing new.
const EVENTS_MAX: u32 = 128;
/// More turns than this at one moment mean that time stands still.
const TURNS_MAX: u32 = 1_000;

/// Puts two people into a channel and does what the bytes say: RTP and RTCP of any content under Eve's keys, feedback of any
/// content under Sam's, datagrams of any content from their addresses and from others, time that passes. Nothing panics, time never
/// stands still, datagrams go to the two alone, and all that Sam gets can be opened and names Eve's publications.
///
/// # Panics
/// Where that is not so.
pub fn check_shard(data: &[u8]) {
    let mut supply = Supply::new(data);
    let mut room = Room::new();
    for _ in 0..EVENTS_MAX {
        if !supply.has_more() {
            break;
        }
        room.step(&mut supply);
    }
}

struct Room {
    clock: Clock,
    now: SimTime,
    shard: Shard,
    eve: Session,
    eves: Sealer,
    sams: Sealer,
    opening: Cipher,
    recv: RecvBatch,
    send: SendBatch,
}

impl Room {
    fn new() -> Self {
        let clock = Clock::new();
        let start = clock.instant(SimTime::ZERO);
        let config = ShardConfig {
            start,
            start_ntp: NTP_START,
            hash_seed: 1,
            certificate: certificate(),
            limits: Limits::default(),
        };
        let [eve, sam] = [EVE, SAM].map(|who| Session::new(who, Devices::ALL, 0));
        let sealer = |session: &Session| {
            Sealer::new(session.keys.profile, &session.keys.remote).expect("keys of its length")
        };
        let mut room = Self {
            clock,
            now: SimTime::ZERO,
            shard: Shard::new(config),
            eves: sealer(&eve),
            sams: sealer(&sam),
            opening: Cipher::of_client(&sam.keys),
            recv: RecvBatch::new(),
            send: SendBatch::new(),
            eve: eve.clone(),
        };
        for session in [&eve, &sam] {
            room.command(Command::Join(Box::new(session.join(ChannelId(1)))));
            room.command(Command::Negotiate(Box::new(session.negotiate())));
            let mut consent = Consent::new(room.now, session);
            let request = consent.request(room.now, &mut Random::new(1));
            room.arrive(session.person, &request);
        }
        room
    }

    fn command(&mut self, command: Command) {
        self.shard.handle_command(self.clock.instant(self.now), CommandId(1), command);
        self.drain();
    }

    fn step(&mut self, supply: &mut Supply<'_>) {
        let what = supply.byte();
        match what & 7 {
            0..=2 => self.media(what >> 3, supply),
            3 => {
                let mut report = vec![0x80 | what >> 3, 200 + supply.byte() % 8, 0, 0];
                report.extend(supply.slice(usize::from(what >> 3) * 8 + 8));
                report.resize(report.len().next_multiple_of(4).max(8), 0);
                report[3] = u8::try_from(report.len() / 4 - 1).expect("short");
                self.feedback(EVE, &report);
            }
            4 => {
                let length = usize::from(supply.byte());
                let mut compound = supply.slice(length).to_vec();
                compound.resize(compound.len().max(8), 0);
                self.feedback(SAM, &compound);
            }
            5 => {
                let length = usize::from(supply.byte());
                let from = [EVE, SAM, Person(3)][usize::from(what >> 3) % 3];
                self.arrive(from, supply.slice(length));
            }
            _ => self.pass(Duration::from_millis(u64::from(what >> 3).pow(2))),
        }
    }

    /// A packet of Eve's: its header mostly right, its extensions and payload anything.
    fn media(&mut self, choice: u8, supply: &mut Supply<'_>) {
        let types = self.eve.payload_types();
        let ssrc = match choice & 3 {
            0 => microphone_ssrc(EVE),
            1 => u32::from(supply.byte() % 4) + 7_000,
            _ => supply.word() & 0xff,
        };
        let (picture, rtx) = (types.picture(Codec::Vp8), types.rtx(Codec::Vp8));
        let payload_type = [types.opus(), picture, rtx, supply.byte() & 0x7f];
        let sequence = supply.short() & 0x03ff;
        let mut packet =
            vec![0x80 | supply.byte() & 0x30, payload_type[usize::from(choice >> 2 & 3)]];
        packet.extend(sequence.to_be_bytes());
        packet.extend(supply.word().to_be_bytes());
        packet.extend(ssrc.to_be_bytes());
        if packet[0] & 0x10 != 0 {
            let words = supply.byte() % 8;
            packet.extend([0xbe, 0xde, 0, words]);
            packet.extend(supply.slice(usize::from(words) * 4));
        }
        let length = usize::from(supply.byte());
        packet.extend(supply.slice(length));
        let Ok(header) = Header::parse(&packet) else { return };
        let mut sealed = packet.clone();
        sealed.resize(packet.len() + self.eves.rtp_overhead(), 0);
        let payload = &packet[header.length..];
        self.eves
            .seal_rtp(sequence.into(), &mut sealed, header.length, 0, payload)
            .expect("there is room");
        self.arrive(EVE, &sealed);
    }

    fn feedback(&mut self, who: Person, compound: &[u8]) {
        let mut sealed = compound.to_vec();
        sealed.resize(compound.len() + 32, 0);
        let sealer = if who == EVE { &mut self.eves } else { &mut self.sams };
        let length = sealer.seal_rtcp(&mut sealed, compound.len()).expect("there is room");
        self.arrive(who, &sealed[..length]);
    }

    fn arrive(&mut self, from: Person, datagram: &[u8]) {
        let path = Path { local: 0, remote: from.address(0) };
        let instant = self.clock.instant(self.now);
        let datagram = &datagram[..datagram.len().min(DATAGRAM_MAX)];
        if datagram.is_empty() {
            return; // sockets count those, a shard never sees one
        }
        assert!(
            self.recv.push(path, instant, Ecn::NotCapable, datagram),
            "an empty batch has room"
        );
        self.shard.handle_batch(instant, &mut self.recv);
        self.recv.clear();
        self.drain();
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        let mut turns = 0;
        while let Some(due) = self.shard.poll_timeout().map(|due| self.clock.time(due))
            && due <= end
        {
            turns = if due > self.now { 0 } else { turns + 1 };
            assert!(turns < TURNS_MAX, "time stands still");
            self.now = self.now.max(due);
            self.shard.handle_timeout(self.clock.instant(self.now));
            self.drain();
        }
        self.now = end;
    }

    fn drain(&mut self) {
        let instant = self.clock.instant(self.now);
        for turn in 0.. {
            assert!(turn < TURNS_MAX, "an endless answer");
            let fill = self.shard.poll_transmit(instant, &mut self.send);
            for (path, datagram) in self.send.datagrams() {
                if path.remote == SAM.address(0) {
                    check_received(&mut self.opening, datagram);
                } else {
                    assert_eq!(path.remote, EVE.address(0), "to somebody who is not here");
                }
            }
            self.send.clear();
            match fill {
                Fill::Full => {}
                Fill::Empty => break,
            }
        }
        while self.shard.poll_event().is_some() {}
    }
}

/// Opens what Sam gets.
fn check_received(opening: &mut Cipher, datagram: &[u8]) {
    match Kind::of(datagram) {
        Kind::Rtp => {
            let plain = opening.open(datagram).expect("sealed for Sam");
            let packet = Rtp::read(&plain).expect("a packet");
            let eves = [Source::Microphone, Source::Camera].map(|source| EVE.publication(source).0);
            assert!(packet.csrcs.iter().all(|csrc| eves.contains(csrc)), "{:?}", packet.csrcs);
        }
        Kind::Rtcp => drop(opening.open_rtcp(datagram).expect("sealed for Sam")),
        Kind::Stun => {}
        Kind::Other => panic!("nobody shakes hands here"),
    }
}

/// Made once: a new one each time would be most of the work.
fn certificate() -> Certificate {
    static MADE: OnceLock<Certificate> = OnceLock::new();
    MADE.get_or_init(|| Certificate::generate().expect("a certificate can be made")).clone()
}
