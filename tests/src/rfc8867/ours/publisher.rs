//! Who publishes: pictures in VP8 and a voice, sealed, straight to the shard.

use tools::simnet::random::Random;
use tools::simnet::time::SimTime;

use sfu::Source;
use sfu::packet::extension::Extension;

use super::server::Wish;
use crate::client::Session;
use crate::client::cipher::Cipher;
use crate::client::outgoing::Outgoing;
use crate::client::session::{CAMERA_MID, MICROPHONE_MID, RIDS, camera_ssrc, microphone_ssrc};
use crate::codec::Codec;
use crate::packet::Rtp;
use crate::rfc8867::ledger::{self, Ledger};
use crate::rfc8867::source::audio::{self, Audio};
use crate::rfc8867::source::simulcast::LAYERS;
use crate::rfc8867::source::video::{self, Video};

/// Somebody who publishes.
#[derive(Debug)]
pub struct Publisher {
    cipher: Cipher,
    number: u8,
    voice: Option<Voice>,
    /// Lowest quality first.
    encodings: Vec<Encoder>,
    /// What was followed last.
    target: f64,
}

#[derive(Debug)]
struct Voice {
    audio: Audio,
    stream: Outgoing,
    level: u8,
    made: u64,
}

#[derive(Debug)]
struct Encoder {
    video: Video,
    stream: Outgoing,
    ssrc: u32,
    pixels: (u16, u16),
    picture: u16,
    is_wanted: bool,
    wants_keyframe: bool,
}

/// What a packet of a picture says of itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Part {
    /// Whose.
    pub publisher: u8,
    /// Which encoding.
    pub encoding: u8,
    /// Which packet of which frame of that.
    pub of_frame: ledger::Part,
}

/// Sizes of the encodings.
const PIXELS: [(u16, u16); 3] = [(320, 180), (640, 360), (1280, 720)];

/// X and I set, a picture id of 15 bits (RFC 7741, section 4.2).
const DESCRIPTOR: usize = 4;

/// A loud voice that speaks (RFC 6464).
const LOUD: u8 = 0x80 | 20;

/// Below this a change of target is none.
const SAME: f64 = 500.0;

impl Part {
    /// Of a VP8 payload, behind its descriptor and the frame's header.
    #[must_use]
    pub fn read(payload: &[u8]) -> Option<Self> {
        let first = *payload.first()?;
        let mut at = 1;
        if first & 0x80 != 0 {
            let more = *payload.get(1)?;
            at += 1;
            if more & 0x80 != 0 {
                at += if *payload.get(at)? & 0x80 != 0 { 2 } else { 1 };
            }
            at += usize::from(more & 0x40 != 0) + usize::from(more & 0x30 != 0);
        }
        if first & 0x10 != 0 {
            at += if *payload.get(at)? & 1 == 0 { 10 } else { 3 };
        }
        let [publisher, encoding, rest @ ..] = payload.get(at..)? else { return None };
        let of_frame = ledger::Part::read(rest)?;
        Some(Self { publisher: *publisher, encoding: *encoding, of_frame })
    }
}

impl Publisher {
    /// Somebody who begins at `now`: one encoding that follows targets, or three of fixed rates.
    #[must_use]
    pub fn new(now: SimTime, session: &Session, is_adaptive: bool, random: &mut Random) -> Self {
        let types = session.payload_types();
        let voice = session.devices.microphone.then(|| {
            let mid = (session.extension(Extension::Mid), MICROPHONE_MID.as_bytes().to_vec());
            Voice {
                audio: Audio::new(now),
                stream: Outgoing::new(
                    microphone_ssrc(session.person),
                    types.opus(),
                    vec![mid],
                    random,
                ),
                level: session.extension(Extension::AudioLevel),
                made: 0,
            }
        });
        let mid = (session.extension(Extension::Mid), CAMERA_MID.as_bytes().to_vec());
        let mut encoder = |place: u8, rid: Option<&str>, video, pixels| {
            let ssrc = camera_ssrc(session.person, place);
            let rid = rid.map(|rid| (session.extension(Extension::Rid), rid.as_bytes().to_vec()));
            let extensions = [Some(mid.clone()), rid].into_iter().flatten().collect();
            let stream = Outgoing::new(ssrc, types.picture(Codec::Vp8), extensions, random);
            Encoder {
                video,
                stream,
                ssrc,
                pixels,
                picture: 0,
                is_wanted: true,
                wants_keyframe: true,
            }
        };
        let encodings = if is_adaptive {
            vec![encoder(0, None, Video::new(now), PIXELS[2])]
        } else {
            let each = (0..).zip(RIDS).zip(LAYERS).zip(PIXELS);
            each.map(|(((place, rid), rate), pixels)| {
                encoder(place, Some(rid), Video::constant(now, rate), pixels)
            })
            .collect()
        };
        Self {
            cipher: Cipher::of_client(&session.keys),
            number: session
                .person
                .publication(Source::Camera)
                .0
                .try_into()
                .map_or(0, |id: u8| id / 10)
                - 1,
            voice,
            encodings,
            target: 0.0,
        }
    }

