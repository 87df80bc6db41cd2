//! Which publication an SSRC belongs to (RFC 8843, section 9.2; RFC 8852).

use crate::media::{Encoding, MediaKind, Mid, PayloadMap, PayloadType, PublicationSpec, Rid, Ssrc};
use crate::packet::extension::{ExtensionIds, Extensions};
use crate::packet::header::Header;

use super::{Incoming, PublicationKey};
use crate::drop::DropReason;
use simulcast::SequenceNumber;

/// Where a packet belongs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Origin {
    /// Which track.
    pub publication: PublicationKey,
    /// Which of its encodings.
    pub encoding: u8,
    /// Sound or picture.
    pub kind: MediaKind,
    /// What the stream carries.
    pub role: Role,
}

/// What a stream carries.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    /// The encoding itself.
    Media,
    /// Retransmissions of it (RFC 4588).
    Retransmission {
        /// The SSRC of what is retransmitted, once a packet of it has been seen.
        of: Option<Ssrc>,
    },
}

/// The streams of one participant, and the m-lines by which unknown ones are recognised.
#[derive(Debug, Default)]
pub struct Streams {
    sections: Vec<Section>,
    known: Vec<(Ssrc, Origin)>,
    ids: ExtensionIds,
}

#[derive(Clone, Debug)]
struct Section {
    publication: PublicationKey,
    kind: MediaKind,
    mid: Mid,
    payloads: Vec<PayloadMap>,
    encodings: Vec<Encoding>,
}

impl Streams {
    /// Replaces all m-lines. Streams of publications that stay are kept, the others forgotten.
    pub fn negotiate<'a>(
        &mut self,
        publications: impl Iterator<Item = (PublicationKey, &'a PublicationSpec)>,
    ) {
        self.sections.clear();
        self.ids = ExtensionIds::default();
        for (publication, spec) in publications {
            // Within a bundle an id means the same on every m-line (RFC 8843, section 9).
            self.ids = self.ids.merged(&spec.extensions);
            let (mid, payloads, encodings) =
                (spec.mid, spec.payloads.clone(), spec.encodings.clone());
            let kind = spec.source.kind();
            self.sections.push(Section { publication, kind, mid, payloads, encodings });
        }
        let sections = &self.sections;
        self.known.retain(|(_, origin)| {
            sections.iter().any(|section| section.publication == origin.publication)
        });
        for section in &self.sections {
            for (encoding, place) in section.encodings.iter().zip(0u8..) {
                let Section { publication, kind, .. } = *section;
                let origin = |role| Origin { publication, encoding: place, kind, role };
                if let Some(ssrc) = encoding.ssrc {
                    Self::bind(&mut self.known, ssrc, origin(Role::Media));
                }
                if let Some(rtx) = encoding.rtx {
                    Self::bind(
                        &mut self.known,
                        rtx,
                        origin(Role::Retransmission { of: encoding.ssrc }),
                    );
                }
            }
        }
    }

    /// The extension ids of all m-lines together.
    #[must_use]
    pub fn extension_ids(&self) -> &ExtensionIds {
        &self.ids
    }

    /// Where a packet belongs: by its SSRC, else by mid and RID, else by a payload type that only one m-line has.
    ///
    /// Call it for authenticated packets only: an SSRC once recognised is remembered, at most
    /// [`STREAMS_MAX`] of them, beyond which the oldest is forgotten and has to be recognised again.
    pub fn origin(&mut self, header: &Header, extensions: &Extensions<'_>) -> Option<Origin> {
        if let Some((_, origin)) = self.known.iter().find(|(ssrc, _)| *ssrc == header.ssrc) {
            return Some(self.with_media_ssrc(*origin));
        }
        let section = self.section(header.payload_type, extensions)?;
        let is_rtx = section.payloads.iter().any(|map| map.rtx == Some(header.payload_type));
        let rid = if is_rtx { extensions.repaired_rid.or(extensions.rid) } else { extensions.rid };
        let encoding = section.encoding(rid)?;
        let role = if is_rtx { Role::Retransmission { of: None } } else { Role::Media };
        let Section { publication, kind, .. } = *section;
        let origin = Origin { publication, encoding, kind, role };
        Self::bind(&mut self.known, header.ssrc, origin);
        Some(self.with_media_ssrc(origin))
    }

