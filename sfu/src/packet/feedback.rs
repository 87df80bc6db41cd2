//! RTCP, read where it lies (RFC 3550, section 6; RFC 4585; RFC 5104), and written by the `rtcp` crate.
//!
//! Reports and feedback arrive by the thousand, so reading allocates nothing; what we send is rare and may.

use rtcp::goodbye::Goodbye;
use rtcp::packet::Packet;
use rtcp::payload_feedbacks::full_intra_request::{FirEntry, FullIntraRequest};
use rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtcp::payload_feedbacks::receiver_estimated_maximum_bitrate::ReceiverEstimatedMaximumBitrate;
use rtcp::reception_report::ReceptionReport;
use rtcp::transport_feedbacks::transport_layer_nack::{NackPair, TransportLayerNack};
use simulcast::{Bitrate, RtpTimestamp, SequenceNumber};
use thiserror::Error;

use crate::fault::Fault;
use crate::media::Ssrc;
use crate::packet::twcc;

/// One packet of an RTCP compound.
#[derive(Clone, Debug, PartialEq)]
pub enum Rtcp<'a> {
    /// What a sender sent, and when by its own clock.
    SenderReport(SenderReport, Blocks<'a>),
    /// What a receiver received.
    ReceiverReport {
        /// Who reports.
        ssrc: Ssrc,
        /// About which streams.
        blocks: Blocks<'a>,
    },
    /// Packets that were lost (RFC 4585, section 6.2.1).
    Nack {
        /// Of which stream.
        media: Ssrc,
        /// Which.
        entries: NackEntries<'a>,
    },
    /// A picture cannot be decoded: send a keyframe (RFC 4585, section 6.3.1).
    Pli {
        /// Of which stream.
        media: Ssrc,
    },
    /// Send a keyframe, once per number (RFC 5104, section 4.3.1).
    Fir(FirEntries<'a>),
    /// Arrivals of packets of the whole transport.
    TransportWide(twcc::Feedback<'a>),
    /// The most that the receiver believes it can take (draft-alvestrand-rmcat-remb-03).
    Remb {
        /// Of the whole transport.
        bitrate: Bitrate,
    },
    /// Streams that end.
    Bye(Sources<'a>),
    /// A packet of another type: well formed, and none of ours. SDES, APP and XR among them.
    Other(u8),
}

/// A sender report without its blocks (RFC 3550, section 6.4.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SenderReport {
    /// Which stream.
    pub ssrc: Ssrc,
    /// NTP format: seconds since 1900 in the upper 32 bits.
    pub ntp: u64,
    /// The same moment on the stream's clock.
    pub timestamp: RtpTimestamp,
    /// Packets sent since the start, modulo 2³².
    pub packets: u32,
    /// Bytes of payload sent since the start, modulo 2³².
    pub octets: u32,
}

/// What a receiver says about one stream (RFC 3550, section 6.4.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ReportBlock {
    /// Which stream.
    pub ssrc: Ssrc,
    /// Lost since the last report, in 256ths.
    pub fraction_lost: u8,
    /// Lost since the start, 24 bits with a sign; duplicates count against it.
    pub lost: i32,
    /// The highest sequence number that arrived, with the number of its turns in the upper 16 bits.
    pub highest: u32,
    /// Jitter between arrivals, in ticks of the stream's clock.
    pub jitter: u32,
    /// The middle 32 bits of the NTP time of the last sender report; 0 without one.
    pub last_sender_report: u32,
    /// Since that report arrived, in 65,536ths of a second.
    pub delay: u32,
}

/// Why an RTCP packet cannot be read; what follows it in its compound is not read either.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum FeedbackError {
    /// The datagram or the packet ends within this part.
    #[error("RTCP ends within its {0}")]
    Truncated(&'static str),
    /// The version is not 2.
    #[error("RTCP version {0}, not 2")]
    Version(u8),
    /// The padding counts no byte, or more than the packet has.
    #[error("RTCP padding of {0} bytes does not fit the packet")]
    Padding(u8),
    /// This part cannot be.
    #[error("RTCP with a malformed {0}")]
    Malformed(&'static str),
    /// More of these than make sense.
    #[error("RTCP with too many {0}")]
    TooMany(&'static str),
}

impl FeedbackError {
    /// Always the sender's.
    #[must_use]
    pub const fn fault(self) -> Fault {
        match self {
            Self::Truncated(_)
            | Self::Version(_)
            | Self::Padding(_)
            | Self::Malformed(_)
            | Self::TooMany(_) => Fault::Peer,
        }
    }
}

/// The packets of a decrypted compound, in order; reduced-size ones too (RFC 5506). After an error nothing follows.
#[must_use]
pub const fn packets(compound: &[u8]) -> Packets<'_> {
    Packets { rest: compound }
}

/// The packets of a compound.
#[derive(Clone, Debug)]
pub struct Packets<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Packets<'a> {
    type Item = Result<Rtcp<'a>, FeedbackError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let read = Section::take(&mut self.rest).and_then(Rtcp::read);
        if read.is_err() {
            self.rest = &[];
        }
        Some(read)
    }
}

