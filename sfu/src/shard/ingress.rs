//! A datagram's way in: to the participant it belongs to, and on to the receivers' pacers.

use std::time::Instant;

use simulcast::SequenceNumber;
use slotmap::SlotMap;

use super::Shard;
use super::handshakes::Admission;
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
use crate::publication::{Feed, Incoming, Publication, PublicationKey, Received, Subscriber};
use crate::relay::message::Heard;
use crate::subscription::Subscription;
use crate::subscription::forward::{Clocks, Course, Offered, Taken};
use crate::transport::Handshake;
use crate::transport::ice::Verdict;
use crate::transport::pacer::PacerFull;

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
        if accepted.switched {
            participant.transport.bandwidth.route_changed(now);
            participant.follow_estimate(now);
        }
        self.tables.note(key, path, &accepted);
        self.check_connected(now, key);
        self.touch(key);
        Ok(())
    }

    fn dtls(&mut self, now: Instant, path: Path, data: &[u8]) -> Result<(), DropReason> {
        let key = self.tables.participant_by_path(&path).ok_or(DropReason::DtlsUnknownPath)?;
        match self.handshakes.admit(now, path, data) {
            Admission::Now => self.shake_hands(now, key, data),
            Admission::Later => Ok(()),
            Admission::Refused => Err(DropReason::DtlsTooMany),
        }
    }

    /// Carries out what had to wait in the turn before.
    pub(super) fn go_on_with_handshakes(&mut self, now: Instant) {
        while let Some((path, datagram)) = self.handshakes.next() {
            let known = self.tables.participant_by_path(&path).ok_or(DropReason::DtlsUnknownPath);
            let outcome = known.and_then(|key| self.shake_hands(now, key, &datagram));
            outcome.unwrap_or_else(|reason| self.counters.dropped.count(reason));
        }
    }

    fn shake_hands(
        &mut self,
        now: Instant,
        key: ParticipantKey,
        data: &[u8],
    ) -> Result<(), DropReason> {
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
            for slot in &participant.slots {
                if slot.subscription.as_ref().is_some_and(Subscription::is_carried) {
                    participant.awaits.begin(slot.spec.kind);
                }
            }
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
        self.take_in(now, origin.publication, &incoming)
    }

    /// A packet of a publication, received or mirrored: into its history, on to whoever subscribes to it here, and to
    /// the other shards where it is received here.
    pub(super) fn take_in(
        &mut self,
        now: Instant,
        key: PublicationKey,
        incoming: &Incoming<'_>,
    ) -> Result<(), DropReason> {
        let publication = self.tables.publications.get_mut(key).ok_or(DropReason::UnknownStream)?;
        let kind = publication.spec.source.kind();
        if let Feed::Received { .. } = publication.feed {
            self.counters.packets_received.count(kind);
        }
        let received = publication.receive(now, incoming)?;
        if let Feed::Received { from } = publication.feed {
            let owner = self.tables.participants.get(from).ok_or(DropReason::UnknownStream)?;
            let is_on = owner.has_on(publication.spec.source) && publication.spec.active;
            if !is_on || publication.silenced {
                return Err(DropReason::Muted);
            }
        }
        if !publication.live {
            self.go_live(now, key);
        }
        self.relay(key, incoming);
        match received {
            Received::Packet { key: history, late, explains } => {
                self.forward(now, key, history, late);
                if explains {
                    self.take_up(now, key, incoming.encoding);
                }
            }
            Received::Early => {}
            Received::Padding { index } => self.skip(key, incoming.encoding, index),
        }
        if kind == MediaKind::Audio {
            self.hear(now, key, incoming, incoming.payload.len());
        }
        Ok(())
    }

    /// How loud a packet of a mirrored voice is that nobody here hears.
    pub(super) fn take_note(
        &mut self,
        now: Instant,
        key: PublicationKey,
        heard: &Heard,
    ) -> Result<(), DropReason> {
        let publication = self.tables.publications.get_mut(key).ok_or(DropReason::UnknownStream)?;
        publication.pass(now, &heard.incoming, heard.payload)?;
        if !publication.live {
            self.go_live(now, key);
        }
        self.hear(now, key, &heard.incoming, heard.payload);
        Ok(())
    }

    /// Forwards packets of an encoding that had to wait for the one that tells their frames.
    #[cold]
    fn take_up(&mut self, now: Instant, key: PublicationKey, encoding: u8) {
        let Some(publication) = self.tables.publications.get_mut(key) else { return };
        for history in publication.take_up(encoding) {
            self.forward(now, key, history, true);
        }
    }

    /// The first packet of a publication, or the first after it was switched off: now it takes slots.
    fn go_live(&mut self, now: Instant, key: PublicationKey) {
        let Some(publication) = self.tables.publications.get_mut(key) else { return };
        publication.live = true;
        let (owner, channel, spec) = (publication.owner, publication.channel, &publication.spec);
        let (id, source) = (spec.id, spec.source);
        if let Feed::Received { .. } = publication.feed {
            self.tell(Event::Publishing(owner, id));
        }
        // Voices are chosen by what is heard of them, pictures by being there.
        if source.kind() == MediaKind::Video {
            self.seat(now, channel);
        }
    }

    /// Takes a packet's loudness in, and chooses the voices anew when that is due.
    fn hear(&mut self, now: Instant, key: PublicationKey, incoming: &Incoming<'_>, payload: usize) {
        let Some(publication) = self.tables.publications.get(key) else { return };
        let (voice, key) = (publication.voice(key), publication.channel);
        let Some(channel) = self.tables.channels.get_mut(key) else { return };
        let level = incoming.extensions.audio_level.map(|level| level & 0x7f);
        channel.speakers.heard(now, voice, level, payload);
        if channel.is_choice_due(now) {
            self.reseat_voices(now, key);
            self.tell_speakers(now, key);
        }
    }

    /// Offers a packet to all who subscribe to its publication; `late` tells that later ones are here already.
    fn forward(&mut self, now: Instant, key: PublicationKey, history: HistoryKey, late: bool) {
        let Some(publication) = self.tables.publications.get(key) else { return };
        let publisher = match publication.feed {
            Feed::Received { from } => self.tables.participants.get(from).map(|it| it.clock),
            Feed::Mirrored { clock, .. } => Some(clock),
        };
        let Some(publisher) = publisher else { return };
        let (start, start_ntp) = (self.config.start, self.config.start_ntp);
        let clocks = Clocks { start, start_ntp, publisher };
        let Some(offered) = Offered::new(publication, history, &clocks) else { return };
        let kind = publication.spec.source.kind();
        let subscribers = publication.subscribers();
        for (place, subscriber) in subscribers.iter().enumerate() {
            self.fetch_receivers(subscribers.get(place..).unwrap_or_default());
            let receiver = self.tables.participants.get_mut(subscriber.participant);
            let Some(receiver) = receiver else { continue };
            match receiver.offer(now, subscriber.slot, &offered) {
                Ok(course) => {
                    self.ready.insert(subscriber.participant);
                    if course == Course::Switched {
                        self.counters.switches.count(kind);
                    }
                    if late && course == Course::Switched {
                        let caught_up =
                            receiver.catch_up(now, subscriber.slot, publication, &offered, &clocks);
                        caught_up.unwrap_or_else(|reason| self.counters.dropped.count(reason));
                    }
                }
                Err(reason) => self.counters.dropped.count(reason),
            }
        }
    }

    /// Has the memory of those fetched who come soon in `subscribers`.
    fn fetch_receivers(&self, subscribers: &[Subscriber]) {
        let receiver = |place: usize| {
            let subscriber = subscribers.get(place)?;
            Some((self.tables.participants.get(subscriber.participant)?, subscriber.slot))
        };
        if let Some((receiver, _)) = receiver(RECEIVER_AHEAD) {
            receiver.fetch();
        }
        if let Some((receiver, slot)) = receiver(SLOT_AHEAD) {
            receiver.fetch_slot(slot);
        }
    }

    fn skip(&mut self, key: PublicationKey, encoding: u8, index: u64) {
        let Some(publication) = self.tables.publications.get(key) else { return };
        skip_at_all(publication, &mut self.tables.participants, encoding, index);
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
        let origin = self.streams.origin(&header, &extensions).ok_or(DropReason::UnknownStream);
        // What is too much is not acknowledged either, so that the publisher's own estimate comes down to what it may send.
        if let (Ok(origin), Some(cap)) = (&origin, &mut self.cap)
            && !cap.admits(arrival, origin.kind, end)
        {
            return Err(DropReason::AboveCap);
        }
        if let Some(sequence) = extensions.transport_sequence {
            self.transport.arrivals.record(SequenceNumber(sequence), arrival);
        }
        let origin = origin?;
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
        let taken = self.slot(slot).ok_or(DropReason::SlotChanged)?.offer(offered)?;
        let Taken { outgoing, course } = taken;
        let size = offered.length + PACKET_OVERHEAD;
        match self.transport.pacer.push(now, offered.class, size, outgoing) {
            Ok(()) => Ok(course),
            Err(PacerFull) => self.begin_anew(now, slot, offered, &taken),
        }
    }

    /// Gives up what waits in a slot, where a packet finds no room behind it: it would come too late, and stands in the way of what
    /// follows. The picture begins anew with its next keyframe, which may be this packet.
    #[cold]
    fn begin_anew(
        &mut self,
        now: Instant,
        slot: SlotId,
        offered: &Offered,
        refused: &Taken,
    ) -> Result<Course, DropReason> {
        self.give_up(slot, Some(refused.outgoing.rewrite.sequence));
        let place = self.slot(slot).ok_or(DropReason::SlotChanged)?;
        if let Some(subscription) = &mut place.subscription {
            subscription.selector.interrupt();
        }
        if refused.course != Course::Switched {
            return Err(DropReason::PacerFull);
        }
        let Taken { outgoing, course } = place.offer(offered)?;
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
        source: &Publication,
        first: &Offered,
        clocks: &Clocks,
    ) -> Result<(), DropReason> {
        for key in source.history.following(first.encoding, first.index) {
            if let Some(next) = Offered::new(source, key, clocks) {
                self.offer(now, slot, &next)?;
            }
        }
        Ok(())
    }
}

/// RTP header with extensions and CSRC (about 36) and the cipher's tag (16): near enough for pacing.
pub(super) const PACKET_OVERHEAD: usize = 52;

/// Receivers ahead whose memory is fetched: an offer takes a fifth of the time of a fetch from the last cache.
const RECEIVER_AHEAD: usize = 6;
/// Receivers ahead whose slot is fetched: those of which the rest has arrived.
const SLOT_AHEAD: usize = 3;