    /// When something is due.
    #[must_use]
    pub fn next(&self) -> SimTime {
        let pictures = self.encodings.iter().map(|encoder| encoder.video.next());
        let sound = self.voice.as_ref().map(|voice| voice.audio.next());
        pictures.chain(sound).min().unwrap_or_default()
    }

    /// How many packets of sound were made.
    #[must_use]
    pub fn sound(&self) -> u64 {
        self.voice.as_ref().map_or(0, |voice| voice.made)
    }

    /// Lets the encoder follow a target, in bits a second.
    pub fn follow(&mut self, now: SimTime, target: f64) {
        if (target - self.target).abs() >= SAME {
            self.target = target;
            self.encodings.iter_mut().for_each(|encoder| encoder.video.follow(now, target));
        }
    }

    /// Does what the shard asks for.
    pub fn obey(&mut self, wish: &Wish) {
        match wish {
            Wish::Keyframe { ssrc } => {
                let asked = self.encodings.iter_mut().filter(|encoder| encoder.ssrc == *ssrc);
                asked.for_each(|encoder| encoder.wants_keyframe = true);
            }
            Wish::Encodings(wanted) => {
                for (encoder, wanted) in self.encodings.iter_mut().zip(wanted) {
                    encoder.wants_keyframe |= *wanted && !encoder.is_wanted;
                    encoder.is_wanted = *wanted;
                }
            }
        }
    }

    /// What is due until `now` is never made.
    pub fn skip(&mut self, now: SimTime) {
        self.encodings.iter_mut().for_each(|encoder| encoder.video.skip(now));
        if let Some(voice) = &mut self.voice {
            voice.audio.skip(now);
        }
    }

    /// Everything that is due, sealed; frames are entered into the ledgers of their encodings.
    pub fn poll(
        &mut self,
        now: SimTime,
        ledgers: &mut [Ledger],
        random: &mut Random,
    ) -> Vec<Vec<u8>> {
        let mut packets = Vec::new();
        if let Some(voice) = &mut self.voice {
            voice.packets(now, &mut packets);
        }
        for (encoding, (encoder, ledger)) in (0..).zip(self.encodings.iter_mut().zip(ledgers)) {
            while let Some(size) = encoder.video.poll(now, random) {
                if encoder.is_wanted {
                    encoder.frame(now, (self.number, encoding), size, ledger, &mut packets);
                }
            }
        }
        packets.into_iter().map(|packet| self.cipher.seal(packet)).collect()
    }
}

impl Voice {
    fn packets(&mut self, now: SimTime, packets: &mut Vec<Rtp>) {
        while let Some(number) = self.audio.poll(now) {
            self.made += 1;
            let level = [(self.level, vec![LOUD])];
            // Fullband, 20 ms, mono, one frame (RFC 6716, section 3.1).
            let mut payload = vec![31 << 3];
            payload.resize(audio::PAYLOAD, 0x55);
            packets.push(self.stream.packet(number.wrapping_mul(960), false, &level, payload));
        }
    }
}

