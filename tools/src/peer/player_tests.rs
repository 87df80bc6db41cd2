use std::path::Path;

use sfu::packet::header::Header;
use sfu::transport::srtp::{MasterKey, Opener, Profile};
use simulcast::codec::{self, Codec};

use super::*;
use crate::peer::capture::Capture;

/// Both ends of a transport, in virtual time.
struct Wire {
    sealer: Sealer,
    opener: Opener,
    now: Instant,
}

/// What a packet said.
#[derive(Debug)]
struct Seen {
    at: Duration,
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    picture: u16,
    is_key: bool,
    payload: Vec<u8>,
}

impl Wire {
    fn new() -> Self {
        let master = MasterKey::new(Profile::Aes128Gcm, &[1; 16], &[2; 12]).unwrap();
        Self {
            sealer: Sealer::new(Profile::Aes128Gcm, &master).unwrap(),
            opener: Opener::new(Profile::Aes128Gcm, &master).unwrap(),
            now: sfu::net::clock::Clock::new().now(),
        }
    }

    fn open(&mut self, start: Instant, packet: &mut [u8]) -> Seen {
        let header = Header::parse(packet).unwrap();
        let opened = self.opener.open_rtp(&header, packet).unwrap();
        let repaired = if header.payload_type.0 == offer::RTX { 2 } else { 0 };
        let payload = packet[header.length + repaired..opened.length].to_vec();
        let info = codec::inspect(Codec::Vp8, &payload, header.marker, None).unwrap();
        let Some(codec::PictureId::Long(picture)) = info.numbers.picture_id() else {
            panic!("15 bits")
        };
        Seen {
            at: self.now - start,
            ssrc: header.ssrc.0,
            sequence: header.sequence.0,
            timestamp: header.timestamp.0,
            picture,
            is_key: info.starts_keyframe,
            payload,
        }
    }

    /// Plays for a while, looking each millisecond.
    fn play(&mut self, player: &mut Player, start: Instant, lasts: Duration) -> Vec<Seen> {
        let end = self.now + lasts;
        let mut seen = Vec::new();
        while self.now < end {
            let mut room = [0; 1500];
            let mut outlet = Outlet {
                sealer: &self.sealer,
                transport_sequence: None,
                epoch: start,
                now: self.now,
            };
            if let Some(length) = player.write(&mut outlet, &mut room) {
                seen.push(self.open(start, &mut room[..length]));
            } else {
                self.now += Duration::from_millis(1);
            }
        }
        seen
    }
}

/// Three encodings of a Chromium, the lowest: 315 packets in ten seconds, 311 of them from its keyframe on.
fn layer() -> Arc<Layer> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/data/chromium-vp8-simulcast-opus-10s.pcap");
    let capture = Capture::read(&path, 1000).unwrap();
    Arc::clone(&capture.camera(&[0x3534_2e83]).unwrap().layers[0])
}

fn player(start: Instant) -> Player {
    let stream = |ssrc, payload_type| Stream {
        ssrc: Ssrc(ssrc),
        payload_type,
        names: ArrayVec::new(),
        index: 0xfff0,
    };
    Player::new(layer(), start, stream(5, offer::VP8), Some(stream(6, offer::RTX)))
}

fn assert_goes_on(seen: &[Seen]) {
    for pair in seen.windows(2) {
        assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1));
        let step = pair[1].picture.wrapping_sub(pair[0].picture) & 0x7fff;
        let ahead = pair[1].timestamp.wrapping_sub(pair[0].timestamp);
        if step == 0 {
            assert_eq!(ahead, 0, "packets of one frame");
        } else {
            assert!(step == 1 && (1..90_000).contains(&ahead), "{step} pictures, {ahead} ticks");
        }
    }
}

#[test]
fn a_layer_comes_out_at_its_pace_and_goes_on_from_round_to_round() {
    let mut wire = Wire::new();
    let start = wire.now;
    let mut player = player(start);
    let seen = wire.play(&mut player, start, Duration::from_secs(25));
    assert_goes_on(&seen);
    // The capture has 315 in ten seconds; four of them, by their picture ids, come before the keyframe with which a round begins.
    let keys: Vec<Duration> = seen.iter().filter(|one| one.is_key).map(|one| one.at).collect();
    assert_eq!(keys.len(), 3);
    let round = keys[1] - keys[0];
    assert!((9_900..10_100).contains(&round.as_millis()), "{round:?}");
    let in_round = seen.iter().filter(|one| one.at >= keys[1] && one.at < keys[2]).count();
    assert_eq!(in_round, 311);
    // The clock of the timestamps is that of the wall: RFC 7741 has 90,000 ticks a second.
    let (first, last) = (&seen[0], &seen[seen.len() - 1]);
    let ticks = f64::from(last.timestamp.wrapping_sub(first.timestamp));
    let expected = (last.at - first.at).as_secs_f64() * 90_000.0;
    assert!((ticks - expected).abs() < 9_000.0, "{ticks} ticks in {expected}");
}

#[test]
fn a_request_is_answered_with_the_keyframe_at_the_next_frame() {
    let mut wire = Wire::new();
    let start = wire.now;
    let mut player = player(start);
    let mut seen = wire.play(&mut player, start, Duration::from_millis(2_345));
    player.want_keyframe();
    let asked = wire.now - start;
    seen.extend(wire.play(&mut player, start, Duration::from_secs(1)));
    assert_goes_on(&seen);
    let keys: Vec<Duration> = seen.iter().filter(|one| one.is_key).map(|one| one.at).collect();
    assert_eq!(keys.len(), 2);
    assert!(keys[1] >= asked && keys[1] < asked + Duration::from_millis(100), "{keys:?}");
}

#[test]
fn a_packet_is_sent_again_as_it_was_on_the_stream_of_repairs() {
    let mut wire = Wire::new();
    let start = wire.now;
    let mut player = player(start);
    let seen = wire.play(&mut player, start, Duration::from_secs(3));
    let lost = &seen[40];
    let mut room = [0; 1500];
    let mut outlet =
        Outlet { sealer: &wire.sealer, transport_sequence: None, epoch: start, now: wire.now };
    let length = player.resend(SequenceNumber(lost.sequence), &mut outlet, &mut room).unwrap();
    assert_eq!(player.resend(SequenceNumber(1), &mut outlet, &mut room[length..]), None);
    let header = Header::parse(&room[..length]).unwrap().length;
    let again = wire.open(start, &mut room[..length]);
    assert_eq!(room[header..header + 2], lost.sequence.to_be_bytes(), "RFC 4588, section 4");
    assert_eq!(
        (again.ssrc, again.timestamp, again.payload),
        (6, lost.timestamp, lost.payload.clone())
    );
}
