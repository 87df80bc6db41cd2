//! RTP headers and their extensions, beside the `rtp` crate.

use arrayvec::ArrayString;
use rtc_shared::marshal::{MarshalSize, Unmarshal};
use rtp::header::EXTENSION_PROFILE_ONE_BYTE;
use sfu::media::{Mid, PayloadType, PublicationId, Ssrc};
use sfu::packet::extension::{Extension, ExtensionId, ExtensionIds};
use sfu::packet::header::{Header, HeaderFields, HeaderTemplate, Passed};
use simulcast::{RtpTimestamp, SequenceNumber};

use super::supply::Supply;

/// What is read of `data` is what the `rtp` crate reads, and a header written from it says the same to both.
///
/// # Panics
/// Where the two differ.
pub fn check_header(data: &[u8]) {
    let Ok(header) = Header::parse(data) else { return };
    assert!(header.length <= data.len());
    check_fields(&header, data);
    check_padding(&header, data);
    check_written(&header, data);
}

fn check_fields(header: &Header, data: &[u8]) {
    // The library reads elements beyond the end of their block, and refuses what it finds there.
    let Ok(theirs) = rtp::header::Header::unmarshal(&mut &data[..]) else {
        assert!(data[0] & 0x10 != 0, "only a block of extensions is read differently");
        return;
    };
    assert_eq!(
        (
            header.marker,
            header.payload_type.0,
            header.sequence.0,
            header.timestamp.0,
            header.ssrc.0
        ),
        (theirs.marker, theirs.payload_type, theirs.sequence_number, theirs.timestamp, theirs.ssrc)
    );
    assert_eq!(header.padding, theirs.padding);
    let form = theirs.extension_profile;
    if !matches!(form, EXTENSION_PROFILE_ONE_BYTE | rtp::header::EXTENSION_PROFILE_TWO_BYTE) {
        return;
    }
    if theirs.marshal_size() != header.length {
        return;
    }
    let ours: Vec<(u8, &[u8])> =
        header.elements(data).map(|(id, element)| (id.value(), element)).collect();
    let theirs: Vec<(u8, &[u8])> = theirs
        .extensions
        .iter()
        // In the one-byte form id 0 with a length ends the block (RFC 8285, section 4.2).
        .take_while(|found| form != EXTENSION_PROFILE_ONE_BYTE || found.id != 0)
        .filter(|found| (1..=14).contains(&found.id))
        .map(|found| (found.id, found.payload.as_ref()))
        .collect();
    assert_eq!(ours, theirs);
}

fn check_padding(header: &Header, data: &[u8]) {
    let Ok(length) = header.payload_length(data) else { return };
    assert!(header.length + length <= data.len());
    // Behind an element that ends the block the library takes the rest of the block for payload.
    let mut behind = data;
    let is_read = rtp::header::Header::unmarshal(&mut behind).is_ok();
    if is_read
        && behind.len() == data.len() - header.length
        && let Ok(theirs) = rtp::Packet::unmarshal(&mut &data[..])
    {
        assert_eq!(length, theirs.payload.len());
    }
}

/// Each extension under the id of its place, the last ones left out where there are more than ids.
fn ids(supply: &mut Supply<'_>) -> ExtensionIds {
    let first = supply.byte() % 5;
    Extension::ALL.into_iter().zip(1..).fold(ExtensionIds::default(), |ids, (extension, place)| {
        ExtensionId::new(first + place).map_or(ids, |id| ids.with(extension, id))
    })
}

fn check_written(header: &Header, data: &[u8]) {
    let mut supply = Supply::new(&data[header.length..]);
    let ids = ids(&mut supply);
    let read = ids.read(header, data);
    let mid = read.mid.and_then(|mid| ArrayString::from(mid).ok());
    let mid = Mid(mid.unwrap_or_else(|| ArrayString::from("0").expect("short")));
    let fields = HeaderFields {
        marker: header.marker,
        padding: header.padding,
        payload_type: PayloadType(header.payload_type.0),
        sequence: SequenceNumber(header.sequence.0),
        timestamp: RtpTimestamp(header.timestamp.0),
        csrc: (supply.byte() & 1 == 1).then(|| PublicationId(supply.word())),
        transport_sequence: read.transport_sequence,
        absolute_send_time: read.absolute_send_time,
        passed: Passed {
            audio_level: read.audio_level,
            orientation: read.orientation,
            playout_delay: read.playout_delay,
            capture_time: read.capture_time,
            dependency_descriptor: read.dependency_descriptor,
        },
    };
    let mut out = [0; HeaderTemplate::LENGTH_MAX];
    let template = HeaderTemplate::new(Ssrc(header.ssrc.0), mid, &ids);
    let length = template.write(&mut out, &fields).expect("LENGTH_MAX is room for any header");
    let written = &out[..length];
    let again = Header::parse(written).expect("our own header");
    assert_eq!(again.length, length);
    let found = ids.read(&again, written);
    assert_eq!(found.mid, Some(mid.0.as_str()));
    assert_eq!(
        (found.transport_sequence, found.absolute_send_time),
        (fields.transport_sequence, fields.absolute_send_time)
    );
    let passed = Passed {
        audio_level: found.audio_level,
        orientation: found.orientation,
        playout_delay: found.playout_delay,
        capture_time: found.capture_time,
        dependency_descriptor: found.dependency_descriptor,
    };
    assert_eq!(passed, fields.passed);
    let theirs = rtp::header::Header::unmarshal(&mut &written[..]).expect("rtp reads it too");
    assert_eq!(theirs.marshal_size(), length);
    assert_eq!(theirs.csrc, fields.csrc.iter().map(|id| id.0).collect::<Vec<_>>());
    check_fields(&again, written);
}
