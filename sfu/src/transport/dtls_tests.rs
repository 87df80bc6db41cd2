use std::collections::VecDeque;

use super::*;
use crate::packet::header::Header;
use crate::transport::srtp::{Opener, Sealer};

#[expect(clippy::disallowed_methods, reason = "any moment to begin with will do")]
fn start() -> Instant {
    Instant::now()
}

/// Two sides and what is on its way between them, in virtual time.
struct Pair {
    now: Instant,
    client: Side,
    server: Side,
    /// Datagrams sent so far, both ways.
    sent: usize,
}

struct Side {
    dtls: Dtls,
    inbox: VecDeque<Vec<u8>>,
    keys: Option<KeyingMaterial>,
    error: Option<DtlsError>,
    closed: bool,
}

impl Side {
    fn new(dtls: Dtls) -> Self {
        Self { dtls, inbox: VecDeque::new(), keys: None, error: None, closed: false }
    }

    fn note(&mut self, result: Result<Progress, DtlsError>) {
        match result {
            Ok(Progress::Pending) => {}
            Ok(Progress::Keys(keys)) => {
                assert!(self.keys.is_none(), "keys are told once");
                self.keys = Some(keys);
            }
            Ok(Progress::Closed) => self.closed = true,
            Err(error) => {
                self.error.get_or_insert(error);
            }
        }
    }

    /// Reads one datagram, or does what is due; returns what it sends, or `None` where there is nothing to do.
    fn step(&mut self, now: Instant) -> Option<Vec<Vec<u8>>> {
        let mut sent = Vec::new();
        let mut send = |packet: &[u8]| sent.push(packet.to_vec());
        let result = if let Some(packet) = self.inbox.pop_front() {
            self.dtls.handle(now, &packet, &mut send)
        } else if self.dtls.deadline().is_some_and(|deadline| deadline <= now) {
            self.dtls.handle_timeout(now, &mut send)
        } else {
            return None;
        };
        self.note(result);
        Some(sent)
    }
}

impl Pair {
    fn new(certificates: [&Certificate; 2], expected: [Fingerprint; 2]) -> Self {
        let now = start();
        let client = Dtls::new(certificates[0], DtlsRole::Client, expected[0], now);
        let server = Dtls::new(certificates[1], DtlsRole::Server, expected[1], now);
        Self { now, client: Side::new(client), server: Side::new(server), sent: 0 }
    }

    /// Runs until nothing is due within `limit`; `pass` says which datagrams, by their number, arrive.
    fn run(&mut self, limit: Duration, mut pass: impl FnMut(usize, &[u8]) -> bool) {
        let end = self.now + limit;
        loop {
            let mut busy = false;
            for to_server in [true, false] {
                let (from, to) = if to_server {
                    (&mut self.client, &mut self.server)
                } else {
                    (&mut self.server, &mut self.client)
                };
                while let Some(sent) = from.step(self.now) {
                    busy = true;
                    for packet in sent {
                        assert!(packet.len() <= MTU);
                        if pass(self.sent, &packet) {
                            to.inbox.push_back(packet);
                        }
                        self.sent += 1;
                    }
                }
            }
            if busy {
                continue;
            }
            let due = [self.client.dtls.deadline(), self.server.dtls.deadline()];
            match due.into_iter().flatten().min() {
                Some(due) if due <= end => self.now = due.max(self.now),
                Some(_) | None => break,
            }
        }
    }

    fn assert_keys_fit(&self) {
        let client = self.client.keys.as_ref().expect("the client's keys");
        let server = self.server.keys.as_ref().expect("the server's keys");
        assert_eq!(client.profile, Profile::Aes256Gcm);
        assert_eq!((&client.local, &client.remote), (&server.remote, &server.local));
        let sealer = Sealer::new(client.profile, &client.local).unwrap();
        let mut packet = [0; 64];
        packet[0] = 0x80;
        let length = sealer.seal_rtp(0, &mut packet, 12, 0, b"hello").unwrap();
        let header = Header::parse(&packet[..length]).unwrap();
        let mut opener = Opener::new(server.profile, &server.remote).unwrap();
        let opened = opener.open_rtp(&header, &mut packet[..length]).unwrap();
        assert_eq!(&packet[12..opened.length], b"hello");
    }
}

