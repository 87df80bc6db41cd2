//! A datagram's way in: to the participant it belongs to, and on to the receivers' pacers.

use std::time::Instant;

use simulcast::SequenceNumber;
use slotmap::SlotMap;

use super::Shard;
use crate::channel::participant::{Participant, ParticipantKey};
use crate::demux::{Kind, classify};
use crate::drop::DropReason;
use crate::event::Event;
use crate::media::{MediaKind, SlotId};
use crate::net::batch::{Datagram, Path};
use crate::packet::header::Header;
use crate::packet::stun::BindingRequest;
use crate::publication::history::HistoryKey;
use crate::publication::streams::{Origin, Role};
use crate::publication::{Incoming, Publication, PublicationKey, Received};
use crate::subscription::forward::{Clocks, Course, Offered, Taken};
use crate::transport::Handshake;
use crate::transport::ice::Verdict;

impl Shard {
    pub(super) fn datagram(&mut self, now: Instant, datagram: Datagram<'_>) {
        let outcome = match classify(datagram.data) {
            Kind::Stun => self.stun(now, datagram.path, datagram.data),
            Kind::Dtls => self.dtls(now, datagram.path, datagram.data),
            Kind::Rtp => self.rtp(now, datagram),
            Kind::Rtcp => self.rtcp(now, datagram),
            Kind::Unknown => Err(DropReason::DatagramUnknown),
        };
        if let Err(reason) = outcome {
            self.counters.dropped.count(reason);
        }
    }

    fn stun(&mut self, now: Instant, path: Path, data: &[u8]) -> Result<(), DropReason> {
        let request = BindingRequest::parse(data)?;
        let key =
            request.username.and_then(|name| self.tables.participant_by_ufrag(name.addressed));
        let key = key.ok_or(DropReason::StunUnknownUfrag)?;
        let participant =
            self.tables.participants.get_mut(key).ok_or(DropReason::StunUnknownUfrag)?;
        let accepted = self.farewells.reply(path, |reply| {
            let Verdict { reply, result } =
                participant.transport.ice.handle_request(now, path, &request, reply);
            (reply, result)
        })?;
        self.counters.stun_answered.count();
        self.tables.note(key, path, &accepted);
        self.check_connected(now, key);
        self.touch(key);
        Ok(())
    }

    fn dtls(&mut self, now: Instant, path: Path, data: &[u8]) -> Result<(), DropReason> {
        let key = self.tables.participant_by_path(&path).ok_or(DropReason::DtlsUnknownPath)?;
        let participant =
            self.tables.participants.get_mut(key).ok_or(DropReason::DtlsUnknownPath)?;
        match participant.transport.handshake(now, data) {
            Ok(Handshake::Going) => {}
            Ok(Handshake::Secured) => {
                self.counters.handshakes.count(crate::metrics::Handshake::Completed);
                self.check_connected(now, key);
            }
            Err(reason) => self.lose(now, key, reason),
        }
        self.touch(key);
        Ok(())
    }

    fn check_connected(&mut self, now: Instant, key: ParticipantKey) {
        let Some(participant) = self.tables.participants.get_mut(key) else { return };
        if !participant.told.connected && participant.transport.is_connected() {
            participant.told.connected = true;
            participant.agenda.allocation = now;
            let id = participant.id;
            self.tell(Event::Connected(id));
        }
    }

    fn rtp(&mut self, now: Instant, datagram: Datagram<'_>) -> Result<(), DropReason> {
        let Datagram { path, arrival, data, .. } = datagram;
        let key = self.tables.participant_by_path(&path).ok_or(DropReason::RtpUnknownPath)?;
        let participant =
            self.tables.participants.get_mut(key).ok_or(DropReason::RtpUnknownPath)?;
        let (origin, incoming) = participant.open(arrival, data)?;
        self.touch(key);
        let Some(publication) = self.tables.publications.get_mut(origin.publication) else {
            return Err(DropReason::UnknownStream);
        };
        let kind = publication.spec.source.kind();
        self.counters.packets_received.count(kind);
        let received = publication.receive(now, &incoming)?;
        let Some(owner) = self.tables.participants.get(key) else {
            return Err(DropReason::UnknownStream);
        };
        if !owner.has_on(publication.spec.source)
            || !publication.spec.active
            || publication.silenced
        {
            return Err(DropReason::Muted);
        }
        if !publication.live {
            self.go_live(now, key, origin);
        }
        match received {
            Received::Packet { key: history, late } => {
                self.forward(now, key, origin, history, late);
            }
            Received::Padding { index } => self.skip(origin, index),
        }
        if kind == MediaKind::Audio {
            self.hear(now, key, origin, &incoming);
        }
        Ok(())
    }

    /// The first packet of a publication, or the first after it was switched off: now it takes slots.
    fn go_live(&mut self, now: Instant, key: ParticipantKey, origin: Origin) {
        let Some(publication) = self.tables.publications.get_mut(origin.publication) else {
            return;
        };
        publication.live = true;
        let (id, source) = (publication.spec.id, publication.spec.source);
        let Some(participant) = self.tables.participants.get(key) else { return };
        let (owner, channel) = (participant.id, participant.channel);
        self.tell(Event::Publishing(owner, id));
        // Voices are chosen by what is heard of them, pictures by being there.
        if source.kind() == MediaKind::Video {
            self.seat(now, channel);
        }
    }