/// One packet of a compound, told by its common header.
#[derive(Clone, Copy, Debug)]
struct Section<'a> {
    packet_type: u8,
    /// The five bits beside the version: a count, or a feedback format.
    count: u8,
    /// What follows the first four bytes, without padding.
    body: &'a [u8],
}

impl<'a> Section<'a> {
    fn take(rest: &mut &'a [u8]) -> Result<Self, FeedbackError> {
        let Some((&[first, packet_type, l0, l1], after)) = rest.split_first_chunk() else {
            return Err(FeedbackError::Truncated("header"));
        };
        if first >> 6 != VERSION {
            return Err(FeedbackError::Version(first >> 6));
        }
        let length = usize::from(u16::from_be_bytes([l0, l1])) * 4;
        let Some((mut body, after)) = after.split_at_checked(length) else {
            return Err(FeedbackError::Truncated("packet"));
        };
        *rest = after;
        if first & PADDING_BIT != 0 {
            let count = body.last().copied().unwrap_or(0);
            body = body
                .len()
                .checked_sub(usize::from(count))
                .filter(|_| count > 0)
                .and_then(|length| body.get(..length))
                .ok_or(FeedbackError::Padding(count))?;
        }
        Ok(Self { packet_type, count: first & COUNT_BITS, body })
    }
}

impl<'a> Rtcp<'a> {
    fn read(section: Section<'a>) -> Result<Self, FeedbackError> {
        let Section { packet_type, count, body } = section;
        match (packet_type, count) {
            (SENDER_REPORT, _) => Self::sender_report(count, body),
            (RECEIVER_REPORT, _) => {
                let (ssrc, rest) = ssrc(body, "receiver report")?;
                Ok(Self::ReceiverReport { ssrc, blocks: Blocks::take(count, rest)? })
            }
            (GOODBYE, _) => {
                let (sources, _) = body
                    .split_at_checked(usize::from(count) * 4)
                    .ok_or(FeedbackError::Truncated("BYE"))?;
                Ok(Self::Bye(Sources { words: words(sources) }))
            }
            (TRANSPORT_FEEDBACK, NACK) => {
                let (media, rest) = media(body, "NACK")?;
                Ok(Self::Nack { media, entries: NackEntries::new(words(rest)) })
            }
            (TRANSPORT_FEEDBACK, twcc::FORMAT) => {
                let (_, rest) = media(body, "transport-wide feedback")?;
                twcc::Feedback::parse(rest).map(Self::TransportWide)
            }
            (PAYLOAD_FEEDBACK, PLI) => media(body, "PLI").map(|(media, _)| Self::Pli { media }),
            (PAYLOAD_FEEDBACK, FIR) => {
                let (_, rest) = media(body, "FIR")?;
                let (entries, _) = rest.as_chunks();
                Ok(Self::Fir(FirEntries { entries }))
            }
            (PAYLOAD_FEEDBACK, APPLICATION) => {
                let (_, rest) = media(body, "application feedback")?;
                Ok(match remb(rest) {
                    Some(bitrate) => Self::Remb { bitrate },
                    None => Self::Other(packet_type),
                })
            }
            _ => Ok(Self::Other(packet_type)),
        }
    }

