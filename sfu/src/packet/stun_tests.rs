use proptest::prelude::*;
use rtc_stun::attributes::{self as types, AttrType, RawAttribute};
use rtc_stun::crypto::{RTCCryptoProvider, default_provider};
use rtc_stun::error_code::ErrorCodeAttribute;
use rtc_stun::fingerprint::FINGERPRINT as FINGERPRINT_SETTER;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{self, Getter, Message, Setter};
use rtc_stun::textattrs::TextAttribute;
use rtc_stun::uattrs::UnknownAttributes;
use rtc_stun::xoraddr::XorMappedAddress;

use super::*;

const PASSWORD: &[u8] = b"VOkJxbRl1RmTxUk/WvJxBt";

// RFC 5769, section 2.1.
const SAMPLE_REQUEST: [u8; 108] = [
    0x00, 0x01, 0x00, 0x58, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86,
    0xfa, 0x87, 0xdf, 0xae, 0x80, 0x22, 0x00, 0x10, 0x53, 0x54, 0x55, 0x4e, 0x20, 0x74, 0x65, 0x73,
    0x74, 0x20, 0x63, 0x6c, 0x69, 0x65, 0x6e, 0x74, 0x00, 0x24, 0x00, 0x04, 0x6e, 0x00, 0x01, 0xff,
    0x80, 0x29, 0x00, 0x08, 0x93, 0x2f, 0xf9, 0xb1, 0x51, 0x26, 0x3b, 0x36, 0x00, 0x06, 0x00, 0x09,
    0x65, 0x76, 0x74, 0x6a, 0x3a, 0x68, 0x36, 0x76, 0x59, 0x20, 0x20, 0x20, 0x00, 0x08, 0x00, 0x14,
    0x9a, 0xea, 0xa7, 0x0c, 0xbf, 0xd8, 0xcb, 0x56, 0x78, 0x1e, 0xf2, 0xb5, 0xb2, 0xd3, 0xf2, 0x49,
    0xc1, 0xb5, 0x71, 0xa2, 0x80, 0x28, 0x00, 0x04, 0xe5, 0x7a, 0x3b, 0xcf,
];

const TRANSACTION: TransactionId =
    TransactionId([0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae]);

fn provider() -> std::sync::Arc<dyn RTCCryptoProvider> {
    default_provider().unwrap()
}

/// A request of the library's making: `attributes` in their order, signed with PASSWORD, with FINGERPRINT.
fn library_request(attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let provider = provider();
    let mut request = Message::new();
    request.set_type(message::BINDING_REQUEST);
    request.transaction_id = message::TransactionId(TRANSACTION.0);
    request.write_header();
    for (kind, value) in attributes {
        request.add(AttrType(*kind), value);
    }
    MessageIntegrity::new_raw_integrity_with_provider(PASSWORD, provider.crypto())
        .add_to(&mut request)
        .unwrap();
    FINGERPRINT_SETTER.add_to(&mut request).unwrap();
    request.raw
}

/// `message` with a FINGERPRINT that is right.
fn with_fingerprint(mut message: Vec<u8>) -> Vec<u8> {
    let length = u16::try_from(message.len() + 8 - HEADER).unwrap();
    message[2..4].copy_from_slice(&length.to_be_bytes());
    let sum = rtc_stun::fingerprint::fingerprint_value(&message);
    message.extend([0x80, 0x28, 0, 4]);
    message.extend(sum.to_be_bytes());
    message
}

fn parse_library(bytes: &[u8]) -> Message {
    let mut message = Message::new();
    message.unmarshal_binary(bytes).unwrap();
    message
}

#[test]
fn the_sample_request_of_rfc_5769_is_read_and_authenticated() {
    let request = BindingRequest::parse(&SAMPLE_REQUEST).unwrap();
    assert_eq!(request.transaction, TRANSACTION);
    assert_eq!(request.username, Some(Username { addressed: "evtj", sender: "h6vY" }));
    assert_eq!(request.priority, Some(0x6e00_01ff));
    assert_eq!(request.role, Some(Role::Controlled(0x932f_f9b1_5126_3b36)));
    assert!(!request.use_candidate && request.unknown.is_empty());
    assert!(request.authenticate(PASSWORD));
    assert!(!request.authenticate(b"VOkJxbRl1RmTxUk/WvJxBu"));
}

#[test]
fn a_changed_byte_is_noticed_by_fingerprint_or_integrity() {
    // Bytes 2 and 3, the length, would be written anew below.
    for place in (0..2).chain(4..SAMPLE_REQUEST.len()) {
        let mut message = SAMPLE_REQUEST;
        message[place] ^= 1;
        assert!(BindingRequest::parse(&message).is_err(), "byte {place}");
        // The same change under a fingerprint that is right again.
        if let Ok(request) = BindingRequest::parse(&with_fingerprint(message[..100].to_vec())) {
            let signed = place < 76 || (80..100).contains(&place);
            assert!(!signed || !request.authenticate(PASSWORD), "byte {place}");
        }
    }
}

