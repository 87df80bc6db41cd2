//! Many people: a thousand receivers of one sender, two hundred channels, a day of coming and going.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use arrayvec::ArrayVec;
use bytes::Bytes;
use sfu::MediaKind;
use sfu::command::Voice;
use sfu::media::Source;
use simulcast::Bitrate;
use tests::hall::Hall;
use tools::peer::Devices;
use tools::peer::synthetic::{Encoding, camera, microphone};
use tools::peer::track::{Layer, Packet, Track};
use tools::simnet::random::Random;

const SEED: u64 = 5;

fn encoding(kilobits: u32, frame_rate: u32, pixels: (u16, u16)) -> Encoding {
    Encoding { bitrate: Bitrate::kbps(kilobits.into()), frame_rate, pixels }
}

/// Nothing was wrong, and the shard's numbers are the truth.
fn assert_right(hall: &mut Hall) {
    hall.run(Duration::from_millis(1_100));
    assert_eq!(hall.complaints, Vec::<String>::new());
    assert_eq!(hall.drift(), Vec::<String>::new());
}

#[test]
fn a_thousand_receivers_get_all_that_one_sends() {
    let mut hall = Hall::new(SEED);
    let receiver = Devices { tracks: Vec::new(), audio_slots: 1, video_slots: 1 };
    for _ in 0..1_000 {
        hall.enter(1, &receiver);
    }
    hall.run(Duration::from_millis(100));
    assert!(hall.guests().values().all(|guest| guest.connected));
    let tracks = vec![microphone(20, 80), camera(&[encoding(300, 30, (640, 360))])];
    let sender = hall.enter(1, &Devices { tracks, audio_slots: 1, video_slots: 1 });
    hall.run(Duration::from_secs(3));
    hall.publish(sender, false);
    assert_right(&mut hall);
    let (sound, pictures) = hall.guests()[&sender].peer.played();
    assert!(sound >= 150 && pictures >= 89, "{sound} {pictures}");
    for (id, guest) in hall.guests().iter().filter(|(id, _)| **id != sender) {
        assert_eq!((guest.tally.missing, guest.tally.duplicates, guest.tally.late), (0, 0, 0));
        // Who it is and what is needed is known with the first packets: nothing of the pictures is lost, of the voice a moment.
        let heard: u64 = guest.heard.values().sum();
        assert!(heard <= sound + pictures && heard + 5 >= sound + pictures, "{id}: {heard}");
    }
    let forwarded = hall.snapshot.as_ref().expect("metrics").counters().packets_forwarded.clone();
    let told = forwarded.of(MediaKind::Audio) + forwarded.of(MediaKind::Video);
    assert_eq!(told, hall.counts().received, "each packet that was counted came");
}

#[test]
fn in_two_hundred_channels_of_five_everybody_gets_the_four_others_and_nobody_else() {
    let mut hall = Hall::new(SEED);
    let tracks = vec![microphone(30, 80), camera(&[encoding(40, 5, (320, 180))])];
    let devices = Devices { tracks, audio_slots: 3, video_slots: 4 };
    for _ in 0..5 {
        for channel in 1..=200 {
            hall.enter(channel, &devices);
        }
    }
    hall.run(Duration::from_secs(3));
    assert_right(&mut hall);
    for (id, guest) in hall.guests() {
        let others = hall
            .guests()
            .iter()
            .filter(|(other, one)| *other != id && one.channel == guest.channel);
        // The m-lines' order: the voice is the first publication, the picture the second.
        let pictures: BTreeSet<u32> =
            others.clone().map(|(_, one)| one.publications[1].0).collect();
        let voices: BTreeSet<u32> = others.map(|(_, one)| one.publications[0].0).collect();
        let heard: BTreeSet<u32> = guest.heard.keys().copied().collect();
        assert_eq!(pictures.len(), 4);
        assert!(pictures.is_subset(&heard), "{id} sees all four");
        assert!(
            heard.difference(&pictures).all(|one| voices.contains(one)),
            "{id} hears who is there"
        );
        assert!(heard.intersection(&voices).count() >= 3, "{id} hears three");
        assert_eq!((guest.tally.missing, guest.tally.duplicates), (0, 0));
    }
}

/// A voice of one packet a second.
fn slow_voice() -> Track {
    let packet = Packet {
        at: Duration::ZERO,
        ticks: 0,
        marker: false,
        level: Some(0x80 | 20),
        head: ArrayVec::new(),
        numbers: None,
        stamped: false,
        body: Bytes::from_static(&[31 << 3, 1, 2, 3]),
    };
    let layer = Layer { packets: vec![packet], length: Duration::from_secs(1), clock_rate: 48_000 };
    Track { source: Source::Microphone, layers: vec![Arc::new(layer)] }
}