    fn sender_report(count: u8, body: &'a [u8]) -> Result<Self, FeedbackError> {
        let (ssrc, rest) = ssrc(body, "sender report")?;
        let cut = || {
            let (ntp, rest) = rest.split_first_chunk()?;
            let (timestamp, rest) = rest.split_first_chunk()?;
            let (packets, rest) = rest.split_first_chunk()?;
            let (octets, rest) = rest.split_first_chunk()?;
            let report = SenderReport {
                ssrc,
                ntp: u64::from_be_bytes(*ntp),
                timestamp: RtpTimestamp(u32::from_be_bytes(*timestamp)),
                packets: u32::from_be_bytes(*packets),
                octets: u32::from_be_bytes(*octets),
            };
            Some((report, rest))
        };
        let (report, rest) = cut().ok_or(FeedbackError::Truncated("sender report"))?;
        Ok(Self::SenderReport(report, Blocks::take(count, rest)?))
    }
}

/// The report blocks of one packet.
#[derive(Clone, Debug, PartialEq)]
pub struct Blocks<'a> {
    blocks: &'a [[u8; BLOCK]],
}

impl<'a> Blocks<'a> {
    fn take(count: u8, rest: &'a [u8]) -> Result<Self, FeedbackError> {
        let (blocks, _) = rest.as_chunks();
        let blocks =
            blocks.get(..usize::from(count)).ok_or(FeedbackError::Truncated("report blocks"))?;
        Ok(Self { blocks })
    }
}

impl Iterator for Blocks<'_> {
    type Item = ReportBlock;

    fn next(&mut self) -> Option<Self::Item> {
        let (block, rest) = self.blocks.split_first()?;
        self.blocks = rest;
        let ([ssrc, loss, highest, jitter, last, delay], _) =
            block.as_chunks::<4>().0.split_first_chunk()?;
        let [fraction_lost, l0, l1, l2] = *loss;
        Some(ReportBlock {
            ssrc: Ssrc(u32::from_be_bytes(*ssrc)),
            fraction_lost,
            // Shifting there and back spreads the sign of 24 bits.
            lost: i32::from_be_bytes([l0, l1, l2, 0]) >> 8,
            highest: u32::from_be_bytes(*highest),
            jitter: u32::from_be_bytes(*jitter),
            last_sender_report: u32::from_be_bytes(*last),
            delay: u32::from_be_bytes(*delay),
        })
    }
}

/// The sequence numbers of a NACK, in the order of its entries.
#[derive(Clone, Debug, PartialEq)]
pub struct NackEntries<'a> {
    entries: &'a [[u8; 4]],
    next: Option<SequenceNumber>,
    /// Which of the numbers that follow `next` are lost too, the nearest in bit 0.
    mask: u16,
}

impl<'a> NackEntries<'a> {
    const fn new(entries: &'a [[u8; 4]]) -> Self {
        Self { entries, next: None, mask: 0 }
    }
}

impl Iterator for NackEntries<'_> {
    type Item = SequenceNumber;

    fn next(&mut self) -> Option<Self::Item> {
        let number = match self.next {
            Some(number) => number,
            None => {
                let (&[p0, p1, m0, m1], rest) = self.entries.split_first()?;
                self.entries = rest;
                self.mask = u16::from_be_bytes([m0, m1]);
                SequenceNumber(u16::from_be_bytes([p0, p1]))
            }
        };
        self.next = if self.mask == 0 {
            None
        } else {
            let skip = self.mask.trailing_zeros();
            // In two steps, for a shift by 16 would be too far.
            self.mask = self.mask >> skip >> 1;
            u16::try_from(skip + 1).ok().map(|step| number.plus(step))
        };
        Some(number)
    }
}

/// The entries of a FIR: a stream, and a number that changes with each request of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct FirEntries<'a> {
    entries: &'a [[u8; 8]],
}

impl Iterator for FirEntries<'_> {
    type Item = (Ssrc, u8);

    fn next(&mut self) -> Option<Self::Item> {
        let (&[s0, s1, s2, s3, number, ..], rest) = self.entries.split_first()?;
        self.entries = rest;
        Some((Ssrc(u32::from_be_bytes([s0, s1, s2, s3])), number))
    }
}

