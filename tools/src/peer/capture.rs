//! A recorded browser: its RTP as it was sent, and tracks made of it.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arrayvec::ArrayVec;
use bytes::Bytes;
use pcap_file::pcap::PcapReader;
use sfu::demux::{Kind, classify};
use sfu::media::{Source, Ssrc};
use sfu::packet::header::Header;
use simulcast::codec::{self, Codec, PictureId};
use thiserror::Error;

use super::track::{Layer, Numbers, Packet, Track};

/// Every RTP packet that a machine sent from one UDP port, in order, with the time since the first.
#[derive(Clone, Debug)]
pub struct Capture {
    /// Decrypted, whole.
    pub packets: Vec<(Duration, Bytes)>,
}

/// Why a capture cannot be used.
#[derive(Debug, Error)]
pub enum CaptureError {
    /// The file cannot be opened.
    #[error("cannot open the capture: {0}")]
    Open(#[from] io::Error),
    /// It is no capture, or ends within a packet.
    #[error("cannot read the capture: {0}")]
    Read(#[from] pcap_file::PcapError),
    /// Nothing in it is of this stream.
    #[error("the capture has no stream {0:#x} that begins with a keyframe")]
    NoStream(u32),
}

impl Capture {
    /// Reads a pcap file of Ethernet, IPv4 without options, and UDP; what was sent from `port`.
    ///
    /// # Errors
    /// [`CaptureError`]: whoever names the file is at fault.
    pub fn read(path: &Path, port: u16) -> Result<Self, CaptureError> {
        let mut reader = PcapReader::new(File::open(path)?)?;
        let mut packets = Vec::new();
        let mut start = None;
        while let Some(packet) = reader.next_packet() {
            let packet = packet?;
            let (Some(from), Some(payload)) =
                (packet.data.get(SOURCE_PORT..SOURCE_PORT + 2), packet.data.get(HEADERS..))
            else {
                continue;
            };
            if from == port.to_be_bytes() && classify(payload) == Kind::Rtp {
                let since = packet.timestamp.saturating_sub(*start.get_or_insert(packet.timestamp));
                packets.push((since, Bytes::copy_from_slice(payload)));
            }
        }
        Ok(Self { packets })
    }

    /// The sound of `ssrc`, under this loudness in −dBov.
    ///
    /// # Errors
    /// [`CaptureError::NoStream`].
    pub fn microphone(&self, ssrc: u32, level: u8) -> Result<Track, CaptureError> {
        let packets = self.layer(ssrc, |_, _| Some((ArrayVec::new(), None)))?;
        let loud = |packet: &Packet| Packet { level: Some(0x80 | level & 0x7f), ..packet.clone() };
        let layer = layer(packets.iter().map(loud).collect(), 48_000);
        Ok(Track { source: Source::Microphone, layers: vec![Arc::new(layer)] })
    }

    /// The encodings of VP8 `ssrcs`, lowest quality first.
    ///
    /// # Errors
    /// [`CaptureError::NoStream`].
    pub fn camera(&self, ssrcs: &[u32]) -> Result<Track, CaptureError> {
        let layers = ssrcs.iter().map(|ssrc| {
            let mut first = None;
            let packets = self.layer(*ssrc, |payload, marker| vp8(payload, marker, &mut first))?;
            Ok(Arc::new(layer(packets, 90_000)))
        });
        Ok(Track { source: Source::Camera, layers: layers.collect::<Result<_, CaptureError>>()? })
    }

    /// The packets of a stream; `cut` gives the head of a payload with its numbers, or `None` for what comes before a keyframe.
    fn layer(
        &self,
        ssrc: u32,
        mut cut: impl FnMut(&[u8], bool) -> Option<Head>,
    ) -> Result<Vec<Packet>, CaptureError> {
        let mut packets: Vec<Packet> = Vec::new();
        let mut first = None;
        for (at, packet) in &self.packets {
            let Ok(header) = Header::parse(packet) else { continue };
            let Ok(length) = header.payload_length(packet) else { continue };
            if header.ssrc != Ssrc(ssrc) || length == 0 {
                continue;
            }
            let payload = packet.slice(header.length..header.length + length);
            let Some((head, numbers)) = cut(&payload, header.marker) else { continue };
            let (start, ticks) = *first.get_or_insert((*at, header.timestamp));
            packets.push(Packet {
                at: at.saturating_sub(start),
                ticks: header.timestamp.distance_from(ticks).cast_unsigned(),
                marker: header.marker,
                level: None,
                body: payload.slice(head.len()..),
                head,
                numbers,
                stamped: false,
            });
        }
        if packets.is_empty() { Err(CaptureError::NoStream(ssrc)) } else { Ok(packets) }
    }
}

/// The head of a payload, and the numbers in it.
type Head = (ArrayVec<u8, { super::track::HEAD_MAX }>, Option<Numbers>);

/// Cuts a payload of VP8 behind TL0PICIDX. `first` holds the numbers of the keyframe that everything counts from.
fn vp8(payload: &[u8], marker: bool, first: &mut Option<(u16, u8)>) -> Option<Head> {
    let info = codec::inspect(Codec::Vp8, payload, marker, None).ok()?;
    let Some(PictureId::Long(picture)) = info.numbers.picture_id() else { return None };
    let tl0 = info.numbers.tl0();
    if first.is_none() && !info.starts_keyframe {
        return None;
    }
    let (picture_0, tl0_0) = *first.get_or_insert((picture, tl0.unwrap_or_default()));
    let numbers = Numbers {
        picture: picture.wrapping_sub(picture_0) & 0x7fff,
        tl0: tl0.map(|tl0| tl0.wrapping_sub(tl0_0)),
    };
    let end = 4 + usize::from(tl0.is_some());
    Some((payload.get(..end)?.try_into().ok()?, Some(numbers)))
}

/// A layer whose next round begins a mean interval after its last packet.
fn layer(packets: Vec<Packet>, clock_rate: u32) -> Layer {
    let last = packets.last().map_or(Duration::ZERO, |packet| packet.at);
    let frames = packets.iter().filter(|packet| packet.marker).count().max(2);
    let count = if clock_rate == 90_000 { frames } else { packets.len() };
    let interval = last / u32::try_from(count).unwrap_or(u32::MAX).max(1);
    Layer { packets, length: last + interval, clock_rate }
}

/// Ethernet, IPv4 without options, UDP.
const HEADERS: usize = 14 + 20 + 8;
/// Of UDP.
const SOURCE_PORT: usize = 14 + 20;
