//! An offer by HTTP: what WHIP and WHEP ask of it beyond what every offer must be, and the lines in which it is rewritten.

use sfu::command::{IceCredentials, Voice};
use sfu::media::MediaKind;

use super::problem::Problem;
use super::role::Role;
use crate::sdp::Direction;
use crate::sdp::format::Carries;
use crate::sdp::read::Offer;
use crate::sdp::section::{Rtp, Section};

/// A checked offer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Description {
    text: String,
    /// The client's side of the ICE session.
    pub(super) ice: IceCredentials,
    /// Its m-lines of audio.
    pub(super) audio: Vec<String>,
    /// Its m-lines of video.
    pub(super) video: Vec<String>,
    mids: Vec<String>,
}

impl Description {
    /// Reads an offer for `role`.
    ///
    /// # Errors
    /// [`Problem::Offer`] and [`Problem::Rule`]: the client's fault.
    pub(super) fn read(role: Role, text: &str) -> Result<Self, Problem> {
        let offer = Offer::read(text).map_err(Problem::Offer)?;
        match role {
            Role::Publish => check_published(&offer, text)?,
            Role::Play => check_played(&offer)?,
        }
        let text = match role {
            Role::Publish => text.to_owned(),
            Role::Play => received_only(text),
        };
        let of = |kind| {
            let named = offer.sections.iter().filter_map(move |section| {
                let rtp = section.rtp.as_ref()?;
                (rtp.kind == kind && is_carried(rtp)).then(|| name(section))
            });
            named.collect()
        };
        let (audio, video) = (of(MediaKind::Audio), of(MediaKind::Video));
        let mids = offer.sections.iter().map(name).collect();
        Ok(Self { text, ice: offer.ice, audio, video, mids })
    }

    /// The offer as the session takes it.
    pub(super) fn text(&self) -> String {
        self.text.clone()
    }

    /// What its sender has on: all that it sends. Whoever plays sends nothing.
    pub(super) const fn voice(&self, role: Role) -> Voice {
        match role {
            Role::Publish => Voice {
                muted: self.audio.is_empty(),
                camera: !self.video.is_empty(),
                ..Voice::SILENT
            },
            Role::Play => Voice::SILENT,
        }
    }

    /// Whether it has an m-line of this name.
    pub(super) fn has(&self, mid: &str) -> bool {
        self.mids.iter().any(|known| known == mid)
    }

    /// The same offer with other ICE credentials: what an ICE restart would have offered (RFC 9725, section 4.3.3).
    pub(super) fn restarted(&self, ice: &IceCredentials) -> Self {
        let mut text = String::with_capacity(self.text.len());
        for line in self.text.lines() {
            match line.split_once(':').map_or(line, |(attribute, _)| attribute) {
                "a=ice-ufrag" => text.push_str(&format!("a=ice-ufrag:{}", ice.ufrag)),
                "a=ice-pwd" => text.push_str(&format!("a=ice-pwd:{}", ice.password)),
                "a=candidate" | "a=end-of-candidates" => continue,
                _ => text.push_str(line),
            }
            text.push_str("\r\n");
        }
        Self { text, ice: ice.clone(), ..self.clone() }
    }
}

fn name(section: &Section) -> String {
    section.mid.0.as_str().to_owned()
}

fn is_carried(rtp: &Rtp) -> bool {
    rtp.payloads.iter().any(|payload| matches!(payload.carries, Carries::Media(_)))
}

/// At most one m-line of sound and one of pictures (RFC 9725, section 4.4.2), each sending (4.2), and each of them accepted: no answer
/// is half a success (4.4.3). Other m-lines, for data, are answered with port 0.
fn check_published(offer: &Offer, text: &str) -> Result<(), Problem> {
    let ports = text.lines().filter_map(|line| line.strip_prefix("m=")?.split(' ').nth(1));
    let mut seen = Vec::new();
    for (section, port) in offer.sections.iter().zip(ports) {
        let wrong = |rule: &str| Err(Problem::Rule(format!("m-line {}: {rule}", section.mid.0)));
        let Some(rtp) = &section.rtp else {
            let is_media = section.media == "audio" || section.media == "video";
            if is_media && port != "0" {
                return wrong("is outside of the bundle");
            }
            continue;
        };
        if !rtp.direction.sends() {
            return wrong("sendonly is asked for, or sendrecv");
        }
        if !is_carried(rtp) {
            return wrong("has no codec that Confab carries");
        }
        if seen.contains(&rtp.kind) {
            return wrong(
                "is the second of its kind: one of audio and one of video can be published",
            );
        }
        seen.push(rtp.kind);
    }
    Ok(())
}

/// Each m-line receives. One without a codec in common is answered with port 0: a player gets what it can play.
fn check_played(offer: &Offer) -> Result<(), Problem> {
    for section in &offer.sections {
        if section.rtp.as_ref().is_some_and(|rtp| !rtp.direction.receives()) {
            let mid = section.mid.0;
            return Err(Problem::Rule(format!("m-line {mid}: recvonly is asked for, or sendrecv")));
        }
    }
    Ok(())
}

/// `text` with each `sendrecv`, written or meant, as `recvonly`: what the player would send, nobody takes.
fn received_only(text: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    let mut said = true;
    for line in text.lines() {
        if line.starts_with("m=") {
            if !said {
                lines.push(RECEIVE_ONLY);
            }
            said = false;
        }
        let direction = line.strip_prefix("a=").and_then(Direction::named);
        said |= direction.is_some();
        lines.push(if direction == Some(Direction::SendReceive) { RECEIVE_ONLY } else { line });
    }
    if !said {
        lines.push(RECEIVE_ONLY);
    }
    lines.iter().flat_map(|line| [*line, "\r\n"]).collect()
}

const RECEIVE_ONLY: &str = "a=recvonly";

#[cfg(test)]
#[path = "description_tests.rs"]
pub(super) mod tests;