#[test]
fn mapped_addresses_are_masked_as_the_sample_responses_of_rfc_5769() {
    let mut out = [0; 128];
    let mapped = "192.0.2.1:32853".parse().unwrap();
    let length = write_success(&mut out, TRANSACTION, mapped, PASSWORD).unwrap();
    assert_eq!(length, 64);
    assert_eq!(out[20..32], [0, 0x20, 0, 8, 0, 1, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43]);
    let mapped = "[2001:db8:1234:5678:11:2233:4455:6677]:32853".parse().unwrap();
    let length = write_success(&mut out, TRANSACTION, mapped, PASSWORD).unwrap();
    assert_eq!(length, 76);
    assert_eq!(
        out[20..44],
        [
            0, 0x20, 0, 20, 0, 2, 0xa1, 0x47, 0x01, 0x13, 0xa9, 0xfa, 0xa5, 0xd3, 0xf1, 0x79, 0xbc,
            0x25, 0xf4, 0xb5, 0xbe, 0xd2, 0xb9, 0xd9
        ]
    );
}

#[test]
fn the_library_accepts_our_success() {
    for address in ["203.0.113.9:1", "[2001:db8::9]:65535", "[::ffff:203.0.113.9]:7"] {
        let address: SocketAddr = address.parse().unwrap();
        let mut out = [0; 128];
        let length = write_success(&mut out, TRANSACTION, address, PASSWORD).unwrap();
        let mut answer = parse_library(&out[..length]);
        assert_eq!(answer.typ, message::BINDING_SUCCESS);
        assert_eq!(answer.transaction_id.0, TRANSACTION.0);
        let mut mapped = XorMappedAddress::default();
        mapped.get_from(&answer).unwrap();
        assert_eq!((mapped.ip, mapped.port), (address.ip().to_canonical(), address.port()));
        MessageIntegrity::check(&mut answer, PASSWORD, provider().crypto()).unwrap();
        FINGERPRINT_SETTER.check(&answer).unwrap();
        assert_eq!(write_success(&mut out[..length - 1], TRANSACTION, address, PASSWORD), None);
    }
}

#[test]
fn the_library_accepts_our_errors() {
    let unknown = [0x0033, 0x0044, 0x0055];
    for code in [
        ErrorCode::BadRequest,
        ErrorCode::Unauthorized,
        ErrorCode::UnknownAttribute(&unknown),
        ErrorCode::RoleConflict,
    ] {
        for password in [None, Some(PASSWORD)] {
            let mut out = [0; 128];
            let length = write_error(&mut out, TRANSACTION, code, password).unwrap();
            let mut answer = parse_library(&out[..length]);
            assert_eq!(answer.typ, message::BINDING_ERROR);
            let mut read = ErrorCodeAttribute::default();
            read.get_from(&answer).unwrap();
            assert_eq!(read.code.0, code.code());
            if let ErrorCode::UnknownAttribute(types) = code {
                let mut read = UnknownAttributes(Vec::new());
                read.get_from(&answer).unwrap();
                assert_eq!(read.0.iter().map(|kind| kind.0).collect::<Vec<_>>(), types);
            }
            if password.is_some() {
                MessageIntegrity::check(&mut answer, PASSWORD, provider().crypto()).unwrap();
            }
            FINGERPRINT_SETTER.check(&answer).unwrap();
        }
    }
}

#[test]
fn a_nomination_of_the_librarys_making_is_read() {
    let message = library_request(&[
        (types::ATTR_USERNAME.0, b"ours:theirs"),
        (types::ATTR_NETWORK_COST.0, &[0, 1, 0, 10]),
        (types::ATTR_ICE_CONTROLLING.0, &[1, 2, 3, 4, 5, 6, 7, 8]),
        (types::ATTR_USE_CANDIDATE.0, &[]),
        (types::ATTR_PRIORITY.0, &[0, 0, 1, 0]),
    ]);
    let request = BindingRequest::parse(&message).unwrap();
    assert_eq!(request.username, Some(Username { addressed: "ours", sender: "theirs" }));
    assert!(request.use_candidate && request.unknown.is_empty());
    assert_eq!(request.role, Some(Role::Controlling(0x0102_0304_0506_0708)));
    assert_eq!(request.priority, Some(256));
    assert!(request.authenticate(PASSWORD));
    assert_eq!(request.length(), message.len());
}

#[test]
fn what_must_be_understood_and_is_not_is_listed() {
    let message = library_request(&[(0x0033, &[1]), (0x8033, &[]), (0x7fff, &[1, 2, 3, 4])]);
    let request = BindingRequest::parse(&message).unwrap();
    assert_eq!(request.unknown[..], [0x0033, 0x7fff]);
    assert!(request.authenticate(PASSWORD));
    let many: Vec<(u16, &[u8])> = (0x0100..0x0200).map(|kind| (kind, &[][..])).collect();
    assert_eq!(BindingRequest::parse(&library_request(&many)).unwrap().unknown.len(), 8);
}

#[test]
fn what_follows_the_integrity_does_not_count() {
    let mut message = library_request(&[(types::ATTR_USERNAME.0, b"ours:theirs")]);
    message.truncate(message.len() - 8);
    message.extend([0, 0x25, 0, 0, 0, 0x33, 0, 0]);
    let message = with_fingerprint(message);
    let request = BindingRequest::parse(&message).unwrap();
    assert!(request.authenticate(PASSWORD));
    assert!(!request.use_candidate && request.unknown.is_empty());
}