fn certificates() -> [Certificate; 2] {
    [Certificate::generate().unwrap(), Certificate::generate().unwrap()]
}

fn good_pair() -> Pair {
    let [a, b] = certificates();
    Pair::new([&a, &b], [b.fingerprint(), a.fingerprint()])
}

const LIMIT: Duration = Duration::from_secs(20);

#[test]
fn two_sides_get_keys_that_fit_at_once() {
    let mut pair = good_pair();
    let begin = pair.now;
    assert_eq!(pair.server.dtls.deadline(), None);
    pair.run(LIMIT, |_, packet| {
        // A handshake record in the clear with a HelloVerifyRequest: the cookie exchange is off.
        assert!(packet[0] != 22 || packet[3..5] != [0, 0] || packet[13] != 3);
        true
    });
    pair.assert_keys_fit();
    assert_eq!(pair.now, begin, "nothing had to be waited for");
    assert_eq!((pair.client.dtls.deadline(), pair.server.dtls.deadline()), (None, None));
}

#[test]
fn a_wrong_certificate_yields_no_keys_ever() {
    let [a, b] = certificates();
    let other = Certificate::generate().unwrap().fingerprint();
    // The client's certificate is wrong, then the server's.
    for (expected, client_is_wrong) in
        [([b.fingerprint(), other], true), ([other, a.fingerprint()], false)]
    {
        let mut pair = Pair::new([&a, &b], expected);
        pair.run(Duration::from_secs(60), |_, _| true);
        let checker = if client_is_wrong { &mut pair.server } else { &mut pair.client };
        assert_eq!(checker.error, Some(DtlsError::FingerprintMismatch));
        assert!(checker.keys.is_none());
        let again = checker.dtls.handle(pair.now, &[22; 40], &mut |_| panic!("nothing to send"));
        assert_eq!(again, Err(DtlsError::FingerprintMismatch));
        assert_eq!(checker.dtls.deadline(), None);
        assert!(pair.client.keys.is_none() && pair.server.keys.is_none());
    }
}

/// Cuts the one handshake message of a datagram into pieces of at most `length` bytes, each a datagram of its own.
fn fragments(datagram: &[u8], length: usize) -> Vec<Vec<u8>> {
    let (record, rest) = datagram.split_at(13);
    let (message, body) = rest.split_at(12);
    let u24 = |value: usize| u32::try_from(value).unwrap().to_be_bytes()[1..].to_vec();
    let cut = |(place, piece): (usize, &[u8])| {
        // Content type, version, epoch; sequence numbers that the client will not come to.
        let mut out = record[..5].to_vec();
        out.extend([0, 0, 0, 0, 0, 40 + u8::try_from(place).unwrap()]);
        out.extend(u16::try_from(12 + piece.len()).unwrap().to_be_bytes());
        out.extend(&message[..6]);
        out.extend(u24(place * length));
        out.extend(u24(piece.len()));
        out.extend(piece);
        out
    };
    body.chunks(length).enumerate().map(cut).collect()
}

#[test]
fn fragmented_flights_are_put_together_in_any_order() {
    let [a, b] = [Certificate::with_mtu(128).unwrap(), Certificate::with_mtu(128).unwrap()];
    let mut pair = Pair::new([&a, &b], [b.fingerprint(), a.fingerprint()]);
    let hello = pair.client.step(pair.now).unwrap().remove(0);
    let mut pieces = fragments(&hello, 30);
    assert!(pieces.len() > 2);
    pieces.reverse();
    pair.server.inbox.extend(pieces);
    pair.run(LIMIT, |_, packet| packet.len() <= 128);
    pair.assert_keys_fit();
    assert!(pair.sent > 10, "{} datagrams", pair.sent);
}

