use std::net::SocketAddr;
use std::time::Duration;

use arrayvec::ArrayString;
use rtc_stun::attributes as types;
use rtc_stun::crypto::default_provider;
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{BINDING_REQUEST, Message, Setter};

use super::*;
use crate::command::{CommandError, CommandId, DtlsRole, IceCredentials, Join, Keying};
use crate::config::Limits;
use crate::media::{ChannelId, ParticipantId};
use crate::metrics::Handshake;
use crate::net::batch::{Ecn, Path};
use crate::transport::dtls::{Certificate, Dtls, Progress};

fn path(id: u16) -> Path {
    Path { local: 0, remote: SocketAddr::from(([192, 0, 2, 1], id)) }
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
        let before = shard.handshakes.waiting();
        if shard.poll_timeout().is_some_and(|due| due <= now) {
            shard.handle_timeout(now);
        }
        assert!(before - shard.handshakes.waiting() <= usize::from(handshakes::TURN_MAX));
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

/// Of news that will come again only so much is kept for a thread that nobody listens to; answers are all kept.
#[test]
fn news_that_nobody_takes_is_bounded() {
    let now = start();
    let certificate = Certificate::generate().unwrap();
    let mut shard = Shard::new(ShardConfig {
        start: now,
        start_ntp: 0xe000_0000_0000_0000,
        hash_seed: 7,
        certificate: certificate.clone(),
        limits: Limits { participants: 2, ..Limits::default() },
    });
    let seconds = 2 * u64::try_from(EVENTS_MAX).unwrap();
    for second in 1..=seconds {
        shard.handle_timeout(now + Duration::from_secs(second));
    }
    for id in 0..3 {
        shard.handle_command(now, CommandId(id.into()), join(id, &certificate));
    }
    let news: Vec<_> = std::iter::from_fn(|| shard.poll_event()).collect();
    let (metrics, answers) = news.split_at(EVENTS_MAX);
    assert!(metrics.iter().all(|event| matches!(event, Event::Metrics(_))));
    let [Event::Done(first), Event::Done(second), Event::Refused(third, error)] = answers else {
        panic!("{answers:?}")
    };
    assert_eq!([first.0, second.0, third.0], [0, 1, 2]);
    assert_eq!(*error, CommandError::ShardFull);
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