    /// Takes a packet's loudness in, and chooses the voices anew when that is due.
    fn hear(&mut self, now: Instant, key: ParticipantKey, origin: Origin, incoming: &Incoming<'_>) {
        let Some(participant) = self.tables.participants.get(key) else { return };
        let key = participant.channel;
        let Some(channel) = self.tables.channels.get_mut(key) else { return };
        let level = incoming.extensions.audio_level.map(|level| level & 0x7f);
        channel.speakers.heard(now, origin.publication, level, incoming.payload.len());
        if channel.is_choice_due(now) {
            self.reseat_voices(now, key);
            self.tell_speakers(now, key);
        }
    }

    /// Offers a packet of `key`'s to all who subscribe to it; `late` tells that later ones are here already.
    fn forward(
        &mut self,
        now: Instant,
        key: ParticipantKey,
        origin: Origin,
        history: HistoryKey,
        late: bool,
    ) {
        let (Some(publication), Some(owner)) =
            (self.tables.publications.get(origin.publication), self.tables.participants.get(key))
        else {
            return;
        };
        let (start, start_ntp) = (self.config.start, self.config.start_ntp);
        let clocks = Clocks { start, start_ntp, publisher: owner.clock };
        let source = (origin.publication, publication);
        let Some(offered) = Offered::new(source, history, &clocks) else { return };
        for subscriber in publication.subscribers() {
            let receiver = self.tables.participants.get_mut(subscriber.participant);
            let Some(receiver) = receiver else { continue };
            match receiver.offer(now, subscriber.slot, &offered) {
                Ok(course) => {
                    self.touched.insert(subscriber.participant);
                    if late && course == Course::Switched {
                        let caught_up =
                            receiver.catch_up(now, subscriber.slot, source, &offered, &clocks);
                        caught_up.unwrap_or_else(|reason| self.counters.dropped.count(reason));
                    }
                }
                Err(reason) => self.counters.dropped.count(reason),
            }
        }
    }

    fn skip(&mut self, origin: Origin, index: u64) {
        let Some(publication) = self.tables.publications.get(origin.publication) else { return };
        skip_at_all(publication, &mut self.tables.participants, origin.encoding, index);
    }
}

fn skip_at_all(
    publication: &Publication,
    participants: &mut SlotMap<ParticipantKey, Participant>,
    encoding: u8,
    index: u64,
) {
    for subscriber in publication.subscribers() {
        if let Some(slot) =
            participants.get_mut(subscriber.participant).and_then(|it| it.slot(subscriber.slot))
        {
            slot.skip(encoding, index);
        }
    }
}

impl Participant {
    /// Opens an RTP packet in place and finds out whose it is.
    fn open<'a>(
        &mut self,
        arrival: Instant,
        data: &'a mut [u8],
    ) -> Result<(Origin, Incoming<'a>), DropReason> {
        let header = Header::parse(data)?;
        let end = self.transport.open_rtp(&header, data)?;
        let packet = data.get(..end).ok_or(DropReason::RtpMalformed)?;
        let extensions = self.streams.extension_ids().read(&header, packet);
        if let Some(sequence) = extensions.transport_sequence {
            self.transport.arrivals.record(SequenceNumber(sequence), arrival);
        }
        let origin = self.streams.origin(&header, &extensions).ok_or(DropReason::UnknownStream)?;
        let payload = packet.get(header.length..).unwrap_or_default();
        let payload = payload.get(..header.payload_length(packet)?).unwrap_or_default();
        let media = Incoming {
            encoding: origin.encoding,
            ssrc: header.ssrc,
            sequence: header.sequence,
            timestamp: header.timestamp,
            payload_type: header.payload_type,
            marker: header.marker,
            payload,
            extensions,
            retransmitted: false,
            arrival,
        };
        match origin.role {
            Role::Media => {
                self.transport.heard.get_or_insert(header.ssrc);
                Ok((origin, media))
            }
            Role::Retransmission { of } => Ok((origin, self.streams.restore(&media, of, origin)?)),
        }
    }

    /// Offers a packet to a slot and queues it where the slot takes it.
    fn offer(
        &mut self,
        now: Instant,
        slot: SlotId,
        offered: &Offered,
    ) -> Result<Course, DropReason> {
        if !self.told.connected {
            return Err(DropReason::ReceiverNotConnected);
        }
        let Taken { outgoing, course } =
            self.slot(slot).ok_or(DropReason::SlotChanged)?.offer(offered)?;
        let size = offered.length + PACKET_OVERHEAD;
        let queued = self.transport.pacer.push(now, offered.class, size, outgoing);
        queued.map(|()| course).map_err(|_| DropReason::PacerFull)
    }

    /// Offers a slot what follows `first` and came before it: the rest of the keyframe that `first` begins, which was
    /// refused until now. So a packet that is overtaken, or resent, on its way to us does not cost a picture.
    #[cold]
    fn catch_up(
        &mut self,
        now: Instant,
        slot: SlotId,
        source: (PublicationKey, &Publication),
        first: &Offered,
        clocks: &Clocks,
    ) -> Result<(), DropReason> {
        for key in source.1.history.following(first.encoding, first.index) {
            if let Some(next) = Offered::new(source, key, clocks) {
                self.offer(now, slot, &next)?;
            }
        }
        Ok(())
    }
}

/// RTP header with extensions and CSRC (about 36) and the cipher's tag (16): near enough for pacing.
const PACKET_OVERHEAD: usize = 52;
