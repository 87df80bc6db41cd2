use proptest::prelude::*;

use super::*;
use crate::codec::{Codec, FrameNumbers, inspect};
use crate::frames::Place;
use crate::layer::LayerId;
use crate::layer::Spread;
use crate::selector::{Packet as Selected, Selector, Verdict};

/// 15-bit ids of VP8 beside a frame number.
fn info(picture_id: u16, tl0: u8) -> PacketInfo {
    let picture_id = Some(PictureId::Long(picture_id));
    let numbers = FrameNumbers::Vp8 { picture_id, tl0: Some(tl0) };
    PacketInfo { numbers, frame_number: Some(77), ..PacketInfo::default() }
}

fn input(switch: bool, index: u64, info: &PacketInfo) -> Input<'_> {
    Input {
        switch,
        index,
        timestamp: RtpTimestamp(0),
        clock_rate: 90_000,
        capture: Capture::Unknown,
        arrival: Duration::ZERO,
        info,
    }
}

#[test]
fn a_rewrite_fits_beside_a_history_slot_in_sixteen_bytes() {
    assert!(size_of::<Rewrite>() <= 12);
}

#[test]
fn numbers_of_a_frame_go_on_by_one_at_a_switch_and_wrap() {
    let mut rewriter = Rewriter::new(SequenceNumber(65_535), RtpTimestamp(1));
    let mut forward = |switch, index, picture, tl0| {
        let rewrite = rewriter.forward(input(switch, index, &info(picture, tl0))).unwrap();
        (rewrite.sequence.0, rewrite.picture_id, rewrite.tl0)
    };
    assert_eq!(forward(true, 9, 30_000, 250), (65_535, 1, 1));
    assert_eq!(forward(false, 10, 30_002, 251), (0, 3, 2));
    // Another layer, whose ids are elsewhere and wrap soon.
    assert_eq!(forward(true, 500, 32_766, 255), (1, 4, 3));
    assert_eq!(forward(false, 502, 1, 1), (3, 7, 5));
    assert_eq!(forward(false, 501, 32_767, 0), (2, 5, 4));
}

#[test]
fn what_a_switch_overtook_gets_the_number_of_its_hole() {
    fn packet(switch: bool, index: u64, timestamp: u32, info: &PacketInfo) -> Input<'_> {
        Input { timestamp: RtpTimestamp(timestamp), ..input(switch, index, info) }
    }
    let mut rewriter = Rewriter::new(SequenceNumber(100), RtpTimestamp(1_000));
    let (old, lost, newest) = (&info(30_000, 250), &info(30_001, 251), &info(30_002, 252));
    let new = &info(5, 5);
    rewriter.forward(packet(true, 9, 0, old)).unwrap();
    assert_eq!(rewriter.skip(10, RtpTimestamp(0), None), None);
    rewriter.forward(packet(false, 13, 6_000, newest)).unwrap();
    rewriter.forward(packet(true, 700, 40, new)).unwrap();
    let late = rewriter.late(12, RtpTimestamp(3_000), lost).unwrap();
    assert_eq!((late.sequence.0, late.timestamp.0), (102, 4_000));
    assert_eq!((late.picture_id, late.tl0, late.frame_number), (2, 2, 1));
    assert_eq!(rewriter.late(10, RtpTimestamp(0), lost), None, "it was left out");
    assert_eq!(rewriter.late(14, RtpTimestamp(9_000), lost), None, "it never had a number");
    assert_eq!(rewriter.late(8, RtpTimestamp(0), lost), None, "it is from before that run");
    let next = rewriter.forward(packet(false, 701, 40, new)).unwrap();
    assert_eq!(next.sequence.0, 105, "what flows goes on as before");
}

