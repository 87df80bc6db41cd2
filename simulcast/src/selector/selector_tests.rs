use proptest::prelude::*;

use super::*;
use crate::layer::LayerSet;

/// A packet of the simulcast encoding `encoding`, of which nothing else is known.
fn simulcast(selector: &mut Selector, encoding: u8, starts_keyframe: bool) -> Verdict {
    let info = PacketInfo { starts_keyframe, ..PacketInfo::default() };
    let place = Place::WHOLE.of_encoding(encoding);
    let timestamp = RtpTimestamp(0);
    selector.packet(Packet { encoding, timestamp, info: &info, place: &place })
}

const LOW: LayerId = LayerId::spatial(0);
const HIGH: LayerId = LayerId::spatial(2);

#[test]
fn the_old_layer_flows_until_a_keyframe_of_the_other() {
    let mut selector = Selector::paused(Spread::Encodings);
    assert_eq!(simulcast(&mut selector, LOW.spatial, true), Verdict::Drop(DropReason::Paused));
    selector.set_target(Some(LOW));
    assert_eq!(selector.wants_keyframe(), Some(LOW));
    assert_eq!(
        simulcast(&mut selector, LOW.spatial, false),
        Verdict::Drop(DropReason::NotAKeyframe)
    );
    assert_eq!(simulcast(&mut selector, HIGH.spatial, true), Verdict::Drop(DropReason::OtherLayer));
    assert_eq!(simulcast(&mut selector, LOW.spatial, true), Verdict::ForwardAsSwitch);
    selector.set_target(Some(HIGH));
    assert_eq!(simulcast(&mut selector, LOW.spatial, false), Verdict::Forward);
    assert_eq!(
        simulcast(&mut selector, HIGH.spatial, false),
        Verdict::Drop(DropReason::NotAKeyframe)
    );
    assert_eq!(simulcast(&mut selector, HIGH.spatial, true), Verdict::ForwardAsSwitch);
    assert_eq!(simulcast(&mut selector, LOW.spatial, true), Verdict::Drop(DropReason::OtherLayer));
    assert_eq!(selector.wants_keyframe(), None);
}

#[test]
fn what_was_interrupted_begins_anew_with_a_keyframe() {
    let mut selector = Selector::paused(Spread::Encodings);
    selector.interrupt();
    assert_eq!(selector.wants_keyframe(), None, "nothing was wanted");
    selector.set_target(Some(LOW));
    assert_eq!(simulcast(&mut selector, LOW.spatial, true), Verdict::ForwardAsSwitch);
    assert_eq!(simulcast(&mut selector, LOW.spatial, false), Verdict::Forward);
    selector.interrupt();
    assert_eq!((selector.current(), selector.wants_keyframe()), (None, Some(LOW)));
    let not_yet = Verdict::Drop(DropReason::NotAKeyframe);
    assert_eq!(simulcast(&mut selector, LOW.spatial, false), not_yet);
    assert_eq!(simulcast(&mut selector, LOW.spatial, true), Verdict::ForwardAsSwitch);
}

#[test]
fn a_target_that_fell_silent_is_replaced_without_a_gap() {
    let mut selector = Selector::paused(Spread::Encodings);
    selector.set_target(Some(LOW));
    assert_eq!(simulcast(&mut selector, 0, true), Verdict::ForwardAsSwitch);
    selector.set_target(Some(HIGH));
    selector.set_target(Some(LayerId::spatial(1)));
    assert_eq!(simulcast(&mut selector, LOW.spatial, false), Verdict::Forward);
    selector.set_target(Some(LOW));
    assert_eq!((selector.current(), selector.target()), (Some(LOW), Some(LOW)));
    assert_eq!(simulcast(&mut selector, LOW.spatial, false), Verdict::Forward);
}

#[test]
fn a_temporal_layer_of_what_flows_is_no_switch() {
    let mut selector = Selector::flowing();
    selector.set_target(Some(LayerId { spatial: 0, temporal: 2 }));
    assert_eq!(selector.wants_keyframe(), None);
    assert_eq!(simulcast(&mut selector, LOW.spatial, false), Verdict::Forward);
}

