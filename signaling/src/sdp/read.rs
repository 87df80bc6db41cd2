//! An offer, read: the tree that `rtc-sdp` parses becomes types, and what breaks a rule a typed refusal.

use std::collections::BTreeSet;
use std::io::Cursor;

use arrayvec::ArrayString;
use rtc_sdp::description::media::MediaDescription;
use rtc_sdp::description::session::SessionDescription;
use sfu::command::{DtlsRole, IceCredentials};
use sfu::transport::dtls::Fingerprint;

use super::section::{Section, value};
use super::{LINE_SHOWN_MAX, SDP_BYTES_MAX, SECTIONS_MAX, SdpError};

/// A client's offer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Offer {
    /// The session id of its origin line: another one is another peer connection.
    pub session: u64,
    /// The client's ICE credentials.
    pub ice: IceCredentials,
    /// SHA-256 of the client's certificate.
    pub fingerprint: Fingerprint,
    /// Our side of the handshake, as its `a=setup` leaves it to us.
    pub role: DtlsRole,
    /// Whether one-byte and two-byte header extensions may be mixed; answered alike.
    pub mixed_extensions: bool,
    /// Its m-lines, in order.
    pub sections: Vec<Section>,
}

impl Offer {
    /// Reads an offer.
    ///
    /// # Errors
    /// Where it is too long, no SDP, lacks a line without which there is no answer, or breaks a rule: the client's fault.
    pub fn read(text: &str) -> Result<Self, SdpError> {
        if text.len() > SDP_BYTES_MAX {
            return Err(SdpError::TooLong);
        }
        // A bare carriage return would survive the line splitting and come back in our answer.
        if text.replace("\r\n", "\n").contains(|c: char| c.is_control() && c != '\n') {
            return Err(SdpError::Syntax("a control character".to_owned()));
        }
        let tree =
            SessionDescription::unmarshal(&mut Cursor::new(text.as_bytes())).map_err(|error| {
                SdpError::Syntax(error.to_string().chars().take(LINE_SHOWN_MAX).collect())
            })?;
        Self::from_tree(&tree)
    }

    fn from_tree(tree: &SessionDescription) -> Result<Self, SdpError> {
        if tree.media_descriptions.len() > SECTIONS_MAX {
            return Err(SdpError::TooMany { what: "m-lines", bound: SECTIONS_MAX });
        }
        if tree.has_attribute("ice-lite") {
            return Err(SdpError::line("two ICE-lite sides never connect", "a=ice-lite"));
        }
        let bundle: Vec<&str> = tree
            .attributes
            .iter()
            .filter(|attribute| attribute.key == "group")
            .find_map(|attribute| attribute.value.as_deref()?.strip_prefix("BUNDLE"))
            .ok_or(SdpError::Missing("a=group:BUNDLE"))?
            .split_whitespace()
            .collect();
        let transport = Transport::new(tree, bundle.first().copied());
        let mut mids = BTreeSet::new();
        let mut sections = Vec::with_capacity(tree.media_descriptions.len());
        for (place, description) in tree.media_descriptions.iter().enumerate() {
            let section = Section::read(place, description, tree, &bundle)?;
            let mid = section.mid.0.as_str();
            if !mid.is_empty() && !mids.insert(mid.to_owned()) {
                return Err(SdpError::section(&section.mid, "the mid occurs twice"));
            }
            sections.push(section);
        }
        one_owner_each(&sections)?;
        Ok(Self {
            session: tree.origin.session_id,
            ice: transport.ice()?,
            fingerprint: transport.fingerprint()?,
            role: transport.role()?,
            mixed_extensions: tree.has_attribute("extmap-allow-mixed")
                || tree.media_descriptions.iter().any(|m| m.has_attribute("extmap-allow-mixed")),
            sections,
        })
    }
}

/// Refuses an SSRC that two m-lines name: its packets would have two owners.
fn one_owner_each(sections: &[Section]) -> Result<(), SdpError> {
    let mut seen = BTreeSet::new();
    for section in sections {
        for ssrc in section.rtp.iter().flat_map(|rtp| &rtp.ssrcs) {
            if !seen.insert(*ssrc) {
                return Err(SdpError::section(&section.mid, "an a=ssrc that another m-line has"));
            }
        }
    }
    Ok(())
}