#[test]
fn a_picture_id_of_seven_bits_counts_on_past_its_wrap() {
    let mut rewriter = Rewriter::new(SequenceNumber(0), RtpTimestamp(0));
    let mut forward = |index, id| {
        let picture_id = Some(PictureId::Short(id));
        let numbers = FrameNumbers::Vp8 { picture_id, tl0: None };
        let info = PacketInfo { numbers, ..PacketInfo::default() };
        rewriter.forward(input(index == 1, index, &info)).unwrap().picture_id
    };
    assert_eq!(forward(1, 120), 1);
    assert_eq!(forward(3, 3), 12);
    assert_eq!(forward(2, 125), 6, "late, of before the wrap");
    assert_eq!(forward(900, 93), 102, "90 pictures were lost: more than half the ids");
    assert_eq!(forward(901, 94), 103);
}

#[test]
fn numbers_that_begin_in_the_middle_of_a_run_go_on_too() {
    let mut rewriter = Rewriter::new(SequenceNumber(0), RtpTimestamp(0));
    let none = PacketInfo::default();
    assert_eq!(rewriter.forward(input(true, 1, &info(5, 5))).unwrap().picture_id, 1);
    assert_eq!(rewriter.forward(input(true, 1, &none)).unwrap().picture_id, 1);
    assert_eq!(rewriter.forward(input(false, 2, &info(900, 9))).unwrap().picture_id, 2);
}

#[test]
fn nothing_is_skipped_before_the_first_packet() {
    let mut rewriter = Rewriter::new(SequenceNumber(7), RtpTimestamp(0));
    assert_eq!(rewriter.skip(3, RtpTimestamp(0), None), None);
    assert_eq!(rewriter.forward(input(false, 4, &info(1, 1))).unwrap().sequence.0, 7);
}

/// Numbers that no input has by chance.
const MARKED: Rewrite = Rewrite {
    timestamp: RtpTimestamp(0),
    sequence: SequenceNumber(0),
    picture_id: 0x5aa5,
    frame_number: 0,
    tl0: 0x77,
    form: Form::AsItCame,
};

/// The payload as it leaves, and how many bytes of the old one its prefix stands for.
fn rewritten(codec: Codec, payload: &[u8]) -> (Vec<u8>, usize) {
    let mut out = [0; Prefix::MAX];
    let prefix = Beginning::new(codec, payload).write(&MARKED, &mut out);
    let mut whole = out[..prefix.written].to_vec();
    whole.extend(&payload[prefix.consumed..]);
    (whole, prefix.consumed)
}

#[test]
fn a_prefix_changes_the_numbers_in_place() {
    // VP8 of the capture: X, I L T K, picture id 0x1c3, TL0PICIDX 0xcf, TID and KEYIDX, payload.
    let vp8 = [0x90, 0xe0, 0x81, 0xc3, 0xcf, 0x20, 0xd0, 0x0d];
    assert_eq!(
        rewritten(Codec::Vp8, &vp8),
        (vec![0x90, 0xe0, 0xda, 0xa5, 0x77, 0x20, 0xd0, 0x0d], 5)
    );
    // VP9, section 4.2 of RFC 9628: I L B, picture id, layer indices, TL0PICIDX, payload.
    let vp9 = [0xa8, 0x92, 0x34, 0x03, 0x07, 0xff];
    assert_eq!(rewritten(Codec::Vp9, &vp9), (vec![0xa8, 0xda, 0xa5, 0x03, 0x77, 0xff], 5));
}

#[test]
fn a_short_picture_id_is_widened() {
    assert_eq!(rewritten(Codec::Vp8, &[0x90, 0x80, 0x11, 0x01]).0, [0x90, 0x80, 0xda, 0xa5, 0x01]);
    let flexible = [0xf8, 0x05, 0x50, 0x04, 0xff];
    assert_eq!(rewritten(Codec::Vp9, &flexible).0, [0xf8, 0xda, 0xa5, 0x50, 0x04, 0xff]);
}

