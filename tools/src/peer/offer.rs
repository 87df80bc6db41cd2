//! What a participant offers, and what it reads of the answer: no more of SDP than that.

use std::fmt::{self, Display, Formatter};
use std::net::SocketAddr;

use arrayvec::ArrayString;
use sfu::command::IceCredentials;
use sfu::media::{MediaKind, Source, Ssrc};
use sfu::packet::extension::Extension;
use sfu::transport::dtls::Fingerprint;
use thiserror::Error;

/// An offer. `Display` writes it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Offer {
    /// Session id: another one is another connection.
    pub session: u64,
    /// Our credentials.
    pub ice: IceCredentials,
    /// Of our certificate.
    pub fingerprint: Fingerprint,
    /// Its m-lines, in order; the place of each is its mid.
    pub sections: Vec<Section>,
}

/// An m-line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Section {
    /// One track of ours.
    Send {
        /// What it is.
        source: Source,
        /// RIDs of its encodings, lowest quality first; none for one encoding without a name.
        rids: Vec<&'static str>,
    },
    /// One slot.
    Receive(MediaKind),
}

impl Section {
    /// Sound or picture.
    #[must_use]
    pub const fn kind(&self) -> MediaKind {
        match self {
            Self::Send { source, .. } => source.kind(),
            Self::Receive(kind) => *kind,
        }
    }
}

impl Offer {
    /// What the message beside the offer says of each track: its mid, and its source as docs/protocol.md names it.
    pub fn tracks(&self) -> impl Iterator<Item = (String, &'static str)> {
        self.sections.iter().enumerate().filter_map(|(place, section)| match section {
            Section::Send { source, .. } => Some((place.to_string(), name(*source))),
            Section::Receive(_) => None,
        })
    }
}

const fn name(source: Source) -> &'static str {
    match source {
        Source::Microphone => "microphone",
        Source::Camera => "camera",
        Source::Screen => "screen",
        Source::ScreenSound => "screen_sound",
    }
}

impl Display for Offer {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { session, ice, fingerprint, sections } = self;
        write!(f, "v=0\r\no=- {session} 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE")?;
        (0..sections.len()).try_for_each(|mid| write!(f, " {mid}"))?;
        write!(f, "\r\na=extmap-allow-mixed\r\na=ice-ufrag:{}\r\n", ice.ufrag)?;
        write!(f, "a=ice-pwd:{}\r\na=fingerprint:sha-256 {fingerprint}\r\n", ice.password)?;
        f.write_str("a=setup:active\r\n")?;
        sections.iter().enumerate().try_for_each(|(mid, section)| section.write(mid, f))
    }
}

impl Section {
    fn write(&self, mid: usize, f: &mut Formatter<'_>) -> fmt::Result {
        let kind = self.kind();
        f.write_str(match kind {
            MediaKind::Audio => "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n",
            MediaKind::Video => "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\n",
        })?;
        write!(f, "c=IN IP4 0.0.0.0\r\na=mid:{mid}\r\na=rtcp-mux\r\na=rtcp-rsize\r\n")?;
        for (extension, id) in EXTENSIONS {
            let fits = match extension {
                Extension::AudioLevel => kind == MediaKind::Audio,
                Extension::Rid | Extension::RepairedRid => kind == MediaKind::Video,
                Extension::Mid
                | Extension::TransportSequence
                | Extension::AbsoluteSendTime
                | Extension::Orientation
                | Extension::PlayoutDelay
                | Extension::AbsoluteCaptureTime
                | Extension::DependencyDescriptor => true,
            };
            if fits {
                write!(f, "a=extmap:{id} {}\r\n", extension.uri())?;
            }
        }
        f.write_str(match kind {
            MediaKind::Audio => "a=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\n",
            MediaKind::Video => VIDEO,
        })?;
        match self {
            Self::Receive(_) => f.write_str("a=recvonly\r\n"),
            Self::Send { rids, .. } => {
                f.write_str("a=sendonly\r\n")?;
                rids.iter().try_for_each(|rid| write!(f, "a=rid:{rid} send\r\n"))?;
                if rids.is_empty() {
                    Ok(())
                } else {
                    write!(f, "a=simulcast:send {}\r\n", rids.join(";"))
                }
            }
        }
    }
}

