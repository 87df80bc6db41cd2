use proptest::prelude::*;

use super::*;

/// Writes bits, highest first.
#[derive(Default)]
struct Bits(Vec<bool>);

impl Bits {
    fn put(&mut self, count: u32, value: u32) -> &mut Self {
        self.0.extend((0..count).rev().map(|place| value >> place & 1 == 1));
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let byte = |bits: &[bool]| {
            (0..8).fold(0, |byte, place| byte << 1 | u8::from(bits.get(place) == Some(&true)))
        };
        self.0.chunks(8).map(byte).collect()
    }
}

/// A template: spatial and temporal id, indications, frame differences.
type Template = (u32, u32, &'static str, &'static [u32]);

/// The templates of L2T2 as libwebrtc has them (`scalability_structure_l2t2.cc`), in the order of the wire.
const L2T2: [Template; 6] = [
    (0, 0, "SSSS", &[]),
    (0, 0, "SSRR", &[4]),
    (0, 1, "-D-R", &[2]),
    (1, 0, "--SS", &[1]),
    (1, 0, "--SS", &[4, 1]),
    (1, 1, "---D", &[2, 1]),
];
/// As above: which decode targets each chain protects, and chain differences.
const L2T2_CHAINS: [[u32; 2]; 6] = [[0, 0], [4, 3], [2, 1], [1, 1], [1, 1], [3, 2]];

/// The mandatory fields.
fn mandatory(template: u32, number: u32) -> Bits {
    let mut out = Bits::default();
    out.put(2, 0b11).put(6, template & 0x3f).put(16, number & 0xffff);
    out
}

/// A descriptor that carries L2T2, ids from `offset`.
fn with_l2t2(offset: u32, number: u32, bitmask: Option<u32>) -> Vec<u8> {
    let mut out = mandatory(offset, number);
    out.put(1, 1).put(1, u32::from(bitmask.is_some())).put(3, 0);
    out.put(6, offset).put(5, 3);
    for (place, (spatial, temporal, ..)) in L2T2.iter().enumerate() {
        let next = L2T2.get(place + 1);
        out.put(
            2,
            match next {
                None => 3,
                Some((above, ..)) if above > spatial => 2,
                Some((_, later, ..)) if later > temporal => 1,
                Some(_) => 0,
            },
        );
    }
    for (_, _, indications, _) in L2T2 {
        for letter in indications.bytes() {
            out.put(
                2,
                u32::try_from(b"-DSR".iter().position(|it| *it == letter).unwrap()).unwrap(),
            );
        }
    }
    for (.., differences) in L2T2 {
        for difference in differences {
            out.put(1, 1).put(4, difference - 1);
        }
        out.put(1, 0);
    }
    // ns(5) of 2 chains is 10; ns(2) of each target's chain one bit.
    out.put(2, 0b10).put(4, 0b0011);
    for chains in L2T2_CHAINS {
        chains.iter().for_each(|difference| {
            out.put(4, *difference);
        });
    }
    out.put(1, 1).put(32, 0x027f_0167).put(32, 0x04ff_02cf);
    if let Some(bitmask) = bitmask {
        out.put(4, bitmask);
    }
    out.bytes()
}

fn layer(spatial: u8, temporal: u8) -> LayerId {
    LayerId { spatial, temporal }
}

/// An AV1 packet with one OBU, and a descriptor beside it.
fn av1(frames: &mut Frames, descriptor: &[u8]) -> (PacketInfo, Place) {
    let (info, place) = read_av1(frames, descriptor);
    (info, place.unwrap())
}

fn read_av1(frames: &mut Frames, descriptor: &[u8]) -> (PacketInfo, Option<Place>) {
    frames.read(Codec::Av1, &[0x10, 0x30, 0], false, Some(descriptor)).unwrap()
}