    /// Where a stream that was recognised belongs.
    #[must_use]
    pub fn known(&self, ssrc: Ssrc) -> Option<Origin> {
        self.known.iter().find(|(known, _)| *known == ssrc).map(|(_, origin)| *origin)
    }

    /// The packet that a retransmission carries: its payload begins with the original number (RFC 4588, section 4).
    ///
    /// # Errors
    /// Padding in place of a packet, which senders use to probe, or a payload type that is no retransmission's; and a
    /// retransmission that comes before anything of the stream it repeats. The publisher's fault, or nobody's.
    pub fn restore<'a>(
        &self,
        packet: &Incoming<'a>,
        of: Option<Ssrc>,
        origin: Origin,
    ) -> Result<Incoming<'a>, DropReason> {
        let (number, payload) =
            packet.payload.split_at_checked(2).ok_or(DropReason::PaddingOnly)?;
        let number = <[u8; 2]>::try_from(number).map_err(|_| DropReason::PaddingOnly)?;
        let section =
            self.sections.iter().find(|section| section.publication == origin.publication);
        let section = section.ok_or(DropReason::UnknownStream)?;
        let map = section.payloads.iter().find(|map| map.rtx == Some(packet.payload_type));
        let map = map.ok_or(DropReason::PayloadTypeNotNegotiated)?;
        Ok(Incoming {
            ssrc: of.ok_or(DropReason::UnknownStream)?,
            sequence: SequenceNumber(u16::from_be_bytes(number)),
            payload_type: map.payload_type,
            payload,
            retransmitted: true,
            ..*packet
        })
    }

    /// Forgets `ssrc`, whose sender said goodbye.
    pub fn forget(&mut self, ssrc: Ssrc) -> Option<Origin> {
        let place = self.known.iter().position(|(known, _)| *known == ssrc)?;
        Some(self.known.remove(place).1)
    }

    fn with_media_ssrc(&self, origin: Origin) -> Origin {
        let Role::Retransmission { of: None } = origin.role else { return origin };
        let of = self.known.iter().find_map(|(ssrc, other)| {
            let same = other.publication == origin.publication && other.encoding == origin.encoding;
            (same && other.role == Role::Media).then_some(*ssrc)
        });
        Origin { role: Role::Retransmission { of }, ..origin }
    }

    fn section(&self, payload_type: PayloadType, extensions: &Extensions<'_>) -> Option<&Section> {
        if let Some(mid) = extensions.mid {
            return self.sections.iter().find(|section| section.mid.0.as_str() == mid);
        }
        let mut candidates = self.sections.iter().filter(|section| {
            section
                .payloads
                .iter()
                .any(|map| map.payload_type == payload_type || map.rtx == Some(payload_type))
        });
        let only = candidates.next()?;
        candidates.next().is_none().then_some(only)
    }

    fn bind(known: &mut Vec<(Ssrc, Origin)>, ssrc: Ssrc, origin: Origin) {
        match known.iter_mut().find(|(existing, _)| *existing == ssrc) {
            Some((_, place)) => *place = origin,
            None => {
                if known.len() >= STREAMS_MAX {
                    known.remove(0);
                }
                known.push((ssrc, origin));
            }
        }
    }
}

impl Section {
    fn encoding(&self, rid: Option<&str>) -> Option<u8> {
        match rid {
            Some(rid) => {
                let place = self.encodings.iter().position(|encoding| encoding.names(rid))?;
                u8::try_from(place).ok()
            }
            None if self.encodings.len() == 1 => Some(0),
            None => None,
        }
    }
}

impl Encoding {
    fn names(&self, rid: &str) -> bool {
        self.rid.is_some_and(|Rid(own)| own.as_str() == rid)
    }
}

/// Streams remembered of one participant: four m-lines of three encodings with their retransmissions are 24;
/// the rest is room for SSRCs that change.
pub const STREAMS_MAX: usize = 48;