impl Encoder {
    fn frame(
        &mut self,
        now: SimTime,
        (publisher, encoding): (u8, u8),
        size: usize,
        ledger: &mut Ledger,
        packets: &mut Vec<Rtp>,
    ) {
        let is_key = std::mem::take(&mut self.wants_keyframe);
        let sizes: Vec<usize> = video::packets(size).collect();
        let frame = ledger.make(now, sizes.len());
        let count = u16::try_from(sizes.len()).expect("a frame has few packets");
        let ticks = u32::try_from(now.elapsed().as_nanos() * 9 / 100_000 % (1 << 32));
        let ticks = ticks.expect("a remainder");
        for (place, size) in (0..).zip(sizes) {
            let mut payload = self.descriptor(place == 0);
            if place == 0 {
                payload.extend(self.header(is_key, size));
            }
            payload.extend([publisher, encoding]);
            payload.extend(ledger::Part { frame, place, count }.write());
            payload.resize(size.max(payload.len()), 0xaa);
            packets.push(self.stream.packet(ticks, place + 1 == count, &[], payload));
        }
        self.picture = (self.picture + 1) & 0x7fff;
    }

    fn descriptor(&self, starts: bool) -> Vec<u8> {
        let [high, low] = self.picture.to_be_bytes();
        vec![0x80 | (u8::from(starts) << 4), 0x80, 0x80 | high, low]
    }

    /// RFC 6386, section 9.1.
    fn header(&self, is_key: bool, size: usize) -> Vec<u8> {
        let partition = u32::try_from(size.saturating_sub(DESCRIPTOR)).unwrap_or(0);
        let tag = (partition << 5) | 0x10 | u32::from(!is_key);
        let mut header = tag.to_le_bytes()[..3].to_vec();
        if is_key {
            header.extend([0x9d, 0x01, 0x2a]);
            header.extend(self.pixels.0.to_le_bytes());
            header.extend(self.pixels.1.to_le_bytes());
        }
        header
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{Devices, Person};

    #[test]
    fn a_part_is_found_behind_any_descriptor() {
        let part = ledger::Part { frame: 7, place: 1, count: 2 };
        let mut bytes = vec![3, 2];
        bytes.extend(part.write());
        let found = Some(Part { publisher: 3, encoding: 2, of_frame: part });
        let with = |start: &[u8]| Part::read(&[start, &bytes].concat());
        assert_eq!(with(&[0x00]), found);
        assert_eq!(with(&[0x80, 0x80, 0x81, 0x02]), found, "a long picture id");
        assert_eq!(with(&[0x80, 0x80, 0x01]), found, "a short one");
        assert_eq!(with(&[0x80, 0xe0, 0x81, 0x02, 9, 0x20]), found, "with TL0PICIDX and TID");
        assert_eq!(with(&[0x90, 0x80, 0x81, 0x02, 0x11, 0, 0]), found, "behind a frame's header");
        let key = [0x90, 0x80, 0x81, 0x02, 0x10, 0, 0, 0x9d, 0x01, 0x2a, 0, 5, 0xd0, 2];
        assert_eq!(with(&key), found, "behind a keyframe's");
        assert_eq!(Part::read(&[0x80]), None);
    }

    #[test]
    fn packets_have_the_size_that_the_model_says() {
        let (now, mut random) = (SimTime::ZERO, Random::new(1));
        let session = Session::new(Person(1), Devices::ALL, 0);
        let mut publisher = Publisher::new(now, &session, false, &mut random);
        let mut ledgers = vec![Ledger::default(); 3];
        let mut opener = Cipher::of_server(&session.keys);
        let packets = publisher.poll(now, &mut ledgers, &mut random);
        let sizes: Vec<(u8, usize)> = packets
            .iter()
            .filter_map(|packet| Rtp::read(&opener.open(packet).expect("sealed")))
            .filter_map(|packet| {
                Some((Part::read(&packet.payload)?.encoding, packet.payload.len()))
            })
            .collect();
        let of = |encoding: u8| -> usize {
            sizes.iter().filter(|(found, _)| *found == encoding).map(|(_, size)| size).sum()
        };
        for (encoding, mean) in [(0, 625), (1, 2_083), (2, 6_250)] {
            assert!(
                (mean * 3 / 4..=mean * 5 / 4).contains(&of(encoding)),
                "{encoding}: {}",
                of(encoding)
            );
        }
        assert!(sizes.iter().all(|(_, size)| *size <= 1_100));
    }
}
