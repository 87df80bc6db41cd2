//! All that a participant receives.

use std::time::{Duration, Instant};

use arrayvec::ArrayString;
use sfu::media::{Mid, Ssrc};
use sfu::packet::extension::{ExtensionId, ExtensionIds};
use sfu::packet::feedback::{self, ReportBlock, SenderReport};
use sfu::packet::header::Header;
use sfu::packet::twcc;
use sfu::transport::arrivals::Arrivals;

use super::offer::{Answer, EXTENSIONS, Section};
use super::slot::Slot;
use super::tally::Heard;

/// The slots of a participant.
#[derive(Debug)]
pub(super) struct Downlink {
    slots: Vec<Slot>,
    ids: ExtensionIds,
    arrivals: Option<Box<Told>>,
    own: Ssrc,
}

/// Transport-wide feedback.
#[derive(Debug)]
struct Told {
    arrivals: Arrivals,
    /// Feedback packets so far.
    count: u8,
    /// An SSRC that was received: feedback names one.
    media: Ssrc,
}

impl Downlink {
    /// The slots among `sections` as `answer` has them; `own` is who reports.
    pub(super) fn new(sections: &[Section], answer: &Answer, own: Ssrc) -> Self {
        let slot = |(mid, (section, answered)): (usize, (&Section, &super::offer::Answered))| {
            match section {
                Section::Send { .. } => None,
                Section::Receive(kind) => {
                    let mid = Mid(ArrayString::from(&mid.to_string()).ok()?);
                    Some(Slot::new(mid, *kind, answered.ssrc?, answered.rtx))
                }
            }
        };
        let ids = EXTENSIONS.iter().fold(ExtensionIds::default(), |ids, (extension, id)| {
            ExtensionId::new(*id).map_or(ids, |id| ids.with(*extension, id))
        });
        let slots = sections.iter().zip(&answer.sections).enumerate().filter_map(slot).collect();
        Self { slots, ids, arrivals: None, own }
    }

    /// Takes in an opened packet, which came at `at`.
    pub(super) fn packet<'a>(
        &mut self,
        epoch: Instant,
        at: Instant,
        header: &Header,
        packet: &'a [u8],
    ) -> Option<(Heard<'a>, u64)> {
        let number = self.ids.read(header, packet).transport_sequence;
        if let Some(number) = number {
            let told = self.arrivals.get_or_insert_with(|| {
                Box::new(Told { arrivals: Arrivals::new(epoch), count: 0, media: header.ssrc })
            });
            told.arrivals.record(simulcast::SequenceNumber(number), at);
        }
        let slot = self.slots.iter_mut().find(|slot| slot.carries(header.ssrc))?;
        slot.packet(epoch, at, header, packet)
    }

    /// A sender report of a slot arrived.
    pub(super) fn sender_report(&mut self, at: Instant, report: &SenderReport) {
        if let Some(slot) = self.slots.iter_mut().find(|slot| slot.carries(report.ssrc)) {
            slot.sender_report(at, report);
        }
    }

    /// When [`Self::wishes`] has something to say.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let told = self.arrivals.as_ref().and_then(|told| told.arrivals.deadline());
        self.slots.iter().filter_map(Slot::deadline).chain(told).min()
    }

    /// Appends what is due: missing packets, keyframes, arrivals.
    pub(super) fn wishes(&mut self, now: Instant, out: &mut Vec<u8>) {
        for slot in &mut self.slots {
            slot.wish(now, self.own, out);
        }
        let Some(told) = &mut self.arrivals else { return };
        let micros = |at: Duration| i64::try_from(at.as_micros()).unwrap_or(i64::MAX);
        while let Some(span) = told.arrivals.poll(now) {
            let mut packets =
                span.packets().map(|(number, at)| (number.0, at.map(micros))).collect::<Vec<_>>();
            // What one packet cannot tell is left out: the server takes it for lost, which it nearly is.
            packets.truncate(usize::from(twcc::STATUSES_MAX));
            twcc::write(out, self.own, told.media, told.count, packets.into_iter());
            told.count = told.count.wrapping_add(1);
        }
    }

    /// Appends a receiver report.
    pub(super) fn report(&mut self, now: Instant, out: &mut Vec<u8>) {
        let blocks: Vec<ReportBlock> =
            self.slots.iter_mut().filter_map(|slot| slot.report(now)).collect();
        feedback::write_receiver_report(out, self.own, &blocks);
    }
}
