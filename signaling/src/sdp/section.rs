//! An m-line of an offer: what it is, which codecs and header extensions of it Confab carries.

use std::collections::{BTreeMap, BTreeSet};

use arrayvec::ArrayString;
use rtc_sdp::description::media::MediaDescription;
use rtc_sdp::description::session::SessionDescription;
use sfu::media::{Encoding, Feedback, MediaKind, Mid, PayloadType, Ssrc};
use sfu::packet::extension::{Extension, ExtensionId};

use super::encoding::{self, Streams};
use super::format::Carries;
use super::{Direction, PAYLOADS_MAX, SdpError};

/// An m-line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Section {
    /// `audio`, `video`, `application` or another.
    pub media: String,
    /// Its transport protocol, which an answer repeats.
    pub protocol: String,
    /// Its formats, which a rejection repeats.
    pub formats: Vec<String>,
    /// Its identification; empty only where the m-line is rejected.
    pub mid: Mid,
    /// Audio or video; `None` where it must be answered with port 0: rejected by the client, outside the bundle, data channels.
    pub rtp: Option<Rtp>,
}

/// What an audio or video m-line offers, as far as Confab understands it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rtp {
    /// Sound or picture.
    pub kind: MediaKind,
    /// Seen from the client.
    pub direction: Direction,
    /// What Confab carries of its payload types, in order.
    pub payloads: Vec<Payload>,
    /// What Confab knows of its header extensions, in order.
    pub extensions: Vec<OfferedExtension>,
    /// By RID where it has `a=rid` lines, else by SSRC; lowest quality first.
    pub encodings: Vec<Encoding>,
    /// Whether the RIDs are a simulcast (RFC 8853).
    pub simulcast: bool,
    /// All SSRCs it names.
    pub ssrcs: BTreeSet<Ssrc>,
    /// Reduced-size RTCP (RFC 5506); answered alike.
    pub reduced_size: bool,
}

/// A payload type.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Payload {
    /// The number on the wire.
    pub number: PayloadType,
    /// What it stands for.
    pub carries: Carries,
    /// As in `VP8/90000`; answered alike.
    pub rtpmap: String,
    /// Parameters; answered alike, so that what the client wishes to send (DTX, stereo) it may send.
    pub fmtp: Option<String>,
    /// Its feedback.
    pub feedback: Feedback,
}

/// A header extension.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct OfferedExtension {
    /// Which.
    pub extension: Extension,
    /// Under which number.
    pub id: ExtensionId,
    /// Which way, where the line says so (RFC 8285, section 5); seen from the client.
    pub direction: Option<Direction>,
}

impl Section {
    pub(super) fn read(
        place: usize,
        description: &MediaDescription,
        tree: &SessionDescription,
        bundle: &[&str],
    ) -> Result<Self, SdpError> {
        let media = description.media_name.media.clone();
        let kind = match media.as_str() {
            "audio" => Some(MediaKind::Audio),
            "video" => Some(MediaKind::Video),
            _ => None,
        };
        let named = value(description, "mid");
        let mid = match named {
            Some(text) => token(text).map(Mid).ok_or_else(|| {
                SdpError::line("a mid is a token of 1 to 16 characters", format!("a=mid:{text}"))
            })?,
            None => Mid::default(),
        };
        let rejected =
            description.media_name.port.value == 0 && !description.has_attribute("bundle-only");
        let bundled = named.is_some_and(|named| bundle.contains(&named));
        if named.is_none() && !rejected {
            return Err(SdpError::Section {
                mid: format!("number {}", place + 1),
                rule: "a=mid is missing",
            });
        }
        let rtp = match kind {
            Some(kind) if bundled && !rejected => Some(Rtp::read(kind, &mid, description, tree)?),
            Some(_) | None => None,
        };
        Ok(Self {
            media,
            protocol: description.media_name.protos.join("/"),
            formats: description.media_name.formats.clone(),
            mid,
            rtp,
        })
    }
}

impl Rtp {
    fn read(
        kind: MediaKind,
        mid: &Mid,
        description: &MediaDescription,
        tree: &SessionDescription,
    ) -> Result<Self, SdpError> {
        // One that never had a transport of its own need not say so (RFC 9143, section 9.3).
        if !description.has_attribute("rtcp-mux") && !description.has_attribute("bundle-only") {
            return Err(SdpError::section(mid, "a=rtcp-mux is missing"));
        }
        let direction = description
            .attributes
            .iter()
            .chain(&tree.attributes)
            .find_map(|attribute| Direction::named(&attribute.key))
            .unwrap_or(Direction::SendReceive);
        let extensions = extensions(mid, description)?;
        let (rids, simulcast) = encoding::rids(mid, description)?;
        let streams = Streams::read(mid, description)?;
        let encodings = if rids.is_empty() {
            vec![streams.first()]
        } else {
            rids.into_iter().map(|rid| Encoding { rid: Some(rid), ssrc: None, rtx: None }).collect()
        };
        Ok(Self {
            kind,
            direction,
            payloads: payloads(kind, mid, description)?,
            extensions,
            encodings,
            simulcast,
            ssrcs: streams.all(),
            reduced_size: description.has_attribute("rtcp-rsize"),
        })
    }
}