/// The SSRCs of a BYE.
#[derive(Clone, Debug, PartialEq)]
pub struct Sources<'a> {
    words: &'a [[u8; 4]],
}

impl Iterator for Sources<'_> {
    type Item = Ssrc;

    fn next(&mut self) -> Option<Self::Item> {
        let (ssrc, rest) = self.words.split_first()?;
        self.words = rest;
        Some(Ssrc(u32::from_be_bytes(*ssrc)))
    }
}

fn ssrc<'a>(body: &'a [u8], name: &'static str) -> Result<(Ssrc, &'a [u8]), FeedbackError> {
    let (ssrc, rest) = body.split_first_chunk().ok_or(FeedbackError::Truncated(name))?;
    Ok((Ssrc(u32::from_be_bytes(*ssrc)), rest))
}

/// The second of the two SSRCs that feedback begins with: the first is the sender's own.
fn media<'a>(body: &'a [u8], name: &'static str) -> Result<(Ssrc, &'a [u8]), FeedbackError> {
    let (_, rest) = ssrc(body, name)?;
    ssrc(rest, name)
}

fn words(bytes: &[u8]) -> &[[u8; 4]] {
    bytes.as_chunks().0
}

/// "REMB", number of SSRCs, exponent of 6 bits and mantissa of 18.
fn remb(body: &[u8]) -> Option<Bitrate> {
    let (&[b'R', b'E', b'M', b'B', _, high, middle, low], _) = body.split_first_chunk()? else {
        return None;
    };
    let mantissa = u64::from(u32::from_be_bytes([0, high & 0b11, middle, low]));
    let exponent = u32::from(high >> 2);
    let fits = mantissa.leading_zeros() >= exponent;
    Some(if fits { Bitrate::bps(mantissa << exponent) } else { Bitrate::MAX })
}

/// Appends a sender report without blocks, followed by the CNAME of its stream (RFC 3550, sections 6.4.1 and 6.5).
pub fn write_sender_report(out: &mut Vec<u8>, report: &SenderReport, cname: &str) {
    let SenderReport { ssrc, ntp, timestamp, packets, octets } = *report;
    append(
        out,
        &rtcp::sender_report::SenderReport {
            ssrc: ssrc.0,
            ntp_time: ntp,
            rtp_time: timestamp.0,
            packet_count: packets,
            octet_count: octets,
            ..Default::default()
        },
    );
    append(
        out,
        &rtcp::source_description::SourceDescription {
            chunks: vec![rtcp::source_description::SourceDescriptionChunk {
                source: ssrc.0,
                items: vec![rtcp::source_description::SourceDescriptionItem {
                    sdes_type: rtcp::source_description::SdesType::SdesCname,
                    text: bytes::Bytes::copy_from_slice(cname.as_bytes()),
                }],
            }],
        },
    );
}

/// Appends receiver reports about `blocks` (RFC 3550, section 6.4.2): one packet for each 31, and one without any for none, as
/// a compound has to begin with a report.
pub fn write_receiver_report(out: &mut Vec<u8>, sender: Ssrc, blocks: &[ReportBlock]) {
    let mut rest = blocks;
    loop {
        let (some, after) = rest.split_at_checked(BLOCKS_MAX).unwrap_or((rest, &[]));
        let reports = some.iter().map(reception_report).collect();
        append(
            out,
            &rtcp::receiver_report::ReceiverReport {
                ssrc: sender.0,
                reports,
                ..Default::default()
            },
        );
        rest = after;
        if rest.is_empty() {
            return;
        }
    }
}

fn reception_report(block: &ReportBlock) -> ReceptionReport {
    let lost = block.lost.clamp(-(1 << 23), (1 << 23) - 1).cast_unsigned();
    ReceptionReport {
        ssrc: block.ssrc.0,
        fraction_lost: block.fraction_lost,
        total_lost: lost & 0x00ff_ffff,
        last_sequence_number: block.highest,
        jitter: block.jitter,
        last_sender_report: block.last_sender_report,
        delay: block.delay,
    }
}

