use simulcast::Bitrate;
use simulcast::layer::LayerId;

use super::*;
use crate::media::{Encoding, Feedback, Format, Mid, PublicationId, Source};
use crate::packet::extension::ExtensionIds;

const PAYLOAD_TYPE: PayloadType = PayloadType(45);

pub(super) fn camera() -> Publication {
    let map = PayloadMap { payload_type: PAYLOAD_TYPE, format: Format::Av1(0), rtx: None };
    let spec = PublicationSpec {
        id: PublicationId(1),
        source: Source::Camera,
        mid: Mid::default(),
        payloads: vec![map],
        extensions: ExtensionIds::default(),
        encodings: vec![Encoding::default()],
        feedback: Feedback::default(),
        active: true,
    };
    let feed = Feed::Received { from: ParticipantKey::default() };
    Publication::new(ParticipantId(1), ChannelKey::default(), feed, spec)
}

/// The packet of a frame of one packet, with its descriptor (AV1 RTP payload format, appendix A.8).
pub(super) fn receive(
    publication: &mut Publication,
    now: Instant,
    number: u16,
    descriptor: &[u8],
) -> Received {
    let [high, low] = number.to_be_bytes();
    let [first, extended @ ..] = descriptor else { panic!("a template") };
    let descriptor = [&[*first, high, low], extended].concat();
    let packet = Incoming {
        encoding: 0,
        ssrc: Ssrc(7),
        sequence: SequenceNumber(number),
        timestamp: RtpTimestamp(u32::from(number) * 3_000),
        payload_type: PAYLOAD_TYPE,
        marker: true,
        payload: &[0x10, 0x30, 0],
        extensions: Extensions {
            dependency_descriptor: Some(&descriptor),
            ..Extensions::default()
        },
        retransmitted: false,
        arrival: now,
    };
    publication.receive(now, &packet).unwrap()
}

/// Template 0 or 1, whole frame.
const TEMPLATES: [u8; 2] = [0b1100_0000, 0b1100_0001];
/// One template for one decode target, whose frames are needed and need none; its id is 0 or 1.
const STRUCTURES: [[u8; 3]; 2] =
    [[0b1000_0000, 0b0000_0000, 0b1110_0000], [0b1000_0000, 0b0010_0000, 0b1110_0000]];

pub(super) fn structure(id: usize) -> Vec<u8> {
    [&[TEMPLATES[id]][..], &STRUCTURES[id]].concat()
}

#[expect(clippy::disallowed_methods, reason = "any instant serves as the start of virtual time")]
pub(super) fn start() -> Instant {
    Instant::now()
}

#[test]
fn packets_that_overtake_their_structure_are_taken_up_behind_it() {
    let (mut publication, now) = (camera(), start());
    let outcome = receive(&mut publication, now, 100, &structure(0));
    assert!(matches!(outcome, Received::Packet { explains: false, late: false, .. }));
    for number in [103, 102] {
        let outcome = receive(&mut publication, now, number, &TEMPLATES[1..]);
        assert!(matches!(outcome, Received::Early), "{outcome:?}");
    }
    let outcome = receive(&mut publication, now, 101, &structure(1));
    assert!(matches!(outcome, Received::Packet { explains: true, late: true, .. }), "{outcome:?}");
    let found = publication.take_up(0);
    let metas = found.iter().map(|key| publication.history.get(*key).unwrap().meta);
    let sequences: Vec<u64> = metas.clone().map(|meta| meta.sequence & 0xffff).collect();
    assert_eq!(sequences, [103, 102], "as they came");
    assert!(metas.clone().all(|meta| meta.place.within.contains(LayerId::default())));
    let numbers: Vec<_> = metas.map(|meta| meta.place.number.unwrap()).collect();
    assert_eq!(numbers[0], numbers[1] + 1);
    assert!(publication.take_up(0).is_empty());
}

#[test]
fn more_that_overtake_than_can_wait_are_given_up() {
    let (mut publication, now) = (camera(), start());
    receive(&mut publication, now, 100, &structure(0));
    let early = u16::try_from(EARLY_MAX).unwrap() + 10;
    for number in 0..early {
        receive(&mut publication, now, 102 + number, &TEMPLATES[1..]);
    }
    receive(&mut publication, now, 101, &structure(1));
    let found = publication.take_up(0);
    assert_eq!(found.len(), EARLY_MAX);
    let first = publication.history.get(found[0]).unwrap().meta.sequence;
    assert_eq!(first & 0xffff, 102 + 10, "the oldest are gone");
}

/// On a shard to which it is relayed, its frames are told by the next keyframe, which somebody must have room to ask for.
#[test]
fn layers_that_another_shard_knew_stand_until_a_keyframe_has_told_of_them() {
    let (mut publication, now) = (camera(), start());
    let layer = |spatial, height, kbps| Layer {
        id: LayerId { spatial, temporal: layers::TEMPORAL_ALL },
        height,
        frame_rate: 30,
        bitrate: Bitrate::kbps(kbps),
        active: true,
    };
    let known = [layer(0, 180, 150), layer(1, 360, 500), layer(2, 720, 1_500)];
    publication.learn(now, [720, 0, 0], &known, Demand::ALL);
    let later = now + Duration::from_secs(20);
    for number in 0..30 {
        receive(&mut publication, later, number, &TEMPLATES[..1]);
    }
    assert_eq!(publication.layers(later).as_slice(), known);
    receive(&mut publication, later, 30, &structure(0));
    assert_eq!(publication.layers(later).len(), 1, "the keyframe has told of one");
}
