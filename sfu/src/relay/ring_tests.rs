use std::time::Instant;

use simulcast::{RtpTimestamp, SequenceNumber};

use super::*;
use crate::media::{ChannelId, PayloadType, Ssrc};
use crate::packet::extension::Extensions;
use crate::publication::PublicationKey;

fn packet<'a>(number: u16, descriptor: Option<&'a [u8]>, payload: &'a [u8]) -> Packet<'a> {
    let incoming = Incoming {
        encoding: 1,
        ssrc: Ssrc(7),
        sequence: SequenceNumber(number),
        timestamp: RtpTimestamp(90),
        payload_type: PayloadType(96),
        marker: true,
        payload,
        extensions: Extensions {
            audio_level: Some(30),
            dependency_descriptor: descriptor,
            ..Extensions::default()
        },
        retransmitted: false,
        arrival: arrival(),
    };
    Packet { publication: PublicationKey::default(), incoming }
}

/// Any moment serves.
fn arrival() -> Instant {
    crate::net::clock::Clock::new().now()
}

fn take_number(inlet: &mut Inlet) -> Option<u16> {
    match inlet.take()? {
        Taken::Packet(packet) => Some(packet.incoming.sequence.0),
        Taken::Message(_) => None,
    }
}

#[test]
fn a_packet_arrives_as_it_was_sent() {
    let (mut outlet, mut inlet) = ring();
    // So that some of them wrap around the end of the ring of bytes.
    for number in 0..2_000_u16 {
        let [_, shade] = number.to_be_bytes();
        let payload: Vec<u8> = (0..1_100_u16).map(|place| place.to_be_bytes()[1] ^ shade).collect();
        let sent = packet(number, (number % 2 == 0).then_some(&[1, 2, 3]), &payload);
        outlet.send(&sent).unwrap();
        let Some(Taken::Packet(came)) = inlet.take() else { panic!("nothing came") };
        let arrival = came.incoming.arrival;
        let expected = Incoming { arrival, ..sent.incoming };
        assert_eq!(format!("{:?}", came.incoming), format!("{expected:?}"));
    }
    assert!(inlet.is_empty());
}

#[test]
fn a_full_ring_refuses_packets_keeps_messages_and_their_order() {
    let (mut outlet, mut inlet) = ring();
    let payload = [0; 1_200];
    let mut sent = 0;
    while outlet.send(&packet(sent, None, &payload)).is_ok() {
        sent += 1;
    }
    assert_eq!(usize::from(sent), BYTES_MAX / payload.len());
    // Bytes are full, messages are not: fill these too.
    let mut told = 0;
    while !outlet.waits() {
        outlet.tell(Message::Attend(ChannelId(told)));
        told += 1;
    }
    for _ in 0..10 {
        outlet.tell(Message::Attend(ChannelId(told)));
        told += 1;
    }
    assert_eq!(outlet.send(&packet(sent, None, &[])), Err(Full), "nothing overtakes what waits");
    for number in 0..sent {
        assert_eq!(take_number(&mut inlet), Some(number));
    }
    let mut heard = 0;
    loop {
        outlet.flush();
        match inlet.take() {
            Some(Taken::Message(Message::Attend(channel))) => assert_eq!(channel, ChannelId(heard)),
            Some(other) => panic!("{other:?}"),
            None => break,
        }
        heard += 1;
    }
    assert_eq!(heard, told);
    assert!(!outlet.waits());
    outlet.send(&packet(0, None, &payload)).unwrap();
}

#[test]
fn how_loud_a_packet_is_goes_without_its_bytes_and_is_not_kept_where_there_is_no_room() {
    let (mut outlet, mut inlet) = ring();
    let Packet { publication, incoming } = packet(7, None, &[1; 80]);
    let heard = |number| {
        let incoming = Incoming { sequence: SequenceNumber(number), ..incoming.without_bytes() };
        Heard { publication, incoming, payload: 80 }
    };
    let mut sent = 0;
    while outlet.note(heard(sent)).is_ok() {
        sent += 1;
    }
    assert_eq!(usize::from(sent), MESSAGES_MAX);
    assert!(!outlet.waits());
    for number in 0..sent {
        let Some(Taken::Message(Message::Heard(came))) = inlet.take() else { panic!("no note") };
        assert_eq!((came.incoming.sequence.0, came.payload), (number, 80));
        assert_eq!(came.incoming.extensions.audio_level, Some(30));
        assert!(came.incoming.payload.is_empty());
    }
    assert!(inlet.is_empty());
}

#[test]
fn an_end_that_is_gone_shows_at_the_other() {
    let (mut outlet, inlet) = ring();
    assert!(!outlet.is_dead());
    drop(inlet);
    assert!(outlet.is_dead());
    outlet.tell(Message::Attend(ChannelId(1)));
    let (outlet, mut inlet) = ring();
    drop(outlet);
    assert!(inlet.is_abandoned() && inlet.take().is_none());
}

#[test]
fn a_peer_that_takes_nothing_is_given_up() {
    let (mut outlet, _inlet) = ring();
    for _ in 0..MESSAGES_MAX + BACKLOG_MAX {
        outlet.tell(Message::Quit(ChannelId(1)));
    }
    assert!(!outlet.is_dead());
    outlet.tell(Message::Quit(ChannelId(1)));
    assert!(outlet.is_dead());
}
