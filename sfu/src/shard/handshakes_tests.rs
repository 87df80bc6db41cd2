use std::net::SocketAddr;
use std::time::Duration;

use arrayvec::ArrayString;
use rtc_stun::attributes as types;
use rtc_stun::crypto::default_provider;
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{BINDING_REQUEST, Message, Setter};

use super::*;
use crate::command::{Command, CommandId, DtlsRole, IceCredentials, Join, Keying};
use crate::config::{Limits, ShardConfig};
use crate::event::Event;
use crate::media::{ChannelId, ParticipantId};
use crate::metrics::Handshake;
use crate::net::batch::{Ecn, Fill, RecvBatch, SendBatch};
use crate::shard::Shard;
use crate::transport::dtls::{Certificate, Dtls, Progress};

fn path(id: u16) -> Path {
    Path { local: 0, remote: SocketAddr::from(([192, 0, 2, 1], id)) }
}

#[test]
fn a_turn_carries_out_so_many_and_the_rest_waits_in_order() {
    let now = start();
    let mut handshakes = Handshakes::default();
    for id in 0..TURN_MAX {
        assert_eq!(handshakes.admit(now, path(id.into()), b"x"), Admission::Now);
    }
    let more = 100..100 + u16::try_from(WAITING_MAX).unwrap();
    for id in more.clone() {
        assert_eq!(handshakes.admit(now, path(id), &id.to_be_bytes()), Admission::Later);
    }
    assert_eq!(handshakes.admit(now, path(7), b"x"), Admission::Refused);
    assert_eq!(handshakes.waiting_since(), Some(now));
    assert_eq!(handshakes.next(), None, "not in this turn");
    let mut seen = Vec::new();
    while handshakes.waiting_since().is_some() {
        handshakes.end_turn();
        let turn: Vec<_> = std::iter::from_fn(|| handshakes.next()).collect();
        assert!(turn.len() <= usize::from(TURN_MAX));
        seen.extend(turn);
    }
    let all: Vec<_> = more.map(|id| (path(id), id.to_be_bytes().to_vec())).collect();
    assert_eq!(seen, all);
}

#[test]
fn a_datagram_does_not_overtake_one_that_waits() {
    let now = start();
    let mut handshakes = Handshakes::default();
    for id in 0..=u16::from(TURN_MAX) {
        let _some_wait = handshakes.admit(now, path(id), b"first");
    }
    handshakes.end_turn();
    assert_eq!(handshakes.admit(now, path(4), b"second"), Admission::Later);
    assert_eq!(handshakes.next(), Some((path(4), b"first".to_vec())));
}

/// Everybody's first flight comes in one batch, of which a turn carries out four datagrams: all come in, without a repetition.
#[test]
fn many_who_come_at_once_are_all_let_in() {
    let now = start();
    let certificate = Certificate::generate().unwrap();
    let mut shard = Shard::new(ShardConfig {
        start: now,
        start_ntp: 0xe000_0000_0000_0000,
        hash_seed: 7,
        certificate: certificate.clone(),
        limits: Limits::default(),
    });
    let (mut received, mut sending) = (RecvBatch::new(), SendBatch::new());
    let theirs = Certificate::generate().unwrap();
    let mut clients: Vec<Dtls> = (0..PEOPLE)
        .map(|id| {
            shard.handle_command(now, CommandId(0), join(id, &theirs));
            assert!(received.push(path(id), now, Ecn::NotCapable, &nomination(id)));
            Dtls::new(&theirs, DtlsRole::Client, certificate.fingerprint(), now)
        })
        .collect();
    let mut secured = 0;
    let mut flights: Vec<(u16, Vec<u8>)> = Vec::new();
    for (id, client) in (0..).zip(&mut clients) {
        let mut send = |packet: &[u8]| flights.push((id, packet.to_vec()));
        assert_eq!(client.handle_timeout(now, &mut send), Ok(Progress::Pending));
    }
    // Virtual time stands still, so nobody repeats anything: what is lost stays lost.
    for _turn in 0..1_000 {
        for (id, packet) in flights.drain(..) {
            assert!(received.push(path(id), now, Ecn::NotCapable, &packet));
        }
        shard.handle_batch(now, &mut received);
        received.clear();
        let before = shard.handshakes.waiting.len();
        if shard.poll_timeout().is_some_and(|due| due <= now) {
            shard.handle_timeout(now);
        }
        assert!(before - shard.handshakes.waiting.len() <= usize::from(TURN_MAX));
        assert_eq!(shard.poll_transmit(now, &mut sending), Fill::Empty);
        for (path, packet) in sending.datagrams().filter(|(_, packet)| packet[0] >= 20) {
            let id = path.remote.port();
            let mut send = |packet: &[u8]| flights.push((id, packet.to_vec()));
            let progress = clients[usize::from(id)].handle(now, packet, &mut send).unwrap();
            secured += u16::from(matches!(progress, Progress::Keys(_)));
        }
        sending.clear();
    }
    assert_eq!(secured, PEOPLE);
    assert_eq!(shard.counters.handshakes.of(Handshake::Completed), u64::from(PEOPLE));
    let connected = std::iter::from_fn(|| shard.poll_event())
        .filter(|event| matches!(event, Event::Connected(_)))
        .count();
    assert_eq!(connected, usize::from(PEOPLE));
}

const PEOPLE: u16 = 24;

#[expect(clippy::disallowed_methods, reason = "any instant serves as the start of virtual time")]
fn start() -> Instant {
    Instant::now()
}

fn join(id: u16, theirs: &Certificate) -> Command {
    Command::Join(Box::new(Join {
        participant: ParticipantId(id.into()),
        channel: ChannelId(1),
        local: credentials(id),
        keying: Keying::Dtls { fingerprint: theirs.fingerprint(), role: DtlsRole::Server },
        consent: Duration::from_secs(30),
    }))
}

fn credentials(id: u16) -> IceCredentials {
    IceCredentials {
        ufrag: ArrayString::from(&format!("user{id}")).unwrap(),
        password: ArrayString::from(&format!("a password of 22 and more {id}")).unwrap(),
    }
}

fn nomination(id: u16) -> Vec<u8> {
    let provider = default_provider().unwrap();
    let server = credentials(id);
    let mut request = Message::new();
    request.set_type(BINDING_REQUEST);
    request.write_header();
    request.add(types::ATTR_USERNAME, format!("{}:them", server.ufrag).as_bytes());
    request.add(types::ATTR_ICE_CONTROLLING, &[1; 8]);
    request.add(types::ATTR_USE_CANDIDATE, &[]);
    let password = server.password.as_str();
    MessageIntegrity::new_raw_integrity_with_provider(password, provider.crypto())
        .add_to(&mut request)
        .unwrap();
    FINGERPRINT.add_to(&mut request).unwrap();
    request.raw
}
