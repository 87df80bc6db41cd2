//! From an offer to an answer: what becomes a publication, what a slot, and what both sides keep over the session.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use arrayvec::ArrayString;
use sfu::command::IceCredentials;
use sfu::media::{
    Feedback, MediaKind, Mid, PayloadMap, PayloadType, PublicationId, PublicationSpec, SlotId,
    SlotSpec, Source, Ssrc,
};
use sfu::packet::extension::{Extension, ExtensionIds};
use sfu::transport::dtls::Fingerprint;

use super::format::Carries;
use super::preference::Preference;
use super::read::Offer;
use super::section::{OfferedExtension, Payload, Rtp, Section};
use super::write::{Accepted, Answer, AnswerSection, Body, Stream};
use super::{Direction, SdpError};
use crate::draw::Draw;
use crate::token::grant::MediaGrant;

/// What the client says beside its offer about a send m-line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Track {
    /// Which m-line.
    pub mid: String,
    /// What it shows or lets hear.
    pub source: Source,
}

/// What the server brings to every answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Policy {
    /// The addresses of the shard, the preferred first.
    pub candidates: Vec<SocketAddr>,
    /// Of the server's certificate.
    pub fingerprint: Fingerprint,
    /// Which media clients are to send.
    pub preference: Preference,
}

/// What the answers of a connection have fixed so far.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Agreed {
    /// Session id of our descriptions.
    session: u64,
    /// Answers given.
    version: u64,
    /// Our ICE credentials; new ones with each ICE restart.
    pub local: IceCredentials,
    /// The CNAME of our sender reports.
    pub cname: ArrayString<16>,
    /// Which media may be sent and received: what may not is answered as inactive.
    pub granted: MediaGrant,
    /// The offer's side, once there was one.
    pub remote: Option<Remote>,
    publications: Vec<Published>,
    slots: Vec<Reserved>,
    /// How many slots of either kind there ever were: their pair's number.
    audio: u8,
    video: u8,
}

/// By what a later offer shows that it is of the same connection, and whether it restarts ICE.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Remote {
    /// Session id of the client's descriptions.
    pub session: u64,
    /// Of the client's certificate.
    pub fingerprint: Fingerprint,
    /// The client's ICE credentials.
    pub ice: IceCredentials,
}

/// A send m-line's id and source.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Published {
    mid: Mid,
    id: PublicationId,
    source: Source,
}

/// A receive m-line's number and SSRCs, drawn once.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Reserved {
    mid: Mid,
    kind: MediaKind,
    id: SlotId,
    ssrc: Ssrc,
    rtx: Ssrc,
    pair: u8,
}

/// An answered offer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Negotiated {
    /// For the media plane, in the order of the m-lines.
    pub publications: Vec<PublicationSpec>,
    /// For the media plane, in the order of the m-lines.
    pub slots: Vec<SlotSpec>,
    /// For the client.
    pub answer: Answer,
    /// What holds from here on.
    pub agreed: Agreed,
    /// Whether the offer restarts ICE: the client's credentials changed, and ours with them.
    pub restart: bool,
}

impl Agreed {
    /// Nothing yet but our own credentials and names.
    pub fn new(draw: &mut Draw) -> Self {
        Self {
            // Kept below 2⁶³, which some parsers read as signed (RFC 8829, section 5.2.1).
            session: draw.number() >> 1,
            version: 0,
            local: draw.ice_credentials(),
            cname: draw.cname(),
            granted: MediaGrant::ALL,
            remote: None,
            publications: Vec::new(),
            slots: Vec::new(),
            audio: 0,
            video: 0,
        }
    }

    /// Whether `offer` goes on with this connection: the same session with the same certificate.
    #[must_use]
    pub fn continues_with(&self, offer: &Offer) -> bool {
        self.remote.as_ref().is_some_and(|remote| {
            remote.session == offer.session && remote.fingerprint == offer.fingerprint
        })
    }

    /// The slot of an m-line.
    #[must_use]
    pub fn slot(&self, mid: &str) -> Option<SlotId> {
        self.slots.iter().find(|slot| slot.mid.0.as_str() == mid).map(|slot| slot.id)
    }

    /// The m-line of a slot.
    #[must_use]
    pub fn mid(&self, id: SlotId) -> Option<Mid> {
        self.slots.iter().find(|slot| slot.id == id).map(|slot| slot.mid)
    }