#[test]
fn what_has_no_numbers_stays_as_it_is() {
    let unchanged =
        |codec, payload: &[u8]| assert_eq!(rewritten(codec, payload), (payload.to_vec(), 0));
    unchanged(Codec::Vp8, &[0x10, 0x00]);
    unchanged(Codec::Vp8, &[0x90, 0x10, 0x00, 0x00]);
    unchanged(Codec::Vp8, &[0x90]);
    unchanged(Codec::Vp9, &[0x08, 0x00]);
    for codec in [Codec::Opus, Codec::Red, Codec::H264, Codec::Av1] {
        unchanged(codec, &[0x90, 0xe0, 0x81, 0xc3, 0xcf, 0x20]);
    }
    // TL0PICIDX alone.
    assert_eq!(
        rewritten(Codec::Vp8, &[0x90, 0x60, 0x05, 0x20, 0x00]).0,
        [0x90, 0x60, 0x77, 0x20, 0x00]
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    #[test]
    fn a_rewritten_payload_reads_as_before_but_for_its_numbers(
        payload in proptest::collection::vec(any::<u8>(), 0..40), vp9: bool
    ) {
        let codec = if vp9 { Codec::Vp9 } else { Codec::Vp8 };
        let before = inspect(codec, &payload, false, None);
        let after = inspect(codec, &rewritten(codec, &payload).0, false, None);
        let Ok(before) = before else { return Ok(()) };
        let after = after.unwrap();
        prop_assert_eq!(after.numbers.picture_id(), before.numbers.picture_id().map(|_| PictureId::Long(0x5aa5)));
        prop_assert_eq!(after.numbers.tl0(), before.numbers.tl0().map(|_| 0x77));
        prop_assert_eq!(PacketInfo { numbers: before.numbers, ..after }, before);
    }
}

/// A packet of a made-up simulcast publication.
#[derive(Clone, Copy, Debug)]
struct Packet {
    layer: u8,
    index: u64,
    /// Frames of all layers with one number were captured at once.
    frame: u64,
    first: bool,
    keyframe: bool,
    padding: bool,
    arrival_ms: u64,
}

/// Between two frames.
const FRAME_MS: u64 = 33;

impl Packet {
    fn timestamp(&self) -> RtpTimestamp {
        // Each encoding counts from elsewhere.
        let ticks = u32::try_from(self.frame * FRAME_MS * 90).unwrap();
        RtpTimestamp(0xffff_0000_u32.wrapping_add(u32::from(self.layer) << 20)).plus(ticks)
    }

    fn info(&self) -> PacketInfo {
        let frame = u16::try_from(self.frame).unwrap();
        let picture_id =
            Some(PictureId::Long((32_700 + 500 * u16::from(self.layer) + frame) & 0x7fff));
        let tl0 = Some(u8::try_from((u16::from(self.layer) * 90 + frame) & 0xff).unwrap());
        PacketInfo {
            starts_frame: self.first,
            starts_keyframe: self.first && self.keyframe,
            numbers: FrameNumbers::Vp8 { picture_id, tl0 },
            frame_number: Some(frame.wrapping_add(65_500)),
            ..PacketInfo::default()
        }
    }

    fn capture(&self) -> Capture {
        Capture::Known { clock: 3, ntp: ((self.frame * FRAME_MS) << 32) / 1_000 }
    }
}

/// One frame time: packets of each layer, whether it is a keyframe, padding behind it, delays, losses, and a new target.
type Tick = ([(usize, bool, bool); 3], Vec<(u64, bool)>, Option<Option<u8>>);

fn any_tick() -> impl Strategy<Value = Tick> {
    let frame = (1..4_usize, proptest::bool::weighted(0.2), proptest::bool::weighted(0.1));
    let way = (prop_oneof![9 => 0..6_u64, 1 => 30..120_u64], proptest::bool::weighted(0.95));
    let target = proptest::option::weighted(0.1, proptest::option::weighted(0.9, 0..3_u8));
    (proptest::array::uniform3(frame), proptest::collection::vec(way, 12), target)
}

/// All packets in the order of their arrival, lost ones left out.
fn arrivals(ticks: &[Tick]) -> Vec<Packet> {
    let mut index = [100, 65_530, 9_000];
    let mut packets = Vec::new();
    for (frame, (layers, ways, _)) in (0..).zip(ticks) {
        let mut ways = ways.iter();
        for (layer, &(count, keyframe, padding)) in (0..).zip(layers) {
            for place in 0..count + usize::from(padding) {
                let (delay, arrives) = ways.next().unwrap();
                index[usize::from(layer)] += 1;
                if *arrives {
                    let (first, padding) = (place == 0, place == count);
                    let index = index[usize::from(layer)];
                    let arrival_ms = frame * FRAME_MS + delay;
                    packets.push(Packet {
                        layer,
                        index,
                        frame,
                        first,
                        keyframe,
                        padding,
                        arrival_ms,
                    });
                }
            }
        }
    }
    packets.sort_by_key(|packet| packet.arrival_ms);
    packets
}

/// What a receiver can know of one stream, and the rules that it may count on. It shares nothing with the rewriter: it sees all
/// that was sent of a run and counts.
#[derive(Default)]
struct Checker {
    runs: Vec<Run>,
}

#[derive(Default)]
struct Run {
    sent: Vec<(Packet, Rewrite)>,
    /// Indices left out before anything later had its number.
    left_out: Vec<u64>,
    highest: u64,
}

impl Checker {
    fn sees(&mut self, switch: bool, packet: Packet, rewrite: Rewrite) {
        if switch {
            self.runs.push(Run::default());
        }
        let run = self.runs.last_mut().expect("a stream begins with a switch");
        run.highest = run.highest.max(packet.index);
        run.sent.push((packet, rewrite));
    }

    fn leaves_out(&mut self, index: u64) {
        if let Some(run) = self.runs.last_mut()
            && index > run.highest
        {
            run.highest = index;
            run.left_out.push(index);
        }
    }

    /// Sequence numbers: within a run each index has its own, counted from the run's first, without those left out; a run
    /// goes on right behind the highest of the last.
    fn checks_sequence(&self, first: SequenceNumber) {
        let mut next = first.0;
        for run in &self.runs {
            let start = run.sent[0].0.index;
            let number = |index: u64| {
                let left_out =
                    run.left_out.iter().filter(|skip| (start..index).contains(skip)).count();
                next.wrapping_add(u16::try_from(index - start).unwrap())
                    .wrapping_sub(u16::try_from(left_out).unwrap())
            };
            for (packet, rewrite) in &run.sent {
                assert!(packet.index >= start, "from before the switch");
                assert_eq!(rewrite.sequence.0, number(packet.index));
            }
            next = number(run.highest + 1);
        }
    }

    /// Frames: one distance within a run for each number, the next number at a switch, which is a keyframe's first packet.
    fn checks_frames(&self) {
        let (mut picture, mut tl0, mut frame) = (0_u16, 0_u8, 0_u16);
        for run in &self.runs {
            let first = run.sent[0].0;
            assert!(first.first && first.keyframe, "nothing before it can be referred to");
            for (packet, rewrite) in &run.sent {
                let later = u16::try_from(packet.frame.wrapping_sub(first.frame) & 0xffff).unwrap();
                assert_eq!(rewrite.picture_id, (picture + 1).wrapping_add(later) & 0x7fff);
                assert_eq!(rewrite.tl0, (tl0 + 1).wrapping_add((later & 0xff) as u8));
                assert_eq!(rewrite.frame_number, (frame + 1).wrapping_add(later));
            }
            let newest = run.sent.iter().max_by_key(|(packet, _)| packet.frame).unwrap().1;
            (picture, tl0, frame) = (newest.picture_id, newest.tl0, newest.frame_number);
        }
    }

    /// Timestamps: the true distance within a run; over a switch forward, by the captures' distance to within one frame. Less only
    /// where not even that much time has passed since the last frame came, which was held up then.
    fn checks_time(&self, captures: bool) {
        let mut before: Option<(Packet, RtpTimestamp)> = None;
        for run in &self.runs {
            let (first, start) = (run.sent[0].0, run.sent[0].1.timestamp);
            for (packet, rewrite) in &run.sent {
                let came = packet.timestamp().distance_from(first.timestamp());
                assert_eq!(rewrite.timestamp.distance_from(start), came);
            }
            if let Some((last, timestamp)) = before {
                let advance = i64::from(start.distance_from(timestamp));
                assert!(advance > 0, "back by {advance}");
                let one_frame = i64::try_from(FRAME_MS * 90).unwrap();
                let passed = i64::try_from((first.arrival_ms - last.arrival_ms) * 90).unwrap();
                if captures {
                    let frames =
                        i64::try_from(first.frame).unwrap() - i64::try_from(last.frame).unwrap();
                    let off = advance - frames.max(0) * one_frame;
                    assert!(off <= one_frame + 2, "ahead by {off} after {frames} frames");
                    assert!(
                        off >= -one_frame - 2 || advance >= passed - one_frame,
                        "behind by {off} after {frames} frames"
                    );
                } else {
                    assert!((advance - passed).abs() <= one_frame, "{advance} in {passed}");
                }
            }
            let newest = run.sent.iter().min_by_key(|(packet, _)| std::cmp::Reverse(packet.frame));
            let newest = newest.unwrap();
            before = Some((newest.0, newest.1.timestamp));
        }
    }
}

const FIRST: SequenceNumber = SequenceNumber(65_500);

/// Selects and rewrites as a subscription does. A packet of the layer that flows is padding, and left out, or forwarded.
fn subscribe(ticks: &[Tick], captures: bool) -> Checker {
    let mut rewriter = Rewriter::new(FIRST, RtpTimestamp(0xffff_f000));
    let mut selector = Selector::paused(Spread::Encodings);
    selector.set_target(Some(LayerId::spatial(0)));
    let mut checker = Checker::default();
    let mut frame_seen = 0;
    for packet in arrivals(ticks) {
        while frame_seen < packet.arrival_ms / FRAME_MS {
            frame_seen += 1;
            let tick = usize::try_from(frame_seen).unwrap();
            if let Some(target) = ticks.get(tick).and_then(|tick| tick.2) {
                selector.set_target(target.map(LayerId::spatial));
            }
        }
        let info = packet.info();
        let place = Place::WHOLE.of_encoding(packet.layer);
        if packet.padding {
            if selector.current().is_some_and(|current| current.spatial == packet.layer) {
                let _hole = rewriter.skip(packet.index, packet.timestamp(), None);
                checker.leaves_out(packet.index);
            }
            continue;
        }
        let (encoding, timestamp) = (packet.layer, packet.timestamp());
        let selected = Selected { encoding, timestamp, info: &info, place: &place };
        let switch = match selector.packet(selected) {
            Verdict::Drop(_) => continue,
            Verdict::Forward => false,
            Verdict::ForwardAsSwitch => true,
        };
        let rewrite = rewriter.forward(Input {
            switch,
            index: packet.index,
            timestamp: packet.timestamp(),
            clock_rate: 90_000,
            capture: if captures { packet.capture() } else { Capture::Unknown },
            arrival: Duration::from_millis(packet.arrival_ms),
            info: &info,
        });
        match rewrite {
            Some(rewrite) => checker.sees(switch, packet, rewrite),
            None => {
                let start = checker.runs.last().expect("a first packet always goes").sent[0].0;
                assert!(packet.index < start.index, "nothing else is refused");
            }
        }
    }
    checker
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_receiver_sees_one_stream_whatever_is_lost_late_or_switched(
        ticks in proptest::collection::vec(any_tick(), 1..80), captures: bool
    ) {
        let checker = subscribe(&ticks, captures);
        checker.checks_sequence(FIRST);
        checker.checks_frames();
        checker.checks_time(captures);
    }
}

#[test]
fn the_random_streams_do_switch_lose_and_reorder() {
    // The property above proves little unless its streams have all three.
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let (mut switches, mut late, mut left_out) = (0, 0, 0);
    for _ in 0..100 {
        let ticks =
            proptest::collection::vec(any_tick(), 80).new_tree(&mut runner).unwrap().current();
        let checker = subscribe(&ticks, true);
        switches += checker.runs.len();
        for run in &checker.runs {
            left_out += run.left_out.len();
            late += run.sent.windows(2).filter(|pair| pair[1].0.index < pair[0].0.index).count();
        }
    }
    assert!(switches > 200 && late > 200 && left_out > 200, "{switches} {late} {left_out}");
}
