//! One receive m-line of a participant: a fixed SSRC that carries whichever publication is assigned to it.

use arrayvec::ArrayVec;
use simulcast::allocator::{Choice, Class, Kind, Want, WantId};
use simulcast::codec::descriptor::{DESCRIPTOR_GROWTH, Targets, rewrite_descriptor};
use simulcast::codec::opus;
use simulcast::rewriter::{Beginning, Form, Rewrite, Rewriter};
use simulcast::sequence::Unwrapper;
use simulcast::{RtpTimestamp, SequenceNumber};

use super::forward::Outgoing;
use super::padding::Neighbours;
use super::report::SlotReport;
use super::{Carriage, Part, Subscription};
use crate::command::Pictures;
use crate::drop::DropReason;
use crate::media::{Format, MediaKind, PayloadType, PublicationId, SlotSpec, Source};
use crate::packet::feedback::SenderReport;
use crate::packet::header::{HeaderFields, HeaderTemplate, Passed, announce_padding};
use crate::publication::history::{Meta, Recorded};
use crate::publication::{Publication, PublicationKey};
use crate::transport::srtp::Sealer;

/// A receive m-line.
#[derive(Debug)]
pub struct Slot {
    /// What was negotiated for it.
    pub spec: SlotSpec,
    /// What it carries.
    pub subscription: Option<Subscription>,
    /// How large it is shown.
    pub view: SlotView,
    /// Its numbers, which continue over every switch of layer or publication: the receiver knows one SSRC.
    pub rewriter: Rewriter,
    /// What its sender reports say.
    pub report: SlotReport,
    media: HeaderTemplate,
    media_index: Unwrapper,
    retransmissions: Option<HeaderTemplate>,
    retransmission_index: u64,
}

/// How large a slot is shown, and how important.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SlotView {
    /// In device pixels; 0 if not visible.
    pub width: u16,
    /// In device pixels; 0 if not visible.
    pub height: u16,
    /// 3 pinned or screen, 2 speaker, 1 else.
    pub priority: u8,
}

/// What a packet needs beside its history to be written.
#[derive(Clone, Copy, Debug)]
pub struct Postmark {
    /// The CSRC: which track this is.
    pub publication: PublicationId,
    /// Of this transport, where it is counted.
    pub transport_sequence: Option<u16>,
    /// 24 bits, 6.18 fixed point seconds.
    pub absolute_send_time: u32,
    /// What leaves before and after it.
    pub neighbours: Neighbours,
}

impl Slot {
    /// A slot that carries nothing yet.
    #[must_use]
    pub fn new(spec: SlotSpec) -> Self {
        let ssrc = spec.ssrc.0;
        // The SSRC is random, so its parts serve as the random starts that RFC 3550 asks for. The number
        // starts in the lower half, so that an early loss cannot be taken for a roll-over (RFC 3711, section 3.3.1).
        let [a, b, c, d] = ssrc.to_be_bytes();
        let sequence = SequenceNumber(u16::from_be_bytes([a, b]) & 0x7fff);
        let timestamp = RtpTimestamp(u32::from_be_bytes([c, d, a, b]));
        let mut slot = Self {
            media: HeaderTemplate::new(spec.ssrc, spec.mid, &spec.extensions),
            retransmissions: None,
            subscription: None,
            view: SlotView::default(),
            rewriter: Rewriter::new(sequence, timestamp),
            report: SlotReport::default(),
            media_index: Unwrapper::default(),
            retransmission_index: u64::from(u16::from_be_bytes([c, d]) & 0x7fff),
            spec: spec.clone(),
        };
        slot.renegotiate(spec);
        slot
    }

    /// Takes over what a new answer says; its SSRCs stay.
    pub fn renegotiate(&mut self, spec: SlotSpec) {
        self.media = HeaderTemplate::new(spec.ssrc, spec.mid, &spec.extensions);
        self.retransmissions =
            spec.rtx.map(|rtx| HeaderTemplate::new(rtx, spec.mid, &spec.extensions));
        self.spec = spec;
    }

    /// What its receiver wants of the publication it carries.
    #[must_use]
    pub fn want(&self, publication: &Publication, pictures: Pictures) -> Want {
        let SlotView { width, height, priority } = self.view;
        let kind = match publication.spec.source {
            Source::Screen | Source::ScreenSound => Kind::Screen,
            Source::Camera | Source::Microphone => Kind::Camera,
        };
        let class = match priority {
            0 | 1 => Class::Visible,
            2 => Class::Speaker,
            3.. => Class::Pinned,
        };
        let choice = match pictures {
            Pictures::Automatic => Choice::Automatic,
            Pictures::SaveData => Choice::Lowest,
            Pictures::SoundOnly => Choice::Paused,
        };
        let (id, size) = (WantId(publication.spec.id.0), u32::from(width) * u32::from(height));
        Want { id, kind, class, height, size, frame_rate: 0, choice }
    }

