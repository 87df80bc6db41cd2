use super::*;

fn decoder() -> Decoder {
    Decoder::new(6)
}

fn decode(decoder: &mut Decoder, packets: &[Rtp]) -> Result<Option<Stamp>, String> {
    decoder.picture(Codec::Vp8, packets)
}

/// A frame of one packet, written by hand.
fn frame(stamp: Stamp, sequence: u16, timestamp: u32, picture_id: u16, tl0: u8) -> Vec<Rtp> {
    let is_key = stamp.needs.is_none();
    let [id_high, id_low] = picture_id.to_be_bytes();
    let mut payload = vec![0x90, 0xe0, 0x80 | id_high, id_low, tl0, 0x20];
    payload.push(u8::from(!is_key));
    payload.extend([0, 0]);
    if is_key {
        payload.extend([0x9d, 0x01, 0x2a, 64, 1, 180, 0]);
    }
    payload.extend(stamp.fill(40));
    vec![Rtp { marker: true, sequence, timestamp, payload, ..Rtp::default() }]
}

const fn stamp(layer: u8, number: u32, needs: Option<u32>) -> Stamp {
    Stamp { publication: 12, layer, number, needs, needs_below: false }
}

#[test]
fn frames_in_order_are_decoded_and_numbers_may_wrap() {
    let mut decoder = decoder();
    assert_eq!(
        decode(&mut decoder, &frame(stamp(0, 0, None), 1, u32::MAX, 0x7fff, 255)),
        Ok(Some(stamp(0, 0, None)))
    );
    let next = stamp(0, 1, Some(0));
    assert_eq!(decode(&mut decoder, &frame(next, 2, 2999, 0, 0)), Ok(Some(next)));
}

#[test]
fn a_frame_without_its_reference_is_noticed() {
    let mut decoder = decoder();
    assert!(
        decode(&mut decoder, &frame(stamp(0, 5, Some(4)), 1, 0, 1, 1)).is_err(),
        "nothing was decoded"
    );
    assert!(decode(&mut decoder, &frame(stamp(0, 0, None), 1, 0, 1, 1)).is_ok());
    assert!(
        decode(&mut decoder, &frame(stamp(0, 2, Some(1)), 2, 6000, 2, 2)).is_err(),
        "frame 1 never came"
    );
}

#[test]
fn a_switch_of_layer_without_a_keyframe_is_noticed() {
    let mut decoder = decoder();
    decode(&mut decoder, &frame(stamp(0, 0, None), 1, 0, 1, 1)).expect("a keyframe");
    assert!(decode(&mut decoder, &frame(stamp(1, 1, Some(0)), 2, 3000, 2, 2)).is_err());
    assert!(decode(&mut decoder, &frame(stamp(1, 7, None), 2, 3000, 2, 2)).is_ok());
}

#[test]
fn numbers_that_go_back_or_stand_are_noticed() {
    for (timestamp, picture_id, tl0) in
        [(0, 2, 2), (2999, 2, 2), (6000, 1, 2), (6000, 0, 2), (6000, 2, 1)]
    {
        let mut decoder = decoder();
        decode(&mut decoder, &frame(stamp(0, 0, None), 1, 3000, 1, 1)).expect("a keyframe");
        let result =
            decode(&mut decoder, &frame(stamp(0, 1, Some(0)), 2, timestamp, picture_id, tl0));
        assert!(result.is_err(), "{timestamp} {picture_id} {tl0}");
    }
}

#[test]
fn a_changed_byte_is_noticed() {
    let mut packets = frame(stamp(0, 0, None), 1, 0, 1, 1);
    packets[0].payload[30] ^= 1;
    assert!(decode(&mut decoder(), &packets).is_err());
}

#[test]
fn a_picture_without_an_end_is_skipped_where_a_keyframe_follows_and_nowhere_else() {
    let begun = |decoder: &mut Decoder| {
        decode(decoder, &frame(stamp(0, 0, None), 1, 0, 1, 1)).expect("a keyframe");
        let mut unfinished = frame(stamp(0, 1, Some(0)), 2, 3000, 2, 2);
        unfinished[0].marker = false;
        assert_eq!(decode(decoder, &unfinished), Ok(None));
    };
    let mut decoder = decoder();
    begun(&mut decoder);
    let key = stamp(1, 7, None);
    assert_eq!(decode(&mut decoder, &frame(key, 3, 3001, 3, 3)), Ok(Some(key)));
    let mut decoder = self::decoder();
    begun(&mut decoder);
    assert!(decode(&mut decoder, &frame(stamp(0, 2, Some(0)), 3, 6000, 3, 3)).is_err());
}

#[test]
fn after_a_loss_frames_are_skipped_until_a_keyframe() {
    let mut decoder = decoder();
    decode(&mut decoder, &frame(stamp(0, 0, None), 1, 0, 1, 1)).expect("a keyframe");
    decoder.lose();
    assert_eq!(decode(&mut decoder, &frame(stamp(0, 2, Some(1)), 3, 6000, 3, 3)), Ok(None));
    assert!(decoder.waits_for_keyframe());
    assert!(
        decode(&mut decoder, &frame(stamp(0, 3, None), 4, 9000, 4, 4))
            .is_ok_and(|frame| frame.is_some())
    );
    assert!(!decoder.waits_for_keyframe());
}