/// What a participant needs of an answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer {
    /// Where the server is, the preferred first.
    pub candidates: Vec<SocketAddr>,
    /// The server's credentials.
    pub ice: IceCredentials,
    /// Of its certificate.
    pub fingerprint: Fingerprint,
    /// One for each m-line of the offer, in its order.
    pub sections: Vec<Answered>,
}

/// The answer to an m-line.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Answered {
    /// The stream of a slot.
    pub ssrc: Option<Ssrc>,
    /// Its retransmissions.
    pub rtx: Option<Ssrc>,
    /// Whether packets are numbered for transport-wide feedback.
    pub transport_wide: bool,
}

/// What an answer lacks: the server's fault.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("the answer has no {0} that can be used")]
pub struct AnswerError(&'static str);

impl Answer {
    /// Reads an answer.
    ///
    /// # Errors
    /// [`AnswerError`]: the server's fault.
    pub fn read(text: &str) -> Result<Self, AnswerError> {
        let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key));
        let fingerprint = value("a=fingerprint:sha-256 ")
            .and_then(|digits| Fingerprint::parse(digits).ok())
            .ok_or(AnswerError("fingerprint"))?;
        let candidates: Vec<SocketAddr> = text.lines().filter_map(candidate).collect();
        if candidates.is_empty() {
            return Err(AnswerError("candidate"));
        }
        let ice = IceCredentials {
            ufrag: short(value("a=ice-ufrag:")).ok_or(AnswerError("ufrag"))?,
            password: short(value("a=ice-pwd:")).ok_or(AnswerError("password"))?,
        };
        let sections = text.split("\nm=").skip(1).map(Answered::read).collect();
        Ok(Self { candidates, ice, fingerprint, sections })
    }
}

impl Answered {
    fn read(section: &str) -> Self {
        let values =
            |key: &'static str| section.lines().filter_map(move |line| line.strip_prefix(key));
        let number = |text: &str| text.parse().ok().map(Ssrc);
        let ssrc = values("a=ssrc:").find_map(|text| number(text.split(' ').next()?));
        let rtx = values("a=ssrc-group:FID ").find_map(|text| number(text.split(' ').nth(1)?));
        let uri = Extension::TransportSequence.uri();
        let transport_wide = values("a=extmap:").any(|text| text.trim_end().ends_with(uri));
        Self { ssrc, rtx, transport_wide }
    }
}

/// `a=candidate:1 1 udp 2130706431 127.0.0.1 3478 typ host`.
fn candidate(line: &str) -> Option<SocketAddr> {
    let mut words = line.strip_prefix("a=candidate:")?.split_whitespace().skip(2);
    let is_udp = words.next()?.eq_ignore_ascii_case("udp");
    let ip = words.nth(1)?.parse().ok()?;
    let port = words.next()?.parse().ok()?;
    is_udp.then_some(SocketAddr::new(ip, port))
}

fn short<const MOST: usize>(text: Option<&str>) -> Option<ArrayString<MOST>> {
    ArrayString::from(text?.trim()).ok()
}

const VIDEO: &str = "a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 transport-cc\r\na=rtcp-fb:96 ccm fir\r\n\
    a=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n";

/// Payload types of every offer.
pub const OPUS: u8 = 111;
/// Of pictures.
pub const VP8: u8 = 96;
/// Of retransmitted pictures.
pub const RTX: u8 = 97;

/// Header extensions of every offer, with their ids.
pub const EXTENSIONS: [(Extension, u8); 5] = [
    (Extension::AudioLevel, LEVEL),
    (Extension::TransportSequence, TRANSPORT_SEQUENCE),
    (Extension::Mid, MID),
    (Extension::Rid, RID),
    (Extension::RepairedRid, REPAIRED_RID),
];

/// Ids as Chromium chooses them.
pub const LEVEL: u8 = 1;
/// The number of transport-wide feedback.
pub const TRANSPORT_SEQUENCE: u8 = 3;
/// The m-line.
pub const MID: u8 = 4;
/// The encoding.
pub const RID: u8 = 10;
/// The encoding that is repaired.
pub const REPAIRED_RID: u8 = 11;

#[cfg(test)]
#[path = "offer_tests.rs"]
mod tests;