    /// In whose history a packet of this slot stands; `None` where the slot carries something else by now.
    #[must_use]
    pub fn carried(&self, outgoing: &Outgoing) -> Option<PublicationKey> {
        let subscription = self.subscription.as_ref()?;
        (subscription.id == outgoing.publication).then_some(subscription.publication)
    }

    /// Writes a packet from the history, sealed, into `out`; returns its length.
    ///
    /// # Errors
    /// The subscription changed since it was queued, or the datagram would be too long.
    pub fn write(
        &mut self,
        out: &mut [u8],
        outgoing: &Outgoing,
        source: &Publication,
        recorded: &Recorded<'_>,
        postmark: Postmark,
        sealer: &mut Sealer,
    ) -> Result<usize, DropReason> {
        let subscription = self.subscription.as_ref().filter(|it| it.id == outgoing.publication);
        let subscription = subscription.ok_or(DropReason::SlotChanged)?;
        let carriage =
            subscription.carriage(recorded.meta.payload).ok_or(DropReason::NoCommonCodec)?;
        let stream = self.stream(outgoing, carriage).ok_or(DropReason::RtxNotNegotiated)?;
        let (described, beginning) = match outgoing.rewrite.form {
            Form::AsItCame | Form::EndsPicture => (recorded.descriptor, recorded.meta.beginning),
            Form::Empty => (&[][..], Beginning::UNCHANGED),
        };
        let flows = subscription.told_layer(outgoing.layer, described);
        let targets = || source.targets(recorded.meta, flows?);
        let descriptor =
            (!described.is_empty()).then(|| rewritten(described, &outgoing.rewrite, targets()));
        let descriptor = descriptor.as_deref().filter(|bytes| !bytes.is_empty());
        let meta = recorded.meta;
        let fields = HeaderFields {
            marker: match outgoing.rewrite.form {
                Form::AsItCame => meta.marker,
                Form::EndsPicture => true,
                Form::Empty => false,
            },
            padding: false,
            payload_type: stream.payload_type,
            sequence: stream.sequence,
            timestamp: outgoing.rewrite.timestamp,
            csrc: Some(postmark.publication),
            transport_sequence: postmark.transport_sequence,
            absolute_send_time: Some(postmark.absolute_send_time),
            passed: passed(meta, descriptor),
        };
        let payload = travelling(carriage.part, outgoing.rewrite.form, recorded.payload)?;
        let template =
            if outgoing.resend { self.retransmissions.as_ref() } else { Some(&self.media) };
        let header =
            template.and_then(|it| it.write(out, &fields)).ok_or(DropReason::SealFailed)?;
        let original = outgoing.resend.then_some(outgoing.rewrite.sequence);
        let prefix = Prefix { beginning, header, original, part: carriage.part };
        let (prefix, rest) = prefix.write(out, payload, outgoing).ok_or(DropReason::SealFailed)?;
        let octets = prefix + rest.len();
        let plain = header + octets + sealer.rtp_overhead();
        let padding = postmark.neighbours.padding(plain);
        let (prefix, rest) = if padding == 0 || plain + padding > out.len() {
            (prefix, rest)
        } else {
            (
                pad(out, header + prefix, rest, padding).ok_or(DropReason::SealFailed)? - header,
                &[][..],
            )
        };
        let length = sealer
            .seal_rtp(stream.index, out, header, prefix, rest)
            .map_err(|_| DropReason::SealFailed)?;
        if outgoing.resend {
            self.retransmission_index += 1;
        } else {
            self.media_index.unwrap(stream.sequence);
            self.report.sent(octets);
        }
        Ok(length)
    }

    /// Writes a packet of nothing but `length` bytes of padding on the retransmission stream, where its numbers matter to nobody,
    /// sealed, into `out`; returns its length. `None` where there is no such stream.
    pub fn write_padding(
        &mut self,
        out: &mut [u8],
        length: u8,
        postmark: Postmark,
        sealer: &mut Sealer,
    ) -> Option<usize> {
        let template = self.retransmissions.as_ref()?;
        let payload_type = self.spec.payloads.iter().find_map(|map| map.rtx)?;
        let index = self.retransmission_index;
        let fields = HeaderFields {
            marker: false,
            padding: true,
            payload_type,
            sequence: SequenceNumber(u16::try_from(index & 0xffff).ok()?),
            timestamp: RtpTimestamp::default(),
            csrc: None,
            transport_sequence: postmark.transport_sequence,
            absolute_send_time: Some(postmark.absolute_send_time),
            passed: Passed::default(),
        };
        let header = template.write(out, &fields)?;
        let padding = out.get_mut(header..header + usize::from(length))?;
        padding.fill(0);
        *padding.last_mut()? = length;
        let sealed = sealer.seal_rtp(index, out, header, usize::from(length), &[]).ok()?;
        self.retransmission_index += 1;
        Some(sealed)
    }

