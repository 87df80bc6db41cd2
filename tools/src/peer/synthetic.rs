//! Invented tracks of stated rates: VP8 that no decoder would take, and sound that none would like to hear. Each packet is stamped.

use std::sync::Arc;
use std::time::Duration;

use arrayvec::ArrayVec;
use bytes::Bytes;
use sfu::media::Source;
use simulcast::Bitrate;

use super::stamp;
use super::track::{HEAD_MAX, Layer, Numbers, Packet, Track};

/// An encoding to be invented.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Encoding {
    /// Of the payload.
    pub bitrate: Bitrate,
    /// Frames a second, 1 to 1,000; evenly spaced.
    pub frame_rate: u32,
    /// Width and height that its keyframes tell.
    pub pixels: (u16, u16),
}

/// Bytes of a payload: with header, padding and tag a packet of 1,200 bytes and less.
pub const PAYLOAD_MAX: usize = 1_130;

/// How long until a layer begins anew, with a keyframe.
const ROUND: Duration = Duration::from_secs(10);

/// Between two packets of sound.
const PTIME: Duration = Duration::from_millis(20);

/// Fullband, 20 ms, mono, one frame (RFC 6716, section 3.1: configuration 31, code 0).
const TOC: u8 = 31 << 3;

/// Where in a payload the stamp stands.
pub const VIDEO_STAMP: usize = 14;
/// Behind the TOC byte of Opus.
pub const AUDIO_STAMP: usize = 1;

/// A camera with these encodings, lowest quality first.
#[must_use]
pub fn camera(encodings: &[Encoding]) -> Track {
    Track {
        source: Source::Camera,
        layers: encodings.iter().map(|encoding| Arc::new(video(encoding))).collect(),
    }
}

/// A voice of this loudness in −dBov and this many bytes a packet.
#[must_use]
pub fn microphone(level: u8, bytes: usize) -> Track {
    let body = Bytes::from(vec![0x33; bytes.saturating_sub(AUDIO_STAMP + stamp::LENGTH)]);
    let packet = |number: u32| Packet {
        at: PTIME * number,
        ticks: number * 960,
        marker: false,
        level: Some(0x80 | level & 0x7f),
        head: ArrayVec::from_iter([TOC]),
        numbers: None,
        stamped: true,
        body: body.clone(),
    };
    let layer = Layer {
        packets: (0..COUNT_OF_VOICE).map(packet).collect(),
        length: PTIME * COUNT_OF_VOICE,
        clock_rate: 48_000,
    };
    Track { source: Source::Microphone, layers: vec![Arc::new(layer)] }
}

/// Packets of a round of sound: all are alike.
const COUNT_OF_VOICE: u32 = 50;

fn video(encoding: &Encoding) -> Layer {
    let rate = encoding.frame_rate.clamp(1, 1_000);
    let frames = rate * u32::try_from(ROUND.as_secs()).unwrap_or(1);
    let interval = Duration::from_secs(1) / rate;
    let bytes =
        usize::try_from(encoding.bitrate.as_bps() / 8 / u64::from(rate)).unwrap_or(usize::MAX);
    let filler = Bytes::from(vec![0x55; PAYLOAD_MAX]);
    let mut packets = Vec::new();
    for number in 0..frames {
        let count = bytes.div_ceil(PAYLOAD_MAX).max(1);
        // Packets of a frame are of one length, as libwebrtc's packetizer makes them.
        let length = (bytes / count).clamp(VIDEO_STAMP + stamp::LENGTH, PAYLOAD_MAX);
        for place in 0..count {
            packets.push(Packet {
                at: interval * number,
                ticks: number * (90_000 / rate),
                marker: place + 1 == count,
                level: None,
                head: head(place == 0, number == 0, encoding.pixels),
                numbers: Some(Numbers { picture: (number & 0x7fff) as u16, tl0: None }),
                stamped: true,
                body: filler.slice(..length - VIDEO_STAMP - stamp::LENGTH),
            });
        }
    }
    Layer { packets, length: ROUND, clock_rate: 90_000 }
}

/// Descriptor with a picture id of 15 bits (RFC 7741, section 4.2), and the head of a frame (RFC 6386, section 9.1).
fn head(starts: bool, is_key: bool, (width, height): (u16, u16)) -> ArrayVec<u8, HEAD_MAX> {
    let first = if starts { 0x90 } else { 0x80 };
    let [w0, w1] = width.to_le_bytes();
    let [h0, h1] = height.to_le_bytes();
    let frame = if is_key && starts {
        [0x10, 0, 0, 0x9d, 0x01, 0x2a, w0, w1, h0, h1]
    } else {
        [0x11, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    };
    [first, 0x80, 0x80, 0].into_iter().chain(frame).collect()
}
