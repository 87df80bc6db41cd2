//! Ten people with sound and three encodings each: whatever anybody receives is what somebody else sent, byte for byte.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rtc::rtp::packet::Packet;
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use tests::packet::{Rtp, Unwrapped};
use tokio::time::{Instant, interval};

use super::capture::{self, AUDIO, ENCODINGS};
use super::forwarding::{assert_same, frame_bytes};
use super::participant::{Camera, Participant};
use super::server::Server;

/// Everybody.
const PEOPLE: u8 = 10;

/// How much of the capture is played.
const PLAYED: Duration = Duration::from_secs(6);

/// Each of them adds to each packet who they are: the capture is the same for all.
fn marked(packet: &Rtp, who: u8) -> Rtp {
    let mut packet = packet.clone();
    packet.payload.extend([who; 4]);
    packet
}

/// Whose packet this is.
fn mark(payload: &[u8]) -> u8 {
    let (_, mark) = payload.split_last_chunk::<4>().expect("a mark");
    assert!(mark.iter().all(|one| one == &mark[0]), "a mark of four equal bytes: {mark:?}");
    mark[0]
}

/// What was sent of one stream by one person, in order, as it can be compared.
type Sent = BTreeMap<(u8, u32), Vec<Vec<u8>>>;

/// What can be compared of a payload: of a picture what follows its descriptor, whose numbers a switch may change.
fn comparable(kind: RtpCodecKind, payload: &[u8]) -> Vec<u8> {
    if kind == RtpCodecKind::Audio { payload.to_vec() } else { frame_bytes(payload) }
}

fn kind_of(ssrc: u32) -> RtpCodecKind {
    if ssrc == AUDIO { RtpCodecKind::Audio } else { RtpCodecKind::Video }
}

/// Packets of one slot that follow each other and are of one stream.
#[derive(Debug)]
struct Stretch {
    who: u8,
    stream: u32,
    packets: Vec<(u16, Vec<u8>)>,
}

/// Cuts what came in one slot where it changes to another person or encoding.
fn stretches(kind: RtpCodecKind, packets: &[&Packet], sent: &Sent) -> Vec<Stretch> {
    let mut unwrapped = Unwrapped::default();
    let mut in_order: Vec<(i64, &Packet)> = packets
        .iter()
        .map(|packet| (unwrapped.index(packet.header.sequence_number), *packet))
        .collect();
    in_order.sort_by_key(|(index, _)| *index);
    let mut found: Vec<Stretch> = Vec::new();
    for (_, packet) in in_order {
        let (who, bytes) = (mark(&packet.payload), comparable(kind, &packet.payload));
        let is_of = |stream: u32| sent.get(&(who, stream)).is_some_and(|all| all.contains(&bytes));
        let last = found.last().filter(|last| last.who == who && is_of(last.stream));
        let streams = [AUDIO, ENCODINGS[0], ENCODINGS[1], ENCODINGS[2]];
        let stream = match last {
            Some(last) => last.stream,
            None => streams
                .into_iter()
                .filter(|stream| kind_of(*stream) == kind)
                .find(|stream| is_of(*stream))
                .unwrap_or_else(|| panic!("{kind:?} of {who} that nobody sent")),
        };
        if last.is_none() {
            found.push(Stretch { who, stream, packets: Vec::new() });
        }
        let packets = &mut found.last_mut().expect("just pushed").packets;
        packets.push((packet.header.sequence_number, bytes));
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "long: ten stacks of the webrtc crate need both cores for themselves, for the capture's one keyframe cannot be asked for again"]
async fn everybody_gets_what_others_sent_byte_for_byte() {
    let server = Server::start().await;
    let mut people = Vec::new();
    for who in 0..PEOPLE {
        let name = format!("Person {who}");
        people.push(Participant::join(server.http, "ten", &name, Camera::Three).await);
    }
    let packets = capture::packets();
    let mut sent = Sent::new();
    let mut rest = packets.iter().take_while(|(at, _)| *at < PLAYED).peekable();
    let start = Instant::now();
    let mut tick = interval(Duration::from_millis(1));
    while rest.peek().is_some() {
        tick.tick().await;
        while let Some((_, packet)) = rest.next_if(|(at, _)| *at <= start.elapsed()) {
            for (who, person) in (0..).zip(&people) {
                let packet = marked(packet, who);
                let bytes = comparable(kind_of(packet.ssrc), &packet.payload);
                sent.entry((who, packet.ssrc)).or_default().push(bytes);
                person.send(&packet).await;
            }
        }
    }
    for (who, person) in (0..).zip(&mut people) {
        check(who, &person.received(), &sent);
    }
    for person in people {
        person.close().await;
    }
}

/// What `who` received came from others as they sent it, from as many of them as there are slots.
fn check(who: u8, received: &[(RtpCodecKind, Packet)], sent: &Sent) {
    for (kind, slots, least) in [(RtpCodecKind::Audio, 3, 200), (RtpCodecKind::Video, 4, 300)] {
        let mut by_slot: BTreeMap<u32, Vec<&Packet>> = BTreeMap::new();
        let of_kind = received.iter().filter(|(of, one)| *of == kind && !one.payload.is_empty());
        for (_, packet) in of_kind {
            by_slot.entry(packet.header.ssrc).or_default().push(packet);
        }
        assert_eq!(by_slot.len(), slots, "{who}: slots of {kind:?} that play");
        let mut seen = BTreeSet::new();
        for (slot, packets) in &by_slot {
            let label = format!("{kind:?} of {who} in slot {slot:#x}");
            assert!(packets.len() >= least, "{label}: {} packets", packets.len());
            for stretch in stretches(kind, packets, sent) {
                assert_ne!(stretch.who, who, "{label}: what they sent themselves");
                seen.insert(stretch.who);
                assert_same(&label, &sent[&(stretch.who, stretch.stream)], &stretch.packets, 1);
            }
        }
        assert!(seen.len() >= slots, "{who}: {kind:?} of {seen:?} alone");
    }
}
