//! STUN requests and our answers to them, beside `rtc-stun`.

use std::net::{IpAddr, SocketAddr};

use rtc_stun::attributes::{
    ATTR_FINGERPRINT, ATTR_ICE_CONTROLLED, ATTR_ICE_CONTROLLING, ATTR_MESSAGE_INTEGRITY,
    ATTR_PRIORITY, ATTR_USE_CANDIDATE, ATTR_USERNAME, AttrType, RawAttribute,
};
use rtc_stun::crypto::default_provider;
use rtc_stun::error_code::ErrorCodeAttribute;
use rtc_stun::fingerprint::{FINGERPRINT, fingerprint_value};
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{BINDING_ERROR, BINDING_REQUEST, BINDING_SUCCESS, Getter, Message, Setter};
use rtc_stun::xoraddr::XorMappedAddress;
use sfu::packet::stun::{BindingRequest, ErrorCode, Role, write_error, write_success};

use super::supply::Supply;

const PASSWORD: &str = "a password that both sides know";

/// Reads `data` as it is, then as the attributes of a request whose header, signature and checksum are right: a fuzzer does not
/// find those by itself. What is read is what `rtc-stun` reads, and it can read our answers.
///
/// # Panics
/// Where the two differ.
pub fn check_stun(data: &[u8]) {
    check_request(data, false);
    for signed in [false, true] {
        if let Some(message) = completed(data, signed) {
            check_request(&message, signed);
        }
    }
    check_answers(data);
}

fn check_request(message: &[u8], is_signed_last: bool) {
    let Ok(request) = BindingRequest::parse(message) else { return };
    let mut theirs = Message::new();
    if let Err(error) = theirs.unmarshal_binary(message) {
        // Behind the signature nothing counts, and so nothing is wrong there.
        assert!(request.is_signed(), "rtc-stun refuses it: {error}");
        return;
    }
    assert_eq!(theirs.typ, BINDING_REQUEST);
    assert_eq!(theirs.transaction_id.0, request.transaction.0);
    // The library takes the first attribute of that type for it, and we the last eight bytes, whatever they belong to.
    let mut others = theirs.attributes.0.iter();
    let is_print = |found: &RawAttribute| found.typ == ATTR_FINGERPRINT;
    let last = others.next_back();
    if last.is_some_and(|last| is_print(last) && last.value.len() == 4) && !others.any(is_print) {
        FINGERPRINT.check(&theirs).expect("a right fingerprint");
    }
    // Behind the signature nothing counts.
    let end = theirs.attributes.0.iter().position(|found| found.typ == ATTR_MESSAGE_INTEGRITY);
    let counted = &theirs.attributes.0[..end.unwrap_or(theirs.attributes.0.len())];
    let value = |kind: AttrType| {
        counted.iter().find(|found| found.typ == kind).map(|found| found.value.as_slice())
    };
    let username = request.username.map(|name| (name.addressed, name.sender));
    let expected = value(ATTR_USERNAME).map(|bytes| {
        let text = std::str::from_utf8(bytes).expect("we took it");
        text.split_once(':').unwrap_or((text, ""))
    });
    assert_eq!(username, expected);
    assert_eq!(request.use_candidate, value(ATTR_USE_CANDIDATE).is_some());
    assert_eq!(
        request.priority.map(u32::to_be_bytes).as_ref().map(|p| &p[..]),
        value(ATTR_PRIORITY)
    );
    match request.role {
        Some(Role::Controlling(tie)) => {
            assert_eq!(value(ATTR_ICE_CONTROLLING), Some(&tie.to_be_bytes()[..]));
        }
        Some(Role::Controlled(tie)) => {
            assert_eq!(value(ATTR_ICE_CONTROLLED), Some(&tie.to_be_bytes()[..]));
        }
        None => assert_eq!((value(ATTR_ICE_CONTROLLING), value(ATTR_ICE_CONTROLLED)), (None, None)),
    }
    assert_eq!(request.is_signed(), end.is_some());
    assert!(!request.authenticate(b"another password"));
    // Of attributes behind the signature the library signs the length too, so only where there are none both must agree.
    if is_signed_last && end == Some(theirs.attributes.0.len() - 2) {
        let mut theirs = theirs;
        let provider = default_provider().expect("aws-lc-rs is built in");
        let agreed = MessageIntegrity::check(&mut theirs, PASSWORD.as_bytes(), provider.crypto());
        assert_eq!(request.authenticate(PASSWORD.as_bytes()), agreed.is_ok());
        assert!(agreed.is_ok());
    }
}