/// Where transport attributes are looked up: in the m-line that leads the bundle, then for the session, then anywhere
/// (RFC 8843, section 7.1.3).
struct Transport<'a> {
    tree: &'a SessionDescription,
    leader: Option<&'a MediaDescription>,
}

impl<'a> Transport<'a> {
    fn new(tree: &'a SessionDescription, leader: Option<&str>) -> Self {
        let leader = leader.and_then(|leader| {
            tree.media_descriptions
                .iter()
                .find(|description| value(description, "mid") == Some(leader))
        });
        Self { tree, leader }
    }

    /// All values of `key`, the most binding first.
    fn values<'k>(&self, key: &'k str) -> impl Iterator<Item = &'a str> + use<'a, 'k> {
        let leading = self.leader.into_iter().flat_map(|leader| &leader.attributes);
        let others =
            self.tree.media_descriptions.iter().flat_map(|description| &description.attributes);
        leading
            .chain(&self.tree.attributes)
            .chain(others)
            .filter(move |attribute| attribute.key == key)
            .filter_map(|attribute| attribute.value.as_deref())
    }

    fn ice(&self) -> Result<IceCredentials, SdpError> {
        let ufrag = self.values("ice-ufrag").next().ok_or(SdpError::Missing("a=ice-ufrag"))?;
        let password = self.values("ice-pwd").next().ok_or(SdpError::Missing("a=ice-pwd"))?;
        ice_credentials(ufrag, password)
    }

    fn fingerprint(&self) -> Result<Fingerprint, SdpError> {
        let missing = SdpError::Missing("a=fingerprint");
        let first = self.values("fingerprint").next().ok_or(missing)?;
        let sha_256 = |line: &'a str| {
            let (algorithm, digest) = line.split_once(' ')?;
            algorithm.eq_ignore_ascii_case("sha-256").then(|| digest.trim())
        };
        let digest = self.values("fingerprint").find_map(sha_256).ok_or_else(|| {
            SdpError::line("only sha-256 is compared", format!("a=fingerprint:{first}"))
        })?;
        let wrong = || {
            SdpError::line(
                "32 bytes in hexadecimal, with colons",
                format!("a=fingerprint:sha-256 {digest}"),
            )
        };
        let mut bytes = [0; 32];
        let mut pairs = digest.split(':');
        for byte in &mut bytes {
            let pair = pairs.next().filter(|pair| pair.len() == 2).ok_or_else(wrong)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
        }
        if pairs.next().is_some() { Err(wrong()) } else { Ok(Fingerprint(bytes)) }
    }

    fn role(&self) -> Result<DtlsRole, SdpError> {
        match self.values("setup").next().ok_or(SdpError::Missing("a=setup"))? {
            "actpass" | "active" => Ok(DtlsRole::Server),
            "passive" => Ok(DtlsRole::Client),
            other => Err(SdpError::line("actpass, active or passive", format!("a=setup:{other}"))),
        }
    }
}

/// A client's ICE credentials.
///
/// # Errors
/// [`SdpError::Line`] outside of their bounds: the client's fault.
pub(crate) fn ice_credentials(ufrag: &str, password: &str) -> Result<IceCredentials, SdpError> {
    Ok(IceCredentials {
        ufrag: ice_text(ufrag, 4).ok_or_else(|| {
            SdpError::line(
                "4 to 32 printable characters without a colon",
                format!("a=ice-ufrag:{ufrag}"),
            )
        })?,
        password: ice_text(password, 22).ok_or_else(|| {
            SdpError::line(
                "22 to 64 printable characters without a colon",
                format!("a=ice-pwd:{password}"),
            )
        })?,
    })
}

/// `text` where it has at least `least` characters, printable, and fits (RFC 8839, section 5.4, but for the characters).
fn ice_text<const MOST: usize>(text: &str, least: usize) -> Option<ArrayString<MOST>> {
    // Some native clients write '-' or '_', which changes nothing for us; a ':' would, since it parts the fragments in STUN's USERNAME.
    let harmless = text.chars().all(|c| c.is_ascii_graphic() && c != ':');
    if harmless && text.len() >= least { ArrayString::from(text).ok() } else { None }
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
