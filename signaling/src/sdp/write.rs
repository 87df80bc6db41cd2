//! An answer, and how it is written: the attributes of RFC 8829, section 5.3, in that order.

use std::fmt::{self, Display, Formatter};
use std::net::SocketAddr;

use arrayvec::ArrayString;
use sfu::command::{DtlsRole, IceCredentials};
use sfu::media::{Feedback, MediaKind, Mid, Rid, Ssrc};
use sfu::transport::dtls::Fingerprint;

use super::Direction;
use super::section::{OfferedExtension, Payload};

/// What we answer. `Display` writes it; it cannot fail.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer {
    /// Session id of our origin line, the same for a session.
    pub session: u64,
    /// Counts the answers of a session.
    pub version: u64,
    /// Our ICE credentials.
    pub ice: IceCredentials,
    /// Of our certificate.
    pub fingerprint: Fingerprint,
    /// Our side of the handshake.
    pub role: DtlsRole,
    /// Our host candidates, the preferred first.
    pub candidates: Vec<SocketAddr>,
    /// Whether one-byte and two-byte header extensions may be mixed.
    pub mixed_extensions: bool,
    /// One for each m-line of the offer, in its order.
    pub sections: Vec<AnswerSection>,
}

/// The answer to one m-line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AnswerSection {
    /// As offered.
    pub media: String,
    /// As offered.
    pub protocol: String,
    /// As offered; empty where a rejected m-line had none.
    pub mid: Mid,
    /// What becomes of it.
    pub body: Body,
}

/// What becomes of an m-line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Body {
    /// Answered with port 0 and the offered formats.
    Rejected(Vec<String>),
    /// Part of the bundle.
    Accepted(Box<Accepted>),
}

/// An m-line that is part of the bundle.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Accepted {
    /// Seen from us.
    pub direction: Direction,
    /// At least one.
    pub payloads: Vec<Payload>,
    /// Under the client's numbers; directions as the client wrote them.
    pub extensions: Vec<OfferedExtension>,
    /// Encodings we receive.
    pub rids: Vec<Rid>,
    /// Whether they are a simulcast.
    pub simulcast: bool,
    /// Reduced-size RTCP.
    pub reduced_size: bool,
    /// The stream we send, where the m-line is a slot.
    pub stream: Option<Stream>,
}

/// The one stream of a slot.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Stream {
    /// Sound or picture.
    pub kind: MediaKind,
    /// Its SSRC.
    pub ssrc: Ssrc,
    /// The SSRC of its retransmissions, where negotiated.
    pub rtx: Option<Ssrc>,
    /// Which pair of slots it belongs to: their tracks share a stream id.
    pub pair: u8,
    /// Of our sender reports.
    pub cname: ArrayString<16>,
}

impl Answer {
    fn leader(&self) -> Option<&AnswerSection> {
        self.bundled().next()
    }

    fn bundled(&self) -> impl Iterator<Item = &AnswerSection> {
        self.sections.iter().filter(|section| match section.body {
            Body::Accepted(_) => true,
            Body::Rejected(_) => false,
        })
    }

    /// Credentials, fingerprint and role, in every m-line of the bundle: once would do (RFC 8843, section 7.3.2), but
    /// Firefox 153 crashes at an answer whose second m-line lacks them.
    fn write_transport(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "a=ice-ufrag:{}\r\na=ice-pwd:{}\r\n", self.ice.ufrag, self.ice.password)?;
        f.write_str("a=fingerprint:sha-256 ")?;
        for (place, byte) in self.fingerprint.0.iter().enumerate() {
            write!(f, "{}{byte:02X}", if place == 0 { "" } else { ":" })?;
        }
        let setup = match self.role {
            DtlsRole::Server => "passive",
            DtlsRole::Client => "active",
        };
        write!(f, "\r\na=setup:{setup}\r\n")
    }

    /// Where we are to be found, by UDP and, for whose network lets none through, by TCP: once, in the m-line that leads the bundle.
    fn write_candidates(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (place, address) in (0_u32..).zip(&self.candidates) {
            // RFC 8445, section 5.1.2.1: type preference 126 (host), local preference falling, component 1.
            let local_preference = 65_535_u32.saturating_sub(place);
            let priority = (126_u32 << 24) | (local_preference << 8) | 255;
            let (ip, port) = (address.ip(), address.port());
            write!(
                f,
                "a=candidate:{} 1 udp {priority} {ip} {port} typ host\r\n",
                place.saturating_add(1)
            )?;
        }
        let first = u32::try_from(self.candidates.len()).unwrap_or(u32::MAX);
        for (place, address) in (0_u32..).zip(&self.candidates) {
            // RFC 6544, section 4.2: a type preference below that of UDP (libwebrtc's for TCP), direction preference 4 (passive).
            let local_preference = (4_u32 << 13) | 8_191_u32.saturating_sub(place);
            let priority = (90_u32 << 24) | (local_preference << 8) | 255;
            let (ip, port) = (address.ip(), address.port());
            write!(
                f,
                "a=candidate:{} 1 tcp {priority} {ip} {port} typ host tcptype passive\r\n",
                first.saturating_add(place).saturating_add(1)
            )?;
        }
        f.write_str("a=end-of-candidates\r\n")
    }
}