#[derive(Clone, Copy, Debug)]
enum Call {
    Target(Option<u8>),
    Packet(u8, bool),
}

fn any_call() -> impl Strategy<Value = Call> {
    prop_oneof![
        1 => proptest::option::of(0..4_u8).prop_map(Call::Target),
        4 => (0..4_u8, any::<bool>()).prop_map(|(layer, key)| Call::Packet(layer, key)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    #[test]
    fn layers_change_only_at_a_keyframe_of_the_target_and_flow_on_until_then(
        calls in proptest::collection::vec(any_call(), 0..60)
    ) {
        let mut selector = Selector::paused(Spread::Encodings);
        // The model: what flows and what was asked for last.
        let (mut flows, mut target) = (None, None);
        for call in calls {
            match call {
                Call::Target(to) => {
                    selector.set_target(to.map(LayerId::spatial));
                    target = to;
                    if to.is_none() {
                        flows = None;
                    }
                }
                Call::Packet(layer, key) => match simulcast(&mut selector, layer, key) {
                    Verdict::Forward => prop_assert_eq!(flows, Some(layer)),
                    Verdict::ForwardAsSwitch => {
                        prop_assert!(key && target == Some(layer) && flows != Some(layer));
                        flows = Some(layer);
                    }
                    Verdict::Drop(reason) => {
                        prop_assert!(flows != Some(layer), "what flows was cut");
                        prop_assert!(!(key && target == Some(layer)), "a keyframe was missed");
                        prop_assert_eq!(reason == DropReason::Paused, target.is_none());
                        prop_assert_eq!(reason == DropReason::NotAKeyframe, target == Some(layer));
                    }
                },
            }
            prop_assert_eq!(selector.current(), flows.map(LayerId::spatial));
            prop_assert_eq!(selector.target(), target.map(LayerId::spatial));
            let missing = if flows == target { None } else { target };
            prop_assert_eq!(selector.wants_keyframe(), missing.map(LayerId::spatial));
        }
    }
}

/// Pictures of three spatial and three temporal layers, as the structures L3T3 and L3T3_KEY of the WebRTC-SVC specification
/// have them: temporal layers 0 2 1 2.
struct Svc {
    selector: Selector,
    is_key_svc: bool,
    picture: u32,
}

const TEMPORAL: [u8; 4] = [0, 2, 1, 2];
/// How many pictures back those of each place in the pattern reach.
const BACK: [u32; 4] = [4, 1, 2, 1];

impl Svc {
    fn new(is_key_svc: bool, spatial: u8, temporal: u8) -> Self {
        let mut selector = Selector::paused(Spread::Layers);
        selector.set_target(Some(LayerId { spatial, temporal }));
        Self { selector, is_key_svc, picture: 0 }
    }

    fn place(&self, spatial: u8, key: bool) -> Place {
        let place = usize::try_from(self.picture % 4).unwrap();
        let temporal = TEMPORAL[place];
        let below = spatial > 0 && (key || !self.is_key_svc);
        let earlier = if key { 0 } else { 1_u64 << (3 * BACK[place]) };
        let above = key || !self.is_key_svc;
        Place {
            number: Some(3 * self.picture + 100 + u32::from(spatial)),
            within: LayerSet::of(|layer| {
                (layer.spatial == spatial || above && layer.spatial > spatial)
                    && layer.temporal >= temporal
            }),
            needs: earlier | u64::from(below) << 1,
            ends: true,
        }
    }

    /// The spatial layers of the next picture that go, and which of them has the marker.
    fn next(&mut self, key: bool) -> (Vec<u8>, Vec<u8>) {
        let (mut went, mut marked) = (Vec::new(), Vec::new());
        for spatial in 0..3 {
            let place = self.place(spatial, key);
            let temporal = TEMPORAL[usize::try_from(self.picture % 4).unwrap()];
            let info = PacketInfo {
                starts_frame: true,
                starts_keyframe: key && spatial == 0,
                layer: LayerId { spatial, temporal },
                ..PacketInfo::default()
            };
            let timestamp = RtpTimestamp(3_000 * self.picture);
            let packet = Packet { encoding: 0, timestamp, info: &info, place: &place };
            if !matches!(self.selector.packet(packet), Verdict::Drop(_)) {
                went.push(spatial);
                if self.selector.ends_picture(packet) {
                    marked.push(spatial);
                }
            }
        }
        self.picture += 1;
        (went, marked)
    }

    fn wants(&mut self, spatial: u8, temporal: u8) {
        self.selector.set_target(Some(LayerId { spatial, temporal }));
    }
}

#[test]
fn full_svc_goes_down_at_once_and_up_with_a_keyframe() {
    let mut svc = Svc::new(false, 2, 2);
    assert_eq!(svc.next(true), (vec![0, 1, 2], vec![2]));
    assert_eq!(svc.next(false), (vec![0, 1, 2], vec![2]));
    svc.wants(1, 2);
    assert_eq!(svc.selector.wants_keyframe(), None);
    assert_eq!(svc.next(false), (vec![0, 1], vec![1]));
    // Back before a frame of the lowest temporal layer is left out: with the next of those, which lacks nothing.
    svc.wants(2, 2);
    assert_eq!(svc.selector.wants_keyframe(), None);
    assert_eq!(svc.next(false), (vec![0, 1], vec![1]));
    assert_eq!(svc.next(false), (vec![0, 1, 2], vec![2]));
    svc.wants(1, 2);
    for _ in 0..4 {
        assert_eq!(svc.next(false), (vec![0, 1], vec![1]));
    }
    svc.wants(2, 2);
    assert_eq!(svc.selector.wants_keyframe(), Some(LayerId { spatial: 2, temporal: 2 }));
    for _ in 0..3 {
        assert_eq!(svc.next(false), (vec![0, 1], vec![1]));
    }
    assert_eq!(svc.next(true), (vec![0, 1, 2], vec![2]));
    assert_eq!(svc.selector.wants_keyframe(), None);
}

#[test]
fn key_svc_sends_one_layer_between_keyframes_and_changes_it_only_there() {
    let mut svc = Svc::new(true, 2, 2);
    assert_eq!(svc.next(true), (vec![0, 1, 2], vec![2]));
    assert_eq!(svc.next(false), (vec![2], vec![2]));
    for _ in 0..4 {
        assert_eq!(svc.next(false), (vec![2], vec![2]));
    }
    svc.wants(1, 2);
    assert_eq!(svc.selector.wants_keyframe(), Some(LayerId { spatial: 1, temporal: 2 }));
    for _ in 0..2 {
        assert_eq!(svc.next(false), (vec![2], vec![2]), "flows on, since nothing else could");
    }
    assert_eq!(svc.next(true), (vec![0, 1], vec![1]));
    assert_eq!(svc.selector.wants_keyframe(), None);
}

#[test]
fn temporal_layers_go_up_only_with_frames_whose_references_went() {
    for is_key_svc in [false, true] {
        let mut svc = Svc::new(is_key_svc, 0, 0);
        assert_eq!(svc.next(true).0, [0]);
        for expected in [vec![], vec![], vec![], vec![0]] {
            assert_eq!(svc.next(false).0, expected);
        }
        // 2: needs the picture before, which went. 1: too. 2: needs 1.
        svc.wants(0, 2);
        assert_eq!(svc.selector.wants_keyframe(), None);
        for _ in 0..3 {
            assert_eq!(svc.next(false).0, [0]);
        }
        // Behind a 1 that was left out its 2 is too.
        svc.wants(0, 0);
        assert_eq!(svc.next(false).0, [0]);
        assert_eq!(svc.next(false).0, [0; 0]);
        assert_eq!(svc.next(false).0, [0; 0]);
        svc.wants(0, 2);
        assert_eq!(svc.next(false).0, [0; 0], "its 1 was left out");
        assert_eq!(svc.next(false).0, [0]);
    }
}

#[test]
fn layers_that_need_no_other_are_joined_at_their_own_keyframe() {
    // S2T1: two independent layers.
    let mut selector = Selector::paused(Spread::Layers);
    selector.set_target(Some(LayerId::spatial(0)));
    let offer = |selector: &mut Selector, number: u32, key: bool| {
        let spatial = u8::try_from(number % 2).unwrap();
        let layer = LayerId::spatial(spatial);
        let starts_keyframe = key && spatial == 0;
        let info =
            PacketInfo { starts_frame: true, starts_keyframe, layer, ..PacketInfo::default() };
        let within = LayerSet::of(|wanted| wanted.spatial.min(1) == spatial);
        let needs = if key { 0 } else { 1 << 2 };
        let place = Place { number: Some(number), within, needs, ends: true };
        let timestamp = RtpTimestamp(number / 2 * 3_000);
        selector.packet(Packet { encoding: 0, timestamp, info: &info, place: &place })
    };
    assert_eq!(offer(&mut selector, 10, true), Verdict::ForwardAsSwitch);
    assert_eq!(offer(&mut selector, 11, true), Verdict::Drop(DropReason::OtherLayer));
    selector.set_target(Some(LayerId::spatial(1)));
    assert_eq!(offer(&mut selector, 12, false), Verdict::Forward);
    assert_eq!(offer(&mut selector, 13, false), Verdict::Drop(DropReason::OtherLayer));
    assert_eq!(selector.wants_keyframe(), Some(LayerId::spatial(1)));
    assert_eq!(offer(&mut selector, 14, true), Verdict::Forward, "what flows, to its end");
    assert_eq!(offer(&mut selector, 15, true), Verdict::ForwardAsSwitch);
    assert_eq!(offer(&mut selector, 16, false), Verdict::Drop(DropReason::OtherLayer));
    assert_eq!(offer(&mut selector, 17, false), Verdict::Forward);
}

/// Three temporal layers of the largest of three encodings.
fn largest(selector: &mut Selector, picture: u32, key: bool) -> Verdict {
    let at = usize::try_from(picture % 4).unwrap();
    let needs = if key { 0 } else { 1 << BACK[at] };
    let within = LayerSet::of(|layer| layer.temporal >= TEMPORAL[at]);
    let place = Place { number: Some(picture + 100), within, needs, ends: true };
    let place = place.of_encoding(HIGH.spatial);
    let layer = LayerId { spatial: 0, temporal: TEMPORAL[at] };
    let info =
        PacketInfo { starts_frame: true, starts_keyframe: key, layer, ..PacketInfo::default() };
    let timestamp = RtpTimestamp(3_000 * picture);
    selector.packet(Packet { encoding: HIGH.spatial, timestamp, info: &info, place: &place })
}

#[test]
fn of_what_is_thinned_out_the_lowest_temporal_layer_flows_on() {
    let mut selector = Selector::paused(Spread::Encodings);
    let whole = LayerId { spatial: HIGH.spatial, temporal: 3 };
    selector.set_target(Some(whole));
    selector.thin_out();
    assert_eq!(largest(&mut selector, 0, true), Verdict::ForwardAsSwitch, "waits for it all");
    assert_eq!(largest(&mut selector, 1, false), Verdict::Forward);
    assert!(!selector.descends());
    selector.set_target(Some(LOW));
    assert!(selector.descends());
    assert_eq!(largest(&mut selector, 3, false), Verdict::Forward, "whole until told otherwise");
    selector.thin_out();
    assert_eq!(largest(&mut selector, 3, false), Verdict::Forward, "a packet of the same frame");
    for picture in [4, 6, 7, 8, 9, 10, 11] {
        let goes = largest(&mut selector, picture, false) == Verdict::Forward;
        assert_eq!(goes, picture % 4 == 0, "{picture}");
        assert_eq!(selector.wants_keyframe(), Some(LOW));
        // As each allocation does.
        selector.set_target(Some(LOW));
    }
    assert_eq!(largest(&mut selector, 2, false), Verdict::Forward, "late: by what flowed then");
    assert_eq!(largest(&mut selector, 5, false), Verdict::Drop(DropReason::OtherLayer), "late");
    selector.set_target(Some(whole));
    assert_eq!(selector.wants_keyframe(), None);
    for picture in 12..20 {
        assert_eq!(largest(&mut selector, picture, false), Verdict::Forward, "{picture}");
    }
    selector.set_target(Some(LOW));
    selector.thin_out();
    assert_eq!(simulcast(&mut selector, LOW.spatial, true), Verdict::ForwardAsSwitch);
    assert_eq!(largest(&mut selector, 20, false), Verdict::Drop(DropReason::OtherLayer));
}

/// The layers of a keyframe come in the wrong order: what was left out of it cannot be gone on with.
#[test]
fn a_keyframe_whose_lowest_layer_comes_last_is_no_way_up() {
    let mut svc = Svc::new(false, 0, 2);
    svc.next(true);
    for _ in 0..4 {
        svc.next(false);
    }
    svc.wants(2, 2);
    svc.picture = 8;
    for spatial in [1, 2, 0] {
        let place = svc.place(spatial, true);
        let starts_keyframe = spatial == 0;
        let layer = LayerId::spatial(spatial);
        let info =
            PacketInfo { starts_frame: true, starts_keyframe, layer, ..PacketInfo::default() };
        let timestamp = RtpTimestamp(24_000);
        let packet = Packet { encoding: 0, timestamp, info: &info, place: &place };
        let forwards = svc.selector.packet(packet) == Verdict::Forward;
        assert_eq!(forwards, spatial == 0);
        assert_eq!(forwards, svc.selector.ends_picture(packet));
    }
    assert_eq!(svc.selector.wants_keyframe(), Some(LayerId { spatial: 2, temporal: 2 }));
}

#[test]
fn all_packets_of_a_frame_share_its_fate_however_late() {
    let mut svc = Svc::new(false, 2, 2);
    svc.next(true);
    let early = svc.place(2, false);
    svc.next(false);
    svc.wants(0, 2);
    svc.next(false);
    let late = |selector: &mut Selector, place: &Place| {
        let info = PacketInfo::default();
        selector.packet(Packet { encoding: 0, timestamp: RtpTimestamp(3_000), info: &info, place })
    };
    assert_eq!(late(&mut svc.selector, &early), Verdict::Forward);
    let refused = Place { number: early.number.map(|number| number + 3), ..early };
    assert_eq!(late(&mut svc.selector, &refused), Verdict::Drop(DropReason::OtherLayer));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    /// Whatever is wanted and whatever is a keyframe: all that a frame needs went before it, and what flows never stops.
    #[test]
    fn no_reference_is_broken(
        is_key_svc: bool,
        steps in proptest::collection::vec(
            (proptest::option::weighted(0.3, (0..3_u8, 0..3_u8)), proptest::bool::weighted(0.1)), 1..80
        )
    ) {
        let mut svc = Svc::new(is_key_svc, 2, 2);
        let mut went = std::collections::BTreeSet::new();
        svc.next(true);
        went.extend([100, 101, 102]);
        for (target, key) in steps {
            if let Some((spatial, temporal)) = target {
                svc.wants(spatial, temporal);
            }
            // A keyframe begins the pattern anew.
            if key {
                svc.picture = svc.picture.next_multiple_of(4);
            }
            let places: Vec<Place> = (0..3).map(|spatial| svc.place(spatial, key)).collect();
            let is_lowest = TEMPORAL[usize::try_from(svc.picture % 4).unwrap()] == 0;
            let (sent, marked) = svc.next(key);
            prop_assert!(!is_lowest || !sent.is_empty(), "what flows has stopped");
            prop_assert_eq!(marked.first(), sent.last());
            for spatial in sent {
                let place = places[usize::from(spatial)];
                let number = place.number.unwrap();
                for distance in 1..64 {
                    let needed = place.needs >> distance & 1 == 1;
                    prop_assert!(!needed || went.contains(&(number - distance)), "{} needs", number);
                }
                went.insert(number);
            }
        }
    }
}