    /// The m-line of a track.
    #[must_use]
    pub fn mid_of(&self, id: PublicationId) -> Option<Mid> {
        let found = self.publications.iter().find(|publication| publication.id == id);
        found.map(|publication| publication.mid)
    }

    /// The track of an m-line.
    #[must_use]
    pub fn publication(&self, mid: &str) -> Option<PublicationId> {
        let found = self.publications.iter().find(|it| it.mid.0.as_str() == mid);
        found.map(|publication| publication.id)
    }

    /// How many receive m-lines of `kind` there are.
    #[must_use]
    pub fn slot_count(&self, kind: MediaKind) -> usize {
        self.slots.iter().filter(|slot| slot.kind == kind).count()
    }

    /// The ids of all send m-lines.
    pub fn publications(&self) -> impl Iterator<Item = PublicationId> {
        self.publications.iter().map(|publication| publication.id)
    }

    fn published(&self, mid: Mid, kind: MediaKind) -> Option<&Published> {
        self.publications
            .iter()
            .find(|publication| publication.mid == mid && publication.source.kind() == kind)
    }

    fn reserved(&self, mid: Mid, kind: MediaKind) -> Option<&Reserved> {
        self.slots.iter().find(|slot| slot.mid == mid && slot.kind == kind)
    }
}

/// Answers `offer`.
///
/// `taken` holds the numbers in use as publications of the channel. A `sendrecv` m-line counts as `sendonly`: what it would
/// receive needs a slot of its own. An `inactive` m-line is a publication at rest where `tracks` names it or it sent before. For
/// audio, transport-wide feedback is accepted only beside video: of a transport that carries only sound nothing is estimated.
///
/// # Errors
/// Where `tracks` contradicts the offer, nothing can be carried, or the connection has used up its slots: the client's fault.
pub fn negotiate(
    offer: &Offer,
    tracks: &[Track],
    policy: &Policy,
    agreed: &Agreed,
    mut taken: BTreeSet<u32>,
    draw: &mut Draw,
) -> Result<Negotiated, SdpError> {
    check_tracks(offer, tracks)?;
    let restart = agreed.remote.as_ref().is_some_and(|remote| remote.ice != offer.ice);
    let offered = offer.sections.iter().filter_map(|section| section.rtp.as_ref());
    taken.extend(offered.clone().flat_map(|rtp| &rtp.ssrcs).map(|ssrc| ssrc.0));
    taken.extend(agreed.slots.iter().flat_map(|slot| [slot.ssrc.0, slot.rtx.0]));
    taken.extend(agreed.publications().map(|id| id.0));
    let pictures =
        offered.clone().any(|rtp| rtp.kind == MediaKind::Video && !rtp.payloads.is_empty());
    let mut round = Round {
        tracks,
        preference: &policy.preference,
        pictures,
        before: agreed,
        next: Agreed {
            version: agreed.version.saturating_add(1),
            local: if restart { draw.ice_credentials() } else { agreed.local.clone() },
            remote: Some(Remote {
                session: offer.session,
                fingerprint: offer.fingerprint,
                ice: offer.ice.clone(),
            }),
            publications: Vec::new(),
            slots: Vec::new(),
            ..agreed.clone()
        },
        taken,
        draw,
        publications: Vec::new(),
        slots: Vec::new(),
    };
    let sections = offer
        .sections
        .iter()
        .map(|section| round.answer(section))
        .collect::<Result<Vec<_>, _>>()?;
    if sections.iter().all(|section| matches!(section.body, Body::Rejected(_))) {
        return Err(SdpError::NothingToCarry);
    }
    let Round { next, publications, slots, .. } = round;
    let answer = Answer {
        session: next.session,
        version: next.version,
        ice: next.local.clone(),
        fingerprint: policy.fingerprint,
        role: offer.role,
        candidates: policy.candidates.clone(),
        mixed_extensions: offer.mixed_extensions,
        sections,
    };
    Ok(Negotiated { publications, slots, answer, agreed: next, restart })
}