#[test]
fn templates_say_who_needs_a_frame_and_what_it_needs() {
    let mut frames = Frames::default();
    let (info, key) = av1(&mut frames, &with_l2t2(62, 65_534, None));
    assert!(info.starts_keyframe && key.is_intra() && key.ends);
    assert_eq!(info.height, Some((1280, 720)));
    assert_eq!((frames.height(0), frames.height(1)), (360, 720));
    assert_eq!(key.within, LayerSet::ALL);
    let offered: Vec<LayerId> = frames.offered().layers().collect();
    assert_eq!(offered, [layer(0, 0), layer(0, 1), layer(1, 0), layer(1, 1)]);
    // Template 62 + 5 wraps to 3: the upper layer's discardable frame.
    let (info, top) = av1(&mut frames, &mandatory(3, 3).bytes());
    assert_eq!(info.layer, layer(1, 1));
    assert_eq!(top.number, key.number.map(|number| number + 5));
    assert_eq!(top.needs, 1 << 2 | 1 << 1);
    for (wanted, expected) in
        [((0, 1), false), ((1, 0), false), ((1, 1), true), ((3, 3), true), ((2, 0), false)]
    {
        assert_eq!(top.within.contains(layer(wanted.0, wanted.1)), expected, "{wanted:?}");
    }
    // "-D-R".
    let (_, lower) = av1(&mut frames, &mandatory(0, 2).bytes());
    assert!(lower.within.contains(layer(0, 1)) && lower.within.contains(layer(1, 1)));
    assert!(!lower.within.contains(layer(0, 0)) && !lower.within.contains(layer(1, 0)));
}

#[test]
fn a_frame_may_say_otherwise_than_its_template() {
    let mut frames = Frames::default();
    av1(&mut frames, &with_l2t2(0, 100, None));
    let mut own = mandatory(5, 105);
    // Bitmask: lower layer alone. Indications S for target 3 alone; differences 3 and 300; chains.
    own.put(5, 0b01111).put(4, 0b0011).put(8, 0b0000_0010);
    own.put(2, 1).put(4, 2).put(2, 3).put(12, 299).put(2, 0).put(16, 0);
    let (_, place) = av1(&mut frames, &own.bytes());
    assert_eq!(place.needs, 1 << 3 | OLDER);
    assert!(place.within.contains(layer(1, 1)) && !place.within.contains(layer(1, 0)));
    let offered: Vec<LayerId> = frames.offered().layers().collect();
    assert_eq!(offered, [layer(0, 0), layer(0, 1)], "two targets are active");
    av1(&mut frames, &with_l2t2(6, 106, Some(0b0101)));
    assert_eq!(frames.offered().layers().collect::<Vec<_>>(), [layer(0, 0), layer(1, 0)]);
}

#[test]
fn a_packet_that_overtakes_its_structure_has_a_place_once_that_is_there() {
    let mut frames = Frames::default();
    let early = mandatory(5, 105).bytes();
    assert_eq!((read_av1(&mut frames, &early).1, frames.sequence()), (None, None));
    let (_, first) = av1(&mut frames, &with_l2t2(0, 100, None));
    assert_eq!(
        (av1(&mut frames, &early).1.needs, frames.sequence()),
        (1 << 2 | 1 << 1, first.number)
    );
    // The next sequence begins with frame 110, whose templates are 20 and on.
    let upper = mandatory(23, 111).bytes();
    assert_eq!((read_av1(&mut frames, &upper).1, frames.sequence()), (None, first.number));
    av1(&mut frames, &with_l2t2(20, 110, None));
    let place = av1(&mut frames, &upper).1;
    assert_eq!(place.needs, 1 << 1);
    assert!(place.within.contains(layer(1, 0)) && !place.within.contains(layer(0, 1)));
}

#[test]
fn a_packet_that_comes_after_the_next_structure_is_read_by_its_own() {
    let mut frames = Frames::default();
    av1(&mut frames, &with_l2t2(0, 100, None));
    av1(&mut frames, &with_l2t2(20, 110, None));
    // What was lost of the sequence before: its lower layer's frame of temporal layer 1.
    let late = av1(&mut frames, &mandatory(2, 106).bytes()).1;
    assert_eq!((late.needs, late.within.contains(layer(0, 0))), (1 << 2, false));
    // A structure that comes late stands behind the newer one, in place of what went before it.
    av1(&mut frames, &with_l2t2(10, 105, None));
    assert_eq!(av1(&mut frames, &mandatory(21, 112).bytes()).1.needs, 1 << 4);
    assert_eq!(av1(&mut frames, &mandatory(12, 107).bytes()).1.needs, 1 << 2);
    assert_eq!(read_av1(&mut frames, &with_l2t2(0, 100, None)).1, None, "too late for its place");
    assert_eq!(av1(&mut frames, &mandatory(12, 107).bytes()).1.needs, 1 << 2);
    assert_eq!(read_av1(&mut frames, &mandatory(2, 102).bytes()).1, None);
}

