//! RTCP by `rtc-rtcp`: what a client asks of the server, and what the server asks of it.

use bytes::Bytes;
use rtcp::packet::{Packet, marshal, unmarshal};
use rtcp::payload_feedbacks::full_intra_request::FullIntraRequest;
use rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtcp::payload_feedbacks::receiver_estimated_maximum_bitrate::ReceiverEstimatedMaximumBitrate;
use rtcp::receiver_report::ReceiverReport;
use rtcp::reception_report::ReceptionReport;
use rtcp::sender_report::SenderReport;
use rtcp::transport_feedbacks::transport_layer_cc::TransportLayerCc;
use rtcp::transport_feedbacks::transport_layer_nack::{
    TransportLayerNack, nack_pairs_from_sequence_numbers,
};
use tools::simnet::time::SimTime;

use super::outgoing::Outgoing;

/// What a slot lacks.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Wish {
    /// These packets.
    Packets(Vec<u16>),
    /// A whole picture: what was lost will not come any more.
    Keyframe,
}

/// What the server said.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// PLI or FIR.
    Keyframe {
        /// Of which stream.
        ssrc: u32,
    },
    /// NACK.
    Resend {
        /// Of which stream.
        ssrc: u32,
        /// Which packets.
        numbers: Vec<u16>,
    },
    /// Transport-wide feedback.
    Congestion {
        /// How many packets it speaks of.
        packets: u16,
    },
    /// REMB, in bits a second.
    Bitrate(f32),
    /// A receiver report about one of our streams.
    Report {
        /// Which.
        ssrc: u32,
        /// In 256ths, since the last one.
        fraction_lost: u8,
    },
    /// A sender report of a slot.
    Sent {
        /// Which.
        ssrc: u32,
        /// NTP format.
        ntp: u64,
        /// The same moment as an RTP timestamp.
        timestamp: u32,
    },
}

/// Reads what the server said.
#[derive(Debug)]
pub struct Feedback;

/// Blocks in a receiver report: the count has five bits (RFC 3550, section 6.4.2).
pub const REPORTS_MAX: usize = 31;

/// NTP seconds of moment 0; any will do.
pub const NTP_START: u64 = 3_900_000_000 << 32;

impl Feedback {
    /// All requests of a compound packet, in order.
    ///
    /// # Errors
    /// What `rtc-rtcp` says: whoever wrote it is at fault.
    pub fn read(plain: &[u8]) -> Result<Vec<Request>, String> {
        let mut bytes = Bytes::copy_from_slice(plain);
        let packets = unmarshal(&mut bytes).map_err(|error| error.to_string())?;
        Ok(packets.iter().flat_map(|packet| requests(packet.as_ref())).collect())
    }
}

fn requests(packet: &dyn Packet) -> Vec<Request> {
    let any = packet.as_any();
    if let Some(pli) = any.downcast_ref::<PictureLossIndication>() {
        vec![Request::Keyframe { ssrc: pli.media_ssrc }]
    } else if let Some(fir) = any.downcast_ref::<FullIntraRequest>() {
        fir.fir.iter().map(|entry| Request::Keyframe { ssrc: entry.ssrc }).collect()
    } else if let Some(nack) = any.downcast_ref::<TransportLayerNack>() {
        let numbers = nack.nacks.iter().flat_map(|pair| pair.packet_list()).collect();
        vec![Request::Resend { ssrc: nack.media_ssrc, numbers }]
    } else if let Some(feedback) = any.downcast_ref::<TransportLayerCc>() {
        vec![Request::Congestion { packets: feedback.packet_status_count }]
    } else if let Some(remb) = any.downcast_ref::<ReceiverEstimatedMaximumBitrate>() {
        vec![Request::Bitrate(remb.bitrate)]
    } else if let Some(report) = any.downcast_ref::<ReceiverReport>() {
        report.reports.iter().map(reported).collect()
    } else if let Some(report) = any.downcast_ref::<SenderReport>() {
        let sent =
            Request::Sent { ssrc: report.ssrc, ntp: report.ntp_time, timestamp: report.rtp_time };
        std::iter::once(sent).chain(report.reports.iter().map(reported)).collect()
    } else {
        Vec::new()
    }
}

fn reported(report: &ReceptionReport) -> Request {
    Request::Report { ssrc: report.ssrc, fraction_lost: report.fraction_lost }
}

/// A compound packet that asks for what a slot lacks: an empty report first, as RFC 3550 wants it.
#[must_use]
pub fn wish(own: u32, slot: u32, wish: &Wish) -> Vec<u8> {
    let asked: Box<dyn Packet> = match wish {
        Wish::Packets(numbers) => Box::new(TransportLayerNack {
            sender_ssrc: own,
            media_ssrc: slot,
            nacks: nack_pairs_from_sequence_numbers(numbers),
        }),
        Wish::Keyframe => Box::new(PictureLossIndication { sender_ssrc: own, media_ssrc: slot }),
    };
    let empty = ReceiverReport { ssrc: own, ..ReceiverReport::default() };
    marshal(&[Box::new(empty), asked]).expect("what we made can be written").to_vec()
}

/// A receiver report about some slots, at most [`REPORTS_MAX`].
#[must_use]
pub fn receiver_report(own: u32, reports: &[ReceptionReport]) -> Vec<u8> {
    let report =
        ReceiverReport { ssrc: own, reports: reports.to_vec(), ..ReceiverReport::default() };
    marshal(&[Box::new(report)]).expect("what we made can be written").to_vec()
}

/// A REMB (draft-alvestrand-rmcat-remb-03, section 2.2): all these slots together may have so many bits a second.
#[must_use]
pub fn remb(own: u32, slots: Vec<u32>, bitrate: f32) -> Vec<u8> {
    let estimate = ReceiverEstimatedMaximumBitrate { sender_ssrc: own, bitrate, ssrcs: slots };
    let empty = ReceiverReport { ssrc: own, ..ReceiverReport::default() };
    marshal(&[Box::new(empty), Box::new(estimate)]).expect("what we made can be written").to_vec()
}

/// Sender reports of several streams, whose timestamps count at `clock_rate`, in one compound packet.
///
/// # Panics
/// In a run of more than half a day, of which the ticks do not fit 32 bits.
#[must_use]
pub fn sender_reports<'a>(
    now: SimTime,
    clock_rate: u32,
    streams: impl Iterator<Item = &'a Outgoing>,
) -> Vec<u8> {
    let elapsed = now.elapsed();
    let ticks = u32::try_from(elapsed.as_nanos() * u128::from(clock_rate) / 1_000_000_000)
        .expect("a run is shorter than 13 hours");
    let fraction = (u64::from(elapsed.subsec_nanos()) << 32) / 1_000_000_000;
    let ntp_time = NTP_START + (elapsed.as_secs() << 32) + fraction;
    let reports: Vec<Box<dyn Packet>> = streams
        .map(|stream| {
            let (packet_count, octet_count) = stream.sent();
            let rtp_time = stream.timestamp(ticks);
            let report = SenderReport {
                ssrc: stream.ssrc(),
                ntp_time,
                rtp_time,
                packet_count,
                octet_count,
                ..SenderReport::default()
            };
            Box::new(report) as Box<dyn Packet>
        })
        .collect();
    marshal(&reports).expect("what we made can be written").to_vec()
}