#[test]
fn any_one_datagram_may_be_lost() {
    let mut whole = good_pair();
    whole.run(LIMIT, |_, _| true);
    for lost in 0..whole.sent {
        let mut pair = good_pair();
        let begin = pair.now;
        pair.run(LIMIT, |number, _| number != lost);
        pair.assert_keys_fit();
        assert!(pair.now - begin < Duration::from_secs(2), "without datagram {lost}");
    }
}

#[test]
fn datagrams_may_come_twice_and_be_mixed_with_noise() {
    let mut pair = good_pair();
    for round in 0..20 {
        for side in [&mut pair.client, &mut pair.server] {
            let noise: Vec<u8> = (0..round * 9).map(|byte| byte ^ round).collect();
            side.inbox.push_back([&[22, 0xfe, 0xfd, 0, 0][..], &noise].concat());
            if let Some(last) = side.inbox.front().cloned() {
                side.inbox.push_back(last);
            }
        }
        pair.run(Duration::ZERO, |_, _| true);
    }
    pair.run(LIMIT, |_, _| true);
    pair.assert_keys_fit();
}

#[test]
fn noise_alone_starts_nothing_and_fails_nothing() {
    let [a, b] = certificates();
    let now = start();
    let mut server = Dtls::new(&a, DtlsRole::Server, b.fingerprint(), now);
    for length in 0..200_u8 {
        for first in [20, 21, 22, 23, 63, 0] {
            let mut noise: Vec<u8> = (0..length).map(|byte| byte.wrapping_mul(31)).collect();
            if let Some(byte) = noise.first_mut() {
                *byte = first;
            }
            let result = server.handle(now, &noise, &mut |_| panic!("nothing to send"));
            assert_eq!(result, Ok(Progress::Pending));
        }
    }
}

#[test]
fn a_handshake_that_nobody_answers_times_out() {
    let mut pair = good_pair();
    let begin = pair.now;
    pair.run(Duration::from_secs(60), |_, _| false);
    assert_eq!(pair.client.error, Some(DtlsError::TimedOut));
    assert!(pair.sent > 4 && pair.now - begin <= HANDSHAKE + Duration::from_secs(15));
    let again = pair.client.dtls.handle_timeout(pair.now, &mut |_| {});
    assert_eq!(again, Err(DtlsError::Dead));
}

#[test]
fn a_close_is_told_to_the_other_side() {
    let mut pair = good_pair();
    pair.run(LIMIT, |_, _| true);
    let mut told = Vec::new();
    pair.client.dtls.close(&mut |packet| told.push(packet.to_vec()));
    assert_eq!(told.len(), 1);
    pair.server.inbox.extend(told);
    pair.run(LIMIT, |_, _| true);
    assert!(pair.server.closed);
    let again = pair.server.dtls.handle(pair.now, &[23; 30], &mut |_| {});
    assert_eq!(again, Ok(Progress::Closed));
    pair.client.dtls.close(&mut |_| panic!("told already"));
}

#[test]
fn fingerprints_are_written_as_they_are_read() {
    // RFC 8122, section 5, has this form; SHA-256 of nothing as the example.
    let text = "E3:B0:C4:42:98:FC:1C:14:9A:FB:F4:C8:99:6F:B9:24:27:AE:41:E4:64:9B:93:4C:A4:95:99:1B:78:52:B8:55";
    let fingerprint = Fingerprint::parse(text).unwrap();
    assert_eq!(fingerprint, Fingerprint::of(&[]));
    assert_eq!(fingerprint.to_string(), text);
    assert_eq!(Fingerprint::parse(&text.to_lowercase()), Ok(fingerprint));
    for wrong in [
        "",
        text.strip_prefix("E3:").unwrap(),
        &format!("{text}:00"),
        &text.replace(':', ""),
        &text.replace("E3", "+3"),
        &text.replace("E3", "é"),
    ] {
        assert_eq!(Fingerprint::parse(wrong), Err(FingerprintError), "{wrong}");
    }
}