#[test]
fn every_cut_of_a_structure_is_the_peers_mistake() {
    let whole = with_l2t2(0, 100, None);
    for length in 4..whole.len() {
        let read = Frames::default().read(Codec::Av1, &[0x10, 0x30], false, Some(&whole[..length]));
        assert!(read.is_err(), "{length}");
    }
}

/// The first bytes of a VP9 packet: P and Z as given, I L F B E always; TID, U, SID, D.
fn vp9(frames: &mut Frames, id: u8, p: u8, z: u8, layer: u8, references: &[u8]) -> Place {
    let mut payload = vec![0xbc | p << 6 | z, id, layer];
    payload.extend(references);
    frames.read(Codec::Vp9, &payload, false, None).unwrap().1.unwrap()
}

#[test]
fn a_frame_of_vp9_in_flexible_mode_names_what_it_needs() {
    let mut frames = Frames::default();
    // V: three layers without sizes.
    let key = frames.read(Codec::Vp9, &[0xbe, 5, 0, 0x40], false, None).unwrap().1.unwrap();
    assert!(key.is_intra());
    let upper = vp9(&mut frames, 5, 0, 0, 0b0000_0011, &[]);
    assert_eq!((upper.number, upper.needs), (key.number.map(|number| number + 1), 1 << 1));
    assert!(upper.within.contains(layer(2, 0)) && !upper.within.contains(layer(0, 3)));
    // L3T3_KEY between keyframes: Z, no D.
    let lower = vp9(&mut frames, 6, 1, 1, 0b0010_0000, &[1 << 1 | 1, 20 << 1]);
    assert_eq!((lower.number, lower.needs), (key.number.map(|number| number + 4), 1 << 4 | OLDER));
    assert!(!lower.within.contains(layer(1, 3)) && !lower.within.contains(layer(0, 0)));
    assert!(lower.within.contains(layer(0, 1)) && lower.ends);
}

#[test]
fn the_highest_layer_of_vp9_is_for_all_who_want_more() {
    let mut frames = Frames::default();
    frames.read(Codec::Vp9, &[0xbe, 5, 0, 0x40], false, None).unwrap();
    assert!(!vp9(&mut frames, 5, 0, 1, 0b0000_0011, &[]).within.contains(layer(2, 0)));
    // The third layer is gone from one picture to the next.
    vp9(&mut frames, 6, 1, 0, 0b0000_0000, &[1 << 1]);
    assert!(vp9(&mut frames, 6, 1, 1, 0b0000_0011, &[1 << 1]).within.contains(layer(2, 0)));
}

#[test]
fn numbers_that_wrap_go_on_and_a_new_count_begins_out_of_reach() {
    let mut frames = Frames::default();
    let mut read = |id: u8, key: bool| {
        let payload = [0x90, 0xe0, id, 7, 0, u8::from(!key), 0, 0, 0, 0];
        frames.read(Codec::Vp8, &payload, false, None).unwrap().1.unwrap().number.unwrap()
    };
    let first = read(120, true);
    assert_eq!([read(127, false), read(1, false), read(126, false)], [7, 9, 6].map(|n| first + n));
    let again = read(50, true);
    assert!(again >= first + 9 + 49);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_bytes_panic_it(
        packets in proptest::collection::vec(
            (
                proptest::sample::select(vec![Codec::Vp8, Codec::Vp9, Codec::Av1, Codec::H264]),
                proptest::collection::vec(any::<u8>(), 0..40),
                proptest::option::of(proptest::collection::vec(any::<u8>(), 0..60)),
            ),
            0..20,
        )
    ) {
        let mut frames = Frames::default();
        for (codec, payload, descriptor) in packets {
            if let Ok((_, Some(place))) = frames.read(codec, &payload, false, descriptor.as_deref()) {
                prop_assert!(place.number.is_some() || place == Place::WHOLE);
            }
        }
    }
}