/// Each entry of `tracks` must name one audio or video m-line of its kind, once.
fn check_tracks(offer: &Offer, tracks: &[Track]) -> Result<(), SdpError> {
    for (place, track) in tracks.iter().enumerate() {
        let wrong = |rule| Err(SdpError::Track { mid: track.mid.chars().take(16).collect(), rule });
        let section = offer.sections.iter().find(|section| section.mid.0.as_str() == track.mid);
        let Some(section) = section.filter(|_| !track.mid.is_empty()) else {
            return wrong("is no m-line of the offer");
        };
        if tracks.iter().skip(place + 1).any(|other| other.mid == track.mid) {
            return wrong("occurs twice");
        }
        let Some(rtp) = &section.rtp else { continue };
        if rtp.kind != track.source.kind() {
            return wrong(
                "is of the other kind: microphone and screen_sound are audio, camera and screen video",
            );
        }
        if rtp.direction == Direction::ReceiveOnly {
            return wrong("does not send");
        }
    }
    Ok(())
}

/// One offer being answered.
struct Round<'a> {
    tracks: &'a [Track],
    preference: &'a Preference,
    pictures: bool,
    before: &'a Agreed,
    next: Agreed,
    taken: BTreeSet<u32>,
    draw: &'a mut Draw,
    publications: Vec<PublicationSpec>,
    slots: Vec<SlotSpec>,
}

/// What an m-line is to us.
enum Part {
    Publication {
        active: bool,
    },
    Slot,
    /// Neither sends nor receives, and never did.
    Idle,
}

impl Round<'_> {
    fn answer(&mut self, section: &Section) -> Result<AnswerSection, SdpError> {
        let accepted = section.rtp.as_ref().map(|rtp| self.preference.accepted(&rtp.payloads));
        let carried = accepted.filter(|payloads| {
            payloads.iter().any(|payload| matches!(payload.carries, Carries::Media(_)))
        });
        let body = match (&section.rtp, carried) {
            (Some(rtp), Some(payloads)) => {
                Body::Accepted(Box::new(self.accept(section.mid, rtp, payloads)?))
            }
            (Some(_) | None, _) => Body::Rejected(section.formats.clone()),
        };
        Ok(AnswerSection {
            media: section.media.clone(),
            protocol: section.protocol.clone(),
            mid: section.mid,
            body,
        })
    }

    fn part(&self, mid: Mid, rtp: &Rtp) -> Part {
        let granted = self.before.granted;
        if rtp.direction.sends() {
            let may = granted.may_send(self.source(mid, rtp.kind));
            if may { Part::Publication { active: true } } else { Part::Idle }
        } else if rtp.direction.receives() {
            if granted.subscribe { Part::Slot } else { Part::Idle }
        } else if self.track(mid).is_some() || self.before.published(mid, rtp.kind).is_some() {
            Part::Publication { active: false }
        } else {
            Part::Idle
        }
    }

    fn accept(
        &mut self,
        mid: Mid,
        rtp: &Rtp,
        payloads: Vec<Payload>,
    ) -> Result<Accepted, SdpError> {
        let part = self.part(mid, rtp);
        let transport_wide = rtp.kind == MediaKind::Video || self.pictures;
        let mut accepted = Accepted {
            direction: Direction::Inactive,
            payloads,
            extensions: rtp.extensions.clone(),
            rids: Vec::new(),
            simulcast: rtp.simulcast,
            reduced_size: rtp.reduced_size,
            stream: None,
        };
        accepted.extensions.retain(|offered| {
            let direction = offered.direction.unwrap_or(Direction::SendReceive);
            let useful = match part {
                Part::Publication { .. } => direction.sends(),
                Part::Slot => direction.receives(),
                Part::Idle => true,
            };
            useful && (transport_wide || offered.extension != Extension::TransportSequence)
        });
        let transport_wide = accepted
            .extensions
            .iter()
            .any(|offered| offered.extension == Extension::TransportSequence);
        for payload in &mut accepted.payloads {
            payload.feedback.transport_wide &= transport_wide;
        }
        match part {
            Part::Publication { active } => self.publish(mid, rtp, active, &mut accepted),
            Part::Slot => self.reserve(mid, rtp, &mut accepted)?,
            // A slot at rest keeps its number and SSRCs.
            Part::Idle => self.next.slots.extend(self.before.reserved(mid, rtp.kind).cloned()),
        }
        Ok(accepted)
    }

    fn track(&self, mid: Mid) -> Option<Source> {
        self.tracks.iter().find(|track| track.mid == mid.0.as_str()).map(|track| track.source)
    }

    /// What an m-line is: as told, as told before, or by its kind.
    fn source(&self, mid: Mid, kind: MediaKind) -> Source {
        let earlier = self.before.published(mid, kind).map(|earlier| earlier.source);
        self.track(mid).or(earlier).unwrap_or(match kind {
            MediaKind::Audio => Source::Microphone,
            MediaKind::Video => Source::Camera,
        })
    }

    fn publish(&mut self, mid: Mid, rtp: &Rtp, active: bool, accepted: &mut Accepted) {
        let earlier = self.before.published(mid, rtp.kind);
        let source = self.source(mid, rtp.kind);
        self.preference.declare(rtp.kind, &mut accepted.payloads);
        let id = match earlier {
            Some(earlier) => earlier.id,
            None => PublicationId(self.draw.identifier(&mut self.taken)),
        };
        self.next.publications.push(Published { mid, id, source });
        if active {
            accepted.direction = Direction::ReceiveOnly;
        }
        accepted.rids = rtp.encodings.iter().filter_map(|encoding| encoding.rid).collect();
        self.publications.push(PublicationSpec {
            id,
            source,
            mid,
            payloads: payload_maps(&accepted.payloads),
            extensions: extension_ids(&accepted.extensions),
            encodings: rtp.encodings.clone(),
            feedback: feedback(&accepted.payloads),
            active,
        });
    }

    fn reserve(&mut self, mid: Mid, rtp: &Rtp, accepted: &mut Accepted) -> Result<(), SdpError> {
        let slot = match self.before.reserved(mid, rtp.kind) {
            Some(slot) => slot.clone(),
            None => self.draw_slot(mid, rtp.kind)?,
        };
        let payloads = payload_maps(&accepted.payloads);
        let rtx = payloads.iter().any(|payload| payload.rtx.is_some()).then_some(slot.rtx);
        accepted.direction = Direction::SendOnly;
        accepted.stream = Some(Stream {
            kind: rtp.kind,
            ssrc: slot.ssrc,
            rtx,
            pair: slot.pair,
            cname: self.next.cname,
        });
        self.slots.push(SlotSpec {
            id: slot.id,
            kind: rtp.kind,
            mid,
            ssrc: slot.ssrc,
            rtx,
            payloads,
            extensions: extension_ids(&accepted.extensions),
            pair: slot.pair,
            feedback: feedback(&accepted.payloads),
        });
        self.next.slots.push(slot);
        Ok(())
    }

    /// A slot that never was: its number is one above all before, so that a number keeps its SSRC for ever.
    fn draw_slot(&mut self, mid: Mid, kind: MediaKind) -> Result<Reserved, SdpError> {
        let number = self.next.audio.checked_add(self.next.video).ok_or(SdpError::SlotsUsedUp)?;
        let of_kind = match kind {
            MediaKind::Audio => &mut self.next.audio,
            MediaKind::Video => &mut self.next.video,
        };
        let pair = *of_kind;
        *of_kind = of_kind.checked_add(1).ok_or(SdpError::SlotsUsedUp)?;
        Ok(Reserved {
            mid,
            kind,
            id: SlotId(number),
            ssrc: Ssrc(self.draw.identifier(&mut self.taken)),
            rtx: Ssrc(self.draw.identifier(&mut self.taken)),
            pair,
        })
    }
}

