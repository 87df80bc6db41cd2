//! What metrics say of a meeting is what happened in it.

use std::time::Duration;

use sfu::MediaKind;
use sfu::metrics::{Counters, Number, Pause, ProbeOutcome, Snapshot};
use tests::client::picture::svc::Svc;
use tests::client::{Devices, Person};
use tests::codec::Codec;
use tests::meeting::Meeting;
use tests::plan::{Link, Step, WIDE, ms, run_on, secs};

use super::{ALICE, BOB, SEEDS};

fn meeting(seed: u64, steps: &[Step]) -> (Meeting, Counters) {
    let meeting = run_on(1, seed, steps);
    let counters = meeting.counters().expect("told each second").clone();
    (meeting, counters)
}

/// The one number of a histogram with this suffix and label, seconds in millionths.
fn number(counters: &Counters, name: &str, suffix: &str, label: Option<&str>) -> u64 {
    let snapshot = Snapshot::of(counters);
    let found = snapshot.samples().map(|sample| (sample.name, sample.reading)).find(|(of, it)| {
        *of == name && it.suffix == suffix && it.labels[0].map(|(_, value)| value) == label
    });
    let (Number::Whole(value) | Number::Micros(value)) = found.expect("a sample").1.value;
    value
}

/// When the first sound, or picture, of `of` was played to `who`.
fn first_played(meeting: &Meeting, who: Person, of: Person, source: sfu::Source) -> Duration {
    let played = meeting.seat(who).client.slots().iter().flat_map(|slot| &slot.played);
    let publication = of.publication(source).0;
    let own = played.filter(|(_, stamp)| stamp.publication == publication);
    own.map(|(at, _)| at.elapsed()).min().expect("something was played")
}

/// Bob comes after three seconds to Alice, who speaks and shows herself. Alice came when nobody was there.
#[test]
fn whoever_comes_waits_as_long_for_sound_and_picture_as_it_says() {
    for seed in SEEDS {
        let before = secs(3);
        let (meeting, counters) = meeting(
            seed,
            &[
                Step::Joins { who: ALICE, with: Devices::ALL },
                Step::Speaks { who: ALICE, level: 20 },
                Step::Run(before),
                Step::Joins { who: BOB, with: Devices::ALL },
                Step::Run(secs(4)),
            ],
        );
        for (kind, name, source, slack) in [
            (MediaKind::Audio, "audio", sfu::Source::Microphone, ms(1)),
            // All packets of a keyframe must arrive, at the pace of an unknown link.
            (MediaKind::Video, "video", sfu::Source::Camera, ms(150)),
        ] {
            let firsts = counters.firsts.of(kind).expect("of both kinds");
            assert_eq!(firsts.total(), 1, "seed {seed}, {name}");
            let micros = number(&counters, "confab_first_media_seconds", "_sum", Some(name));
            let left = before + Duration::from_micros(micros);
            let played = first_played(&meeting, BOB, ALICE, source);
            let between = played.checked_sub(left + WIDE.delay).expect("it left first");
            assert!(between <= slack, "seed {seed}, {name}: {between:?}");
        }
    }
}

/// Everybody's link, once a second: of each second that Bob has an estimate there is one value, and one of his target.
#[test]
fn estimate_and_target_are_counted_once_a_second_in_their_bands() {
    for seed in SEEDS {
        let narrow = Link { kbps: 800, ..WIDE };
        let only_eyes = Devices { camera: false, ..Devices::ALL };
        let steps = [
            Step::Joins { who: ALICE, with: Devices::ALL },
            Step::Joins { who: BOB, with: only_eyes },
            Step::Downlink { of: BOB, link: narrow },
            Step::Run(secs(40)),
        ];
        let (_, counters) = meeting(seed, &steps);
        let total = counters.estimates.total();
        assert!((38..=40).contains(&total), "seed {seed}: {total}");
        assert_eq!(counters.targets.total(), total, "seed {seed}");
        // Alice's middle encoding fits into 0.8 Mbit/s and her top one does not: so for most of the time, once that is found out, for
        // which a step that is taken back too soon waits ten seconds more.
        let between = |histogram: &[(&str, u64)], low: &str, high: &str| {
            let up_to = |bound| histogram.iter().find(|(it, _)| *it == bound).expect("bound").1;
            up_to(high) - up_to(low)
        };
        let estimates: Vec<_> = counters.estimates.cumulated().collect();
        let targets: Vec<_> = counters.targets.cumulated().collect();
        let estimates = between(&estimates, "600000", "1200000");
        let targets = between(&targets, "300000", "1200000");
        assert!(estimates >= 30 && targets >= 22, "seed {seed}: {estimates}, {targets}");
    }
}