    /// What its sender report says now.
    #[must_use]
    pub fn sender_report(&self, now_ntp: u64) -> Option<SenderReport> {
        let clock_rate = match self.spec.kind {
            MediaKind::Audio => Format::Opus.clock_rate(),
            MediaKind::Video => Format::Vp8.clock_rate(),
        };
        self.report.sender_report(now_ntp, self.spec.ssrc, clock_rate)
    }

    fn stream(&self, outgoing: &Outgoing, carriage: Carriage) -> Option<Stream> {
        let sequence = outgoing.rewrite.sequence;
        if !outgoing.resend {
            let index = self.media_index.peek(sequence);
            // The receiver's roll-over counter starts at 0 with the first packet (RFC 3711, section 3.3.1).
            let index = index.checked_sub(1 << 16)?;
            return Some(Stream { payload_type: carriage.payload_type, sequence, index });
        }
        let index = self.retransmission_index;
        let sequence = SequenceNumber(u16::try_from(index & 0xffff).ok()?);
        Some(Stream { payload_type: carriage.rtx?, sequence, index })
    }
}

/// Puts `rest` and padding behind the first `start` bytes of a packet; returns where that ends. It is copied, since the cipher takes
/// what it encrypts from two places and not from three.
#[inline(never)]
fn pad(out: &mut [u8], start: usize, rest: &[u8], padding: usize) -> Option<usize> {
    let (body, behind) = out.get_mut(start..)?.split_at_mut_checked(rest.len())?;
    body.copy_from_slice(rest);
    let place = behind.get_mut(..padding)?;
    place.fill(0);
    *place.last_mut()? = u8::try_from(padding).ok()?;
    announce_padding(out);
    Some(start + rest.len() + padding)
}

/// What of a payload travels.
fn travelling(part: Part, form: Form, payload: &[u8]) -> Result<&[u8], DropReason> {
    match (part, form) {
        (_, Form::Empty) => Ok(&[]),
        (Part::Whole | Part::Renumbered { .. }, _) => Ok(payload),
        (Part::Primary, _) => opus::primary(payload).map_err(|_| DropReason::DescriptorMalformed),
    }
}

/// A dependency descriptor with the receiver's frame number, and the decode targets that it gets.
#[inline(never)]
fn rewritten(
    descriptor: &[u8],
    rewrite: &Rewrite,
    targets: Option<Targets>,
) -> ArrayVec<u8, DESCRIPTOR_MAX> {
    let mut out = ArrayVec::from([0; DESCRIPTOR_MAX]);
    let length = rewrite_descriptor(descriptor, rewrite, targets, &mut out);
    out.truncate(length);
    out
}

/// What goes through from the publisher's packet.
const fn passed<'a>(meta: &Meta, dependency_descriptor: Option<&'a [u8]>) -> Passed<'a> {
    Passed {
        audio_level: meta.audio_level,
        orientation: meta.orientation,
        playout_delay: meta.playout_delay,
        capture_time: meta.capture_time,
        dependency_descriptor,
    }
}

impl Default for SlotView {
    fn default() -> Self {
        // A client that never says how large it shows a picture gets a good one (docs/protocol.md).
        Self { width: 1280, height: 720, priority: 1 }
    }
}

/// On which of the slot's two streams a packet goes.
struct Stream {
    payload_type: PayloadType,
    sequence: SequenceNumber,
    index: u64,
}

/// What precedes the part of the payload that goes out unchanged.
struct Prefix {
    beginning: Beginning,
    header: usize,
    original: Option<SequenceNumber>,
    part: Part,
}

impl Prefix {
    /// Writes it behind the header: the original number of a resend (RFC 4588, section 4), then the payload
    /// descriptor with its rewritten numbers, or the block headers of redundant audio. Returns its length and what is
    /// left of `payload`.
    fn write<'a>(
        &self,
        out: &mut [u8],
        payload: &'a [u8],
        outgoing: &Outgoing,
    ) -> Option<(usize, &'a [u8])> {
        let room = out.get_mut(self.header..)?;
        let number = self.original.map_or(0, |_| size_of::<SequenceNumber>());
        let (place, room) = room.split_at_mut_checked(number)?;
        if let Some(original) = self.original {
            place.copy_from_slice(&original.0.to_be_bytes());
        }
        if let Part::Renumbered { from, to } = self.part
            && !payload.is_empty()
        {
            let headers = opus::renumber(payload, (from.0, to.0), room)?;
            return Some((number + headers, payload.get(headers..)?));
        }
        let written = self.beginning.write(&outgoing.rewrite, room);
        Some((number + written.written, payload.get(written.consumed..)?))
    }
}

/// Bytes by which a packet may leave longer than it came, at most: its header, its dependency descriptor, the original number of a
/// resend (RFC 4588), a longer tag (16 bytes for 10: another cipher than the publisher's), and numbers in its payload that are written in
/// full.
pub const GROWTH_MAX: usize = HeaderTemplate::GROWTH_MAX + DESCRIPTOR_GROWTH + 2 + 6 + 4;

/// The longest dependency descriptor: a header extension element holds 255 bytes (RFC 8285, section 4.3).
const DESCRIPTOR_MAX: usize = 255;