fn payload_maps(payloads: &[Payload]) -> Vec<PayloadMap> {
    let repair_of = |original: PayloadType| {
        payloads
            .iter()
            .find(|payload| payload.carries == Carries::Retransmission(original))
            .map(|payload| payload.number)
    };
    payloads
        .iter()
        .filter_map(|payload| match payload.carries {
            Carries::Media(format) => Some(PayloadMap {
                payload_type: payload.number,
                format,
                rtx: repair_of(payload.number),
            }),
            Carries::Retransmission(_) => None,
        })
        .collect()
}

fn extension_ids(extensions: &[OfferedExtension]) -> ExtensionIds {
    extensions
        .iter()
        .fold(ExtensionIds::default(), |ids, offered| ids.with(offered.extension, offered.id))
}

/// What any codec of the m-line promises: browsers write the same for all of them.
fn feedback(payloads: &[Payload]) -> Feedback {
    payloads.iter().fold(Feedback::default(), |all, payload| {
        let Feedback { nack, pli, fir, transport_wide, remb } = payload.feedback;
        Feedback {
            nack: all.nack | nack,
            pli: all.pli | pli,
            fir: all.fir | fir,
            transport_wide: all.transport_wide | transport_wide,
            remb: all.remb | remb,
        }
    })
}

#[cfg(test)]
#[path = "negotiate_tests.rs"]
mod tests;