/// Bob looks away twice, then his link carries next to nothing, then he wants no pictures.
#[test]
fn pauses_are_counted_by_what_paused() {
    for seed in SEEDS {
        let only_eyes = Devices { camera: false, ..Devices::ALL };
        let hidden = |height| Step::Views { who: BOB, height };
        let (_, counters) = meeting(
            seed,
            &[
                Step::Joins { who: ALICE, with: Devices::ALL },
                Step::Joins { who: BOB, with: only_eyes },
                Step::Run(secs(5)),
                Step::Sees { who: BOB, of: ALICE, layer: 2 },
                hidden(0),
                Step::Run(secs(2)),
                hidden(720),
                Step::Run(secs(3)),
                Step::Sees { who: BOB, of: ALICE, layer: 2 },
                hidden(0),
                Step::Run(secs(2)),
                hidden(720),
                Step::Run(secs(3)),
                Step::Sees { who: BOB, of: ALICE, layer: 2 },
                Step::Prefers {
                    who: BOB,
                    budget: None,
                    pictures: sfu::command::Pictures::SoundOnly,
                },
                Step::Run(secs(2)),
            ],
        );
        let pauses = |pause| counters.pauses.of(pause);
        assert_eq!([pauses(Pause::Hidden), pauses(Pause::Chosen)], [2, 1], "seed {seed}");
        assert_eq!([pauses(Pause::Paused), pauses(Pause::Server)], [0, 0], "seed {seed}");
    }
}

/// What a link of 50 Mbit/s carries is more than was believed; then it carries less than half of what pictures need, and probes find
/// no more than that.
#[test]
fn probes_are_counted_by_what_they_found() {
    for seed in SEEDS {
        let only_eyes = Devices { camera: false, ..Devices::ALL };
        let join = [
            Step::Joins { who: ALICE, with: Devices::ALL },
            Step::Joins { who: BOB, with: only_eyes },
        ];
        let probes = |counters: &Counters| {
            [ProbeOutcome::Sent, ProbeOutcome::FoundMore, ProbeOutcome::FoundLess]
                .map(|outcome| counters.probes.of(outcome))
        };
        let (_, wide) = meeting(seed, &[&join[..], &[Step::Run(secs(5))]].concat());
        let [sent, more, less] = probes(&wide);
        assert!(
            sent >= 2 && more >= 1 && more + less <= sent,
            "seed {seed}: {sent}, {more}, {less}"
        );
        let narrow = Step::Downlink { of: BOB, link: Link { kbps: 300, ..WIDE } };
        let (_, narrow) = meeting(
            seed,
            &[&join[..], &[Step::Run(secs(5)), narrow, Step::Run(secs(40))]].concat(),
        );
        let [sent_later, more_later, less_later] = probes(&narrow);
        let found = more_later + less_later;
        assert!(sent_later > sent && found <= sent_later, "seed {seed}: {sent_later}, {found}");
        assert!(less_later > less, "seed {seed}: {less_later}, {less}");
    }
}

/// Bob's tile grows and shrinks: every change of what he decodes is a switch, and so is the beginning; of encodings, and of layers of one
/// stream.
#[test]
fn switches_are_as_many_as_changes_of_what_is_seen() {
    let svc = Devices::layered(Codec::Vp9, Svc::Key);
    for with in [Devices::ALL, svc] {
        for seed in SEEDS {
            let only_eyes = Devices { camera: false, microphone: false, ..Devices::ALL };
            let mut steps = vec![
                Step::Joins { who: ALICE, with },
                Step::Joins { who: BOB, with: only_eyes },
                Step::Run(secs(5)),
                Step::Sees { who: BOB, of: ALICE, layer: 2 },
            ];
            for height in [180, 720, 360, 720] {
                steps.extend([Step::Views { who: BOB, height }, Step::Run(secs(4))]);
            }
            let (meeting, counters) = meeting(seed, &steps);
            let played = meeting.seat(BOB).client.slots().iter().flat_map(|slot| &slot.played);
            let camera = ALICE.publication(sfu::Source::Camera).0;
            // The largest layer of each picture, in the order of pictures.
            let mut pictures = std::collections::BTreeMap::<u32, u8>::new();
            for (_, stamp) in played.filter(|(_, stamp)| stamp.publication == camera) {
                let largest = pictures.entry(stamp.number).or_default();
                *largest = stamp.layer.max(*largest);
            }
            let layers: Vec<u8> = pictures.into_values().collect();
            let changes = layers.windows(2).filter(|pair| pair[0] != pair[1]).count() as u64;
            assert!(changes >= 4, "seed {seed}: {changes}");
            assert_eq!(counters.switches.of(MediaKind::Video), changes + 1, "seed {seed}");
        }
    }
}
