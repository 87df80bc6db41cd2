//! All that a participant publishes.

use std::sync::Arc;
use std::time::Instant;

use arrayvec::ArrayVec;
use sfu::media::{MediaKind, Ssrc};
use sfu::net::batch::{Path, SendBatch};
use sfu::packet::feedback;
use sfu::transport::srtp::Sealer;
use simulcast::SequenceNumber;

use super::offer::{self, Answer};
use super::player::{Outlet, Player, Stream};
use super::track::Track;

/// The streams of a participant.
#[derive(Debug)]
pub(super) struct Uplink {
    tracks: Vec<Track>,
    /// Of the first stream; the others follow.
    first: Ssrc,
    /// None before there are keys. They stay when they stop: a key must never seal two packets under one number.
    players: Vec<Player>,
    plays: bool,
    transport_sequence: Option<u16>,
    /// Packets played so far, those that were sent again not counted: sound, pictures.
    played: (u64, u64),
    /// What the server asked for again.
    resends: Vec<(Ssrc, SequenceNumber)>,
}

impl Uplink {
    /// Publishes `tracks`, which are the first m-lines of the offer, under SSRCs from `first` on.
    pub(super) fn new(tracks: Vec<Track>, answer: &Answer, first: Ssrc) -> Self {
        let transport_wide =
            answer.sections.iter().take(tracks.len()).any(|one| one.transport_wide);
        let transport_sequence = transport_wide.then_some(0);
        Self {
            tracks,
            first,
            players: Vec::new(),
            plays: false,
            transport_sequence,
            played: (0, 0),
            resends: Vec::new(),
        }
    }

    /// Begins to play everything at `now`.
    pub(super) fn start(&mut self, now: Instant) {
        self.plays = true;
        if !self.players.is_empty() {
            self.players.iter_mut().for_each(|player| player.resume(now));
            return;
        }
        let mut ssrc = self.first.0;
        for (mid, track) in self.tracks.iter().enumerate() {
            let rids = track.rids();
            let rids = rids.iter().copied().map(Some).chain(std::iter::repeat(None));
            for (layer, rid) in track.layers.iter().zip(rids) {
                let names = |id| names(mid, rid.map(|rid| (id, rid)));
                let (payload_type, repaired) = match track.kind() {
                    MediaKind::Audio => (offer::OPUS, None),
                    MediaKind::Video => (offer::VP8, Some(offer::RTX)),
                };
                let ours =
                    Stream { ssrc: Ssrc(ssrc), payload_type, names: names(offer::RID), index: 0 };
                let repair = repaired.map(|payload_type| Stream {
                    ssrc: Ssrc(ssrc.wrapping_add(1)),
                    payload_type,
                    names: names(offer::REPAIRED_RID),
                    index: 0,
                });
                self.players.push(Player::new(Arc::clone(layer), now, ours, repair));
                ssrc = ssrc.wrapping_add(2);
            }
        }
    }

    /// Ends everything that is played.
    pub(super) const fn stop(&mut self) {
        self.plays = false;
    }

    /// Packets played so far, those that were sent again not counted: sound, pictures.
    pub(super) const fn played(&self) -> (u64, u64) {
        self.played
    }

    /// When [`Self::write`] has something to send.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.players.iter().filter(|_| self.plays).map(Player::deadline).min()
    }

    /// A keyframe of `ssrc` is asked for.
    pub(super) fn want_keyframe(&mut self, ssrc: Ssrc) {
        for player in self.players.iter_mut().filter(|player| player.ssrc() == ssrc) {
            player.want_keyframe();
        }
    }

    /// A packet of `ssrc` is asked for again; of more than [`RESENDS_MAX`] at a time the rest is forgotten.
    pub(super) fn want_again(&mut self, ssrc: Ssrc, number: SequenceNumber) {
        if self.resends.len() < RESENDS_MAX {
            self.resends.push((ssrc, number));
        }
    }

    /// Writes what is due, and what is asked for again, as far as there is room.
    pub(super) fn write(
        &mut self,
        (now, epoch): (Instant, Instant),
        sealer: &Sealer,
        path: Path,
        out: &mut SendBatch,
    ) {
        let mut outlet =
            Outlet { sealer, transport_sequence: self.transport_sequence.as_mut(), epoch, now };
        for player in self.players.iter_mut().filter(|_| self.plays) {
            while player.deadline() <= now && out.has_room() {
                let mut written = None;
                let _has_room = out.write(path, |room| {
                    written = player.write(&mut outlet, room);
                    written
                });
                if written.is_none() {
                    break;
                }
                match player.kind() {
                    MediaKind::Audio => self.played.0 += 1,
                    MediaKind::Video => self.played.1 += 1,
                }
            }
        }
        for (ssrc, number) in self.resends.drain(..) {
            let Some(player) = self.players.iter_mut().find(|player| player.ssrc() == ssrc) else {
                continue;
            };
            let _has_room = out.write(path, |room| player.resend(number, &mut outlet, room));
        }
    }

    /// Appends sender reports of all that is played.
    pub(super) fn report(&self, now: Instant, ntp: u64, out: &mut Vec<u8>) {
        for report in self.players.iter().filter_map(|player| player.report(now, ntp)) {
            feedback::write_sender_report(out, &report, "peer");
        }
    }
}

fn names(mid: usize, rid: Option<(u8, &str)>) -> ArrayVec<(u8, ArrayVec<u8, 16>), 2> {
    let bytes = |text: &str| text.bytes().take(16).collect();
    let mid = (offer::MID, bytes(&mid.to_string()));
    std::iter::once(mid).chain(rid.map(|(id, rid)| (id, bytes(rid)))).collect()
}

/// Packets to be sent again at a time: as many as two NACKs of the server name.
const RESENDS_MAX: usize = 512;