#[test]
fn of_two_attributes_of_one_type_the_first_counts() {
    let message = library_request(&[
        (types::ATTR_USERNAME.0, b"first:a"),
        (types::ATTR_USERNAME.0, b"second:b"),
    ]);
    let request = BindingRequest::parse(&message).unwrap();
    assert_eq!(request.username.unwrap().addressed, "first");
}

#[test]
fn everything_but_a_binding_request_is_told_by_its_reason() {
    let of_type = |kind: u16| {
        let mut message = SAMPLE_REQUEST[..100].to_vec();
        message[..2].copy_from_slice(&kind.to_be_bytes());
        BindingRequest::parse(&with_fingerprint(message)).err()
    };
    assert_eq!(of_type(0x0001), None);
    assert_eq!(of_type(0x0011), Some(StunError::Indication));
    assert_eq!(of_type(0x0101), Some(StunError::Response));
    assert_eq!(of_type(0x0111), Some(StunError::Response));
    // Allocate, and a method whose bits lie on both sides of the class's.
    assert_eq!(of_type(0x0003), Some(StunError::Method(3)));
    assert_eq!(of_type(0x2222), Some(StunError::Method(0x892)));
    assert_eq!(of_type(0x4001), Some(StunError::NotStun));
    assert_eq!(BindingRequest::parse(&SAMPLE_REQUEST[..107]), Err(StunError::NotStun));
    let mut message = SAMPLE_REQUEST[..100].to_vec();
    message[3] -= 8;
    assert_eq!(BindingRequest::parse(&message), Err(StunError::NoFingerprint));
    assert_eq!(BindingRequest::parse(&message[..19]), Err(StunError::NotStun));
}

#[test]
fn nothing_is_allocated() {
    let message = library_request(&[(types::ATTR_USERNAME.0, b"ours:theirs")]);
    let mut out = [0; 128];
    let address = "[2001:db8::9]:7".parse().unwrap();
    let counted = allocation_counter::measure(|| {
        let request = BindingRequest::parse(&message).unwrap();
        assert!(request.authenticate(PASSWORD));
        write_success(&mut out, request.transaction, address, PASSWORD).unwrap();
    });
    assert_eq!(counted.count_total, 0);
}

proptest! {
    #[test]
    fn reading_is_total(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = BindingRequest::parse(&bytes);
    }

    #[test]
    fn reading_behind_a_right_checksum_is_total(rest in prop::collection::vec(any::<u8>(), 0..100)) {
        let mut message = SAMPLE_REQUEST[..20].to_vec();
        message.extend(&rest);
        message.resize(message.len().next_multiple_of(4), 0);
        let message = with_fingerprint(message);
        let ours = BindingRequest::parse(&message);
        let mut theirs = Message::new();
        if let Ok(request) = ours {
            prop_assert!(!request.authenticate(PASSWORD));
            prop_assert!(theirs.unmarshal_binary(&message).is_ok());
        }
    }

    #[test]
    fn both_read_the_same(
        attributes in prop::collection::vec((0_u16..0x40, prop::collection::vec(any::<u8>(), 0..20)), 0..8),
        username in "[a-zA-Z0-9+/]{4,8}:[a-zA-Z0-9+/]{4,8}",
        priority: u32,
    ) {
        let username = TextAttribute::new(types::ATTR_USERNAME, username);
        let priority = priority.to_be_bytes();
        let mut list: Vec<(u16, &[u8])> =
            vec![(types::ATTR_USERNAME.0, username.text.as_bytes()), (types::ATTR_PRIORITY.0, &priority)];
        let known = [MESSAGE_INTEGRITY, ICE_CONTROLLED];
        list.extend(attributes.iter().filter(|(kind, _)| !known.contains(kind)).map(|(kind, value)| (*kind, &value[..])));
        let message = library_request(&list);
        let ours = BindingRequest::parse(&message).unwrap();
        prop_assert!(ours.authenticate(PASSWORD));
        let theirs = parse_library(&message);
        let Username { addressed, sender } = ours.username.unwrap();
        prop_assert_eq!(format!("{addressed}:{sender}"), TextAttribute::get_from_as(&theirs, types::ATTR_USERNAME).unwrap().text);
        prop_assert_eq!(ours.priority.unwrap().to_be_bytes().to_vec(), theirs.get(types::ATTR_PRIORITY).unwrap());
        prop_assert_eq!(ours.use_candidate, theirs.contains(types::ATTR_USE_CANDIDATE));
        let understood = [USERNAME, PRIORITY, USE_CANDIDATE, MESSAGE_INTEGRITY];
        let unknown: Vec<u16> = theirs.attributes.0.iter()
            .map(|RawAttribute { typ, .. }| typ.0)
            .filter(|kind| *kind < 0x8000 && !understood.contains(kind))
            .take(UNKNOWN_MAX)
            .collect();
        prop_assert_eq!(ours.unknown.to_vec(), unknown);
    }
}