/// People who come, go, switch channels, mute, show themselves and look at each other: one thing after another, at random.
struct Town {
    hall: Hall,
    random: Random,
    devices: [Devices; 3],
    inside: Vec<u64>,
}

/// Everybody who lives there.
const PEOPLE: usize = 200;

/// Between two things that happen: each person does something once in three minutes.
const PAUSE: Duration = Duration::from_millis(900);

impl Town {
    fn new() -> Self {
        let pictures = [encoding(2, 1, (320, 180)), encoding(4, 1, (640, 360))];
        let person = |tracks| Devices { tracks, audio_slots: 3, video_slots: 4 };
        Self {
            hall: Hall::new(SEED),
            random: Random::new(SEED),
            devices: [
                person(Vec::new()),
                person(vec![slow_voice()]),
                person(vec![slow_voice(), camera(&pictures)]),
            ],
            inside: Vec::new(),
        }
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.random.below(bound as u64)).expect("small")
    }

    fn come(&mut self) {
        let channel = self.random.below(25) + 1;
        let devices = self.devices[self.below(3)].clone();
        let id = self.hall.enter(channel, &devices);
        self.inside.push(id);
    }

    fn go(&mut self) {
        let place = self.below(self.inside.len());
        self.hall.leave(self.inside.swap_remove(place));
    }

    fn act(&mut self) {
        if self.inside.len() < PEOPLE * 9 / 10 {
            return self.come();
        }
        let place = self.below(self.inside.len());
        let who = self.inside[place];
        let flip = self.below(2) == 0;
        match self.below(8) {
            0 if self.inside.len() < PEOPLE => self.come(),
            0 | 1 => self.go(),
            2 => {
                // Whoever switches channels is somebody new there.
                self.go();
                self.come();
            }
            3 | 4 => self.hall.publish(who, flip),
            5 => self
                .hall
                .voice(who, Voice { muted: flip, deafened: false, camera: true, screen: false }),
            6 => self
                .hall
                .voice(who, Voice { muted: false, deafened: flip, camera: flip, screen: false }),
            _ => {
                let slot = u8::try_from(3 + self.below(4)).expect("small");
                let size = if flip { (640, 360) } else { (0, 0) };
                self.hall.view(who, slot, size);
            }
        }
    }

    fn live(&mut self, lasts: Duration) {
        let end = self.hall.now() + lasts;
        while self.hall.now() < end {
            self.act();
            self.hall.run(PAUSE);
        }
    }

    fn empty(&mut self) {
        for id in std::mem::take(&mut self.inside) {
            self.hall.leave(id);
        }
        self.hall.run(Duration::from_secs(5));
    }

    /// Some hours, after each of which everybody leaves: what the first of them left behind, and what the last one added to it, in bytes.
    fn hours(&mut self, hours: u32, hour: Duration) -> (i64, i64) {
        let mut left = Vec::new();
        for _ in 0..hours {
            let measured = allocation_counter::measure(|| {
                self.live(hour);
                assert_right(&mut self.hall);
                self.empty();
            });
            left.push(measured.bytes_current);
        }
        (left[0], left[1..].iter().sum())
    }
}

/// Tables keep the room they once needed, which varies with how many people happened to come at once; a leak of one participant an
/// hour would be more than this.
const ROOM: i64 = 64 * 1_024;

fn live_through(hours: u32, hour: Duration) {
    let mut town = Town::new();
    let (first, later) = town.hours(hours, hour);
    println!("{first} bytes after the first time, {later} more after the others");
    assert!(later.abs() < ROOM, "{later} bytes more than after the first time, which left {first}");
    // An empty shard tells no numbers: somebody who sends nothing makes it tell the last ones.
    let quiet = town.devices[0].clone();
    town.hall.enter(1, &quiet);
    town.hall.run(Duration::from_secs(3));
    let counts = town.hall.counts();
    let counters = town.hall.snapshot.as_ref().expect("metrics").counters().clone();
    let told = counters.packets_received;
    assert_eq!((told.of(MediaKind::Audio), told.of(MediaKind::Video)), counts.sent);
    let forwarded = counters.packets_forwarded;
    let forwarded = forwarded.of(MediaKind::Audio) + forwarded.of(MediaKind::Video);
    assert_eq!(forwarded, counts.received);
}

#[test]
fn an_hour_of_coming_and_going_leaves_nothing_behind() {
    live_through(4, Duration::from_mins(15));
}

#[test]
#[ignore = "long: a day of two hundred people takes a quarter of an hour"]
fn a_day_of_coming_and_going_leaves_nothing_behind() {
    live_through(24, Duration::from_hours(1));
}