/// The payload types Confab carries: known, not among the numbers that RTCP uses beside RTP (64 to 95, RFC 5761, section 4), and a
/// retransmission only of something kept.
fn payloads(
    kind: MediaKind,
    mid: &Mid,
    description: &MediaDescription,
) -> Result<Vec<Payload>, SdpError> {
    let formats = &description.media_name.formats;
    if formats.len() > PAYLOADS_MAX {
        return Err(SdpError::section(mid, "more than 96 payload types"));
    }
    let rtpmaps = by_payload_type(description, "rtpmap");
    let fmtps = by_payload_type(description, "fmtp");
    let mut payloads: Vec<Payload> = Vec::new();
    for number in formats.iter().filter_map(|format| format.parse::<u8>().ok()) {
        let usable = number <= 127 && !(64..=95).contains(&number);
        if !usable || payloads.iter().any(|payload| payload.number.0 == number) {
            continue;
        }
        let Some(rtpmap) = rtpmaps.get(&number) else { continue };
        let fmtp = fmtps.get(&number).copied();
        let Some(carries) = Carries::read(kind, rtpmap, fmtp.unwrap_or_default()) else { continue };
        payloads.push(Payload {
            number: PayloadType(number),
            carries,
            rtpmap: (*rtpmap).to_owned(),
            fmtp: fmtp.map(str::to_owned),
            feedback: feedback(description, number),
        });
    }
    let media: BTreeSet<u8> = payloads
        .iter()
        .filter(|payload| matches!(payload.carries, Carries::Media(_)))
        .map(|payload| payload.number.0)
        .collect();
    payloads.retain(|payload| match payload.carries {
        Carries::Media(_) => true,
        Carries::Retransmission(original) => media.contains(&original.0),
    });
    Ok(payloads)
}

/// The values of `key` by the payload type they begin with; the first where there are two.
fn by_payload_type<'a>(description: &'a MediaDescription, key: &str) -> BTreeMap<u8, &'a str> {
    let mut found = BTreeMap::new();
    for text in values(description, key) {
        if let Some((number, rest)) = text.split_once(' ')
            && let Ok(number) = number.parse()
        {
            found.entry(number).or_insert_with(|| rest.trim());
        }
    }
    found
}

/// What the `a=rtcp-fb` lines of payload type `number`, or of all (`*`), promise. Lines Confab does not know are left out of the answer.
fn feedback(description: &MediaDescription, number: u8) -> Feedback {
    let mut feedback = Feedback::default();
    for text in values(description, "rtcp-fb") {
        let Some((of, what)) = text.split_once(' ') else { continue };
        if of != "*" && of.parse() != Ok(number) {
            continue;
        }
        match what.trim() {
            "nack" => feedback.nack = true,
            "nack pli" => feedback.pli = true,
            "ccm fir" => feedback.fir = true,
            "transport-cc" => feedback.transport_wide = true,
            "goog-remb" => feedback.remb = true,
            _ => {}
        }
    }
    feedback
}

/// The header extensions Confab knows, each once, under ids that the one-byte form can carry.
fn extensions(
    mid: &Mid,
    description: &MediaDescription,
) -> Result<Vec<OfferedExtension>, SdpError> {
    let mut found: Vec<OfferedExtension> = Vec::new();
    for text in values(description, "extmap") {
        let wrong = || SdpError::section(mid, "an a=extmap that is not `id[/direction] uri`");
        let mut words = text.split_whitespace();
        let (number, uri) = (words.next().ok_or_else(wrong)?, words.next().ok_or_else(wrong)?);
        let (number, direction) = match number.split_once('/') {
            Some((number, name)) => (number, Some(Direction::named(name).ok_or_else(wrong)?)),
            None => (number, None),
        };
        let number: u16 = number.parse().map_err(|_| wrong())?;
        let id = u8::try_from(number).ok().and_then(ExtensionId::new);
        let known = Extension::ALL.into_iter().find(|extension| extension.uri() == uri);
        if let (Some(id), Some(extension)) = (id, known)
            && found.iter().all(|other| other.id != id && other.extension != extension)
        {
            found.push(OfferedExtension { extension, id, direction });
        }
    }
    Ok(found)
}

/// `text` where it is a token (RFC 8866, section 9) that fits.
pub(super) fn token(text: &str) -> Option<ArrayString<16>> {
    let allowed = |c: char| c.is_ascii_graphic() && !"\"(),/:;<=>?@[\\]".contains(c);
    if !text.is_empty() && text.chars().all(allowed) { ArrayString::from(text).ok() } else { None }
}

/// The values of all lines `a=key:value` of an m-line.
pub(super) fn values<'a, 'k>(
    description: &'a MediaDescription,
    key: &'k str,
) -> impl Iterator<Item = &'a str> + use<'a, 'k> {
    description
        .attributes
        .iter()
        .filter(move |attribute| attribute.key == key)
        .filter_map(|attribute| attribute.value.as_deref())
}

/// The value of the first line `a=key:value` of an m-line.
pub(super) fn value<'a>(description: &'a MediaDescription, key: &str) -> Option<&'a str> {
    values(description, key).next()
}