/// Appends a NACK for `lost`, which rise (modulo 2¹⁶), packed into as few entries as that allows (RFC 4585, section 6.2.1);
/// nothing for none. Of more than fit [`NACKS_MAX`] entries the first are asked for.
pub fn write_nack(
    out: &mut Vec<u8>,
    sender: Ssrc,
    media: Ssrc,
    lost: impl Iterator<Item = SequenceNumber>,
) {
    let mut nacks: Vec<NackPair> = Vec::new();
    for number in lost {
        if let Some(pair) = nacks.last_mut() {
            match number.distance_from(SequenceNumber(pair.packet_id)) {
                0 => continue,
                ahead @ 1..=16 => {
                    pair.lost_packets |= 1 << (ahead - 1);
                    continue;
                }
                _ => {}
            }
        }
        if nacks.len() >= NACKS_MAX {
            break;
        }
        nacks.push(NackPair::new(number.0));
    }
    if !nacks.is_empty() {
        append(out, &TransportLayerNack { sender_ssrc: sender.0, media_ssrc: media.0, nacks });
    }
}

/// Appends a picture loss indication (RFC 4585, section 6.3.1).
pub fn write_pli(out: &mut Vec<u8>, sender: Ssrc, media: Ssrc) {
    append(out, &PictureLossIndication { sender_ssrc: sender.0, media_ssrc: media.0 });
}

/// Appends a full intra request; `number` rises with each request of ours to `media` (RFC 5104, section 4.3.1).
pub fn write_fir(out: &mut Vec<u8>, sender: Ssrc, media: Ssrc, number: u8) {
    let fir = vec![FirEntry { ssrc: media.0, sequence_number: number }];
    append(out, &FullIntraRequest { sender_ssrc: sender.0, media_ssrc: 0, fir });
}

/// Appends a REMB for `streams` together, at most 255 of them; the bitrate is rounded down to 18 significant bits.
pub fn write_remb(out: &mut Vec<u8>, sender: Ssrc, bitrate: Bitrate, streams: &[Ssrc]) {
    #[expect(clippy::cast_precision_loss, reason = "the format keeps 18 bits, and f32 has 24")]
    let bitrate = bitrate.as_bps() as f32;
    let ssrcs = streams.iter().take(255).map(|ssrc| ssrc.0).collect();
    append(out, &ReceiverEstimatedMaximumBitrate { sender_ssrc: sender.0, bitrate, ssrcs });
}

/// Appends a BYE for `streams`, at most 31 of them (RFC 3550, section 6.6).
pub fn write_bye(out: &mut Vec<u8>, streams: &[Ssrc]) {
    let sources = streams.iter().take(BLOCKS_MAX).map(|ssrc| ssrc.0).collect();
    append(out, &Goodbye { sources, ..Default::default() });
}

fn append(out: &mut Vec<u8>, packet: &dyn Packet) {
    let start = out.len();
    out.resize(start + packet.marshal_size(), 0);
    let written = out.get_mut(start..).and_then(|room| packet.marshal_to(room).ok());
    debug_assert_eq!(written, Some(out.len() - start), "{packet:?}");
    out.truncate(start + written.unwrap_or(0));
}

/// RFC 3550, section 6.4.1.
const VERSION: u8 = 2;
const PADDING_BIT: u8 = 0x20;
const COUNT_BITS: u8 = 0x1f;
/// Bytes of a report block.
const BLOCK: usize = 24;
/// Report blocks, or sources, of one packet: what five bits can count. Three quarters of a kilobyte.
pub const BLOCKS_MAX: usize = 31;
/// Entries of one NACK, each up to 17 packets: what the `rtcp` crate writes, rounded down, and a kilobyte.
pub const NACKS_MAX: usize = 250;
/// Packet types (RFC 3550, section 12.1; RFC 4585, section 6.1).
const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const GOODBYE: u8 = 203;
const TRANSPORT_FEEDBACK: u8 = 205;
const PAYLOAD_FEEDBACK: u8 = 206;
/// Formats of feedback (RFC 4585, sections 6.2 and 6.3; RFC 5104, section 4.3.1).
const NACK: u8 = 1;
const PLI: u8 = 1;
const FIR: u8 = 4;
const APPLICATION: u8 = 15;

#[cfg(test)]
#[path = "feedback_tests.rs"]
mod tests;