impl Display for Answer {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "v=0\r\no=- {} {} IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE",
            self.session, self.version
        )?;
        for section in self.bundled() {
            write!(f, " {}", section.mid.0)?;
        }
        f.write_str("\r\n")?;
        if self.mixed_extensions {
            f.write_str("a=extmap-allow-mixed\r\n")?;
        }
        f.write_str("a=msid-semantic:WMS *\r\na=ice-lite\r\na=ice-options:ice2\r\n")?;
        // A bundle has one address: every m-line of it names that (RFC 8843, section 7.3.2).
        let address = self.candidates.first().copied();
        let leader = self.leader().map(|section| section.mid);
        for section in &self.sections {
            match &section.body {
                Body::Rejected(formats) => section.write_rejected(f, formats)?,
                Body::Accepted(accepted) => {
                    section.write_head(f, accepted, address)?;
                    self.write_transport(f)?;
                    if leader == Some(section.mid) {
                        self.write_candidates(f)?;
                    }
                    accepted.write(f)?;
                }
            }
        }
        Ok(())
    }
}

impl AnswerSection {
    fn write_rejected(&self, f: &mut Formatter<'_>, formats: &[String]) -> fmt::Result {
        write!(
            f,
            "m={} 0 {} {}\r\nc=IN IP4 0.0.0.0\r\n",
            self.media,
            self.protocol,
            formats.join(" ")
        )?;
        if !self.mid.0.is_empty() {
            write!(f, "a=mid:{}\r\n", self.mid.0)?;
        }
        f.write_str("a=inactive\r\n")
    }

    fn write_head(
        &self,
        f: &mut Formatter<'_>,
        accepted: &Accepted,
        address: Option<SocketAddr>,
    ) -> fmt::Result {
        let port = address.map_or(9, |address| address.port());
        write!(f, "m={} {port} {}", self.media, self.protocol)?;
        for payload in &accepted.payloads {
            write!(f, " {}", payload.number.0)?;
        }
        match address {
            Some(SocketAddr::V4(address)) => write!(f, "\r\nc=IN IP4 {}\r\n", address.ip())?,
            Some(SocketAddr::V6(address)) => write!(f, "\r\nc=IN IP6 {}\r\n", address.ip())?,
            None => f.write_str("\r\nc=IN IP4 0.0.0.0\r\n")?,
        }
        write!(f, "a=mid:{}\r\n", self.mid.0)
    }
}

impl Accepted {
    fn write(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for OfferedExtension { extension, id, direction } in &self.extensions {
            match direction {
                Some(direction) => {
                    write!(f, "a=extmap:{}/{} ", id.value(), direction.reversed().name())?
                }
                None => write!(f, "a=extmap:{} ", id.value())?,
            }
            write!(f, "{}\r\n", extension.uri())?;
        }
        write!(f, "a={}\r\n", self.direction.name())?;
        if let Some(stream) = &self.stream {
            stream.write_track(f)?;
        }
        f.write_str("a=rtcp-mux\r\n")?;
        if self.reduced_size {
            f.write_str("a=rtcp-rsize\r\n")?;
        }
        for payload in &self.payloads {
            write_payload(f, payload)?;
        }
        for rid in &self.rids {
            write!(f, "a=rid:{} recv\r\n", rid.0)?;
        }
        if self.simulcast && !self.rids.is_empty() {
            f.write_str("a=simulcast:recv ")?;
            for (place, rid) in self.rids.iter().enumerate() {
                write!(f, "{}{}", if place == 0 { "" } else { ";" }, rid.0)?;
            }
            f.write_str("\r\n")?;
        }
        match &self.stream {
            Some(stream) => stream.write_sources(f),
            None => Ok(()),
        }
    }
}

impl Stream {
    /// The slots of a pair share a stream id, so that a browser plays them in step.
    fn write_track(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            MediaKind::Audio => "audio",
            MediaKind::Video => "video",
        };
        write!(f, "a=msid:pair-{} {kind}-{}\r\n", self.pair, self.pair)
    }

    fn write_sources(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { ssrc, rtx, cname, .. } = self;
        if let Some(rtx) = rtx {
            write!(f, "a=ssrc-group:FID {} {}\r\n", ssrc.0, rtx.0)?;
        }
        write!(f, "a=ssrc:{} cname:{cname}\r\n", ssrc.0)?;
        match rtx {
            Some(rtx) => write!(f, "a=ssrc:{} cname:{cname}\r\n", rtx.0),
            None => Ok(()),
        }
    }
}

fn write_payload(f: &mut Formatter<'_>, payload: &Payload) -> fmt::Result {
    let number = payload.number.0;
    write!(f, "a=rtpmap:{number} {}\r\n", payload.rtpmap)?;
    if let Some(fmtp) = &payload.fmtp {
        write!(f, "a=fmtp:{number} {fmtp}\r\n")?;
    }
    let Feedback { nack, pli, fir, transport_wide, remb } = payload.feedback;
    let lines = [
        (remb, "goog-remb"),
        (transport_wide, "transport-cc"),
        (fir, "ccm fir"),
        (nack, "nack"),
        (pli, "nack pli"),
    ];
    for (_, name) in lines.iter().filter(|(promised, _)| *promised) {
        write!(f, "a=rtcp-fb:{number} {name}\r\n")?;
    }
    Ok(())
}