/// A binding request with these attributes, and a fingerprint.
fn completed(data: &[u8], signed: bool) -> Option<Vec<u8>> {
    let mut supply = Supply::new(data);
    let mut raw = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    raw.extend(supply.array::<12>());
    raw.extend(supply.rest());
    raw.truncate(raw.len() / 4 * 4);
    raw.truncate(1_200);
    let length = u16::try_from(raw.len() - 20).expect("short");
    raw[2..4].copy_from_slice(&length.to_be_bytes());
    let mut message = Message { raw: raw.clone(), ..Message::new() };
    if signed {
        // The library writes behind attributes that it can read.
        message.decode().ok()?;
        if message.contains(ATTR_MESSAGE_INTEGRITY) || message.raw.len() != raw.len() {
            return None;
        }
        let provider = default_provider().expect("aws-lc-rs is built in");
        let password = PASSWORD.to_owned();
        MessageIntegrity::new_short_term_integrity_with_provider(password, provider.crypto())
            .add_to(&mut message)
            .ok()?;
        raw = message.raw;
    }
    let length = u16::try_from(raw.len() + 8 - 20).expect("short");
    raw[2..4].copy_from_slice(&length.to_be_bytes());
    let sum = fingerprint_value(&raw);
    raw.extend([0x80, 0x28, 0, 4]);
    raw.extend(sum.to_be_bytes());
    Some(raw)
}

fn check_answers(data: &[u8]) {
    let mut supply = Supply::new(data);
    let is_v6 = supply.byte() & 1 == 1;
    let ip = if is_v6 {
        IpAddr::from(supply.array::<16>()).to_canonical()
    } else {
        IpAddr::from(supply.array::<4>())
    };
    let mapped = SocketAddr::new(ip, supply.short());
    let transaction = sfu::packet::stun::TransactionId(supply.array());
    let mut out = [0; 256];
    let length = write_success(&mut out, transaction, mapped, PASSWORD.as_bytes()).expect("room");
    let mut answer = theirs(&out[..length]);
    assert_eq!((answer.typ, answer.transaction_id.0), (BINDING_SUCCESS, transaction.0));
    check_signature(&mut answer);
    let mut found = XorMappedAddress::default();
    found.get_from(&answer).expect("an address");
    assert_eq!(SocketAddr::new(found.ip, found.port), mapped);

    let unknown: Vec<u16> =
        supply.rest().chunks_exact(2).map(|two| crate::packet::be16(two, 0)).collect();
    for code in [
        ErrorCode::BadRequest,
        ErrorCode::Unauthorized,
        ErrorCode::UnknownAttribute(&unknown),
        ErrorCode::RoleConflict,
    ] {
        let length =
            write_error(&mut out, transaction, code, Some(PASSWORD.as_bytes())).expect("room");
        let mut answer = theirs(&out[..length]);
        assert_eq!((answer.typ, answer.transaction_id.0), (BINDING_ERROR, transaction.0));
        check_signature(&mut answer);
        let mut found = ErrorCodeAttribute::default();
        found.get_from(&answer).expect("a code");
        assert_eq!(found.code.0, code.code());
    }
}

fn check_signature(answer: &mut Message) {
    FINGERPRINT.check(&*answer).expect("our fingerprint");
    let provider = default_provider().expect("aws-lc-rs is built in");
    MessageIntegrity::check(answer, PASSWORD.as_bytes(), provider.crypto()).expect("our signature");
}

fn theirs(message: &[u8]) -> Message {
    let mut theirs = Message::new();
    theirs.unmarshal_binary(message).expect("rtc-stun reads it too");
    theirs
}
