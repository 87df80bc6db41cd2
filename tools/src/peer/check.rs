//! Connectivity checks of the controlling side (RFC 8445, section 7.2), by `rtc-stun`: requests, and the answers to them.

use std::net::SocketAddr;

use rtc_stun::attributes::{
    ATTR_ICE_CONTROLLING, ATTR_PRIORITY, ATTR_USE_CANDIDATE, ATTR_USERNAME,
};
use rtc_stun::crypto::default_provider;
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{BINDING_REQUEST, BINDING_SUCCESS, Getter, Message, Setter, TransactionId};
use rtc_stun::xoraddr::XorMappedAddress;
use thiserror::Error;

use crate::simnet::random::Random;

/// What is asked of the other side.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ask {
    /// Whether it hears us.
    Check,
    /// That, and to use this path.
    Nominate,
}

/// Why there is no request, or an answer is none.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum CheckError {
    /// It cannot be written or read, in the library's words.
    #[error("STUN: {0}")]
    Stun(String),
    /// Something else than a success.
    #[error("answered with {0}")]
    NoSuccess(String),
}

/// A binding request of `username` (theirs, a colon, ours) that is signed with `password` (theirs).
///
/// # Errors
/// [`CheckError::Stun`] where the cipher library cannot be used: nobody's fault but this machine's.
pub fn request(
    username: &str,
    password: &str,
    ask: Ask,
    random: &mut Random,
) -> Result<Vec<u8>, CheckError> {
    let mut transaction = [0; 12];
    let drawn = random.next().to_be_bytes().into_iter().chain(random.next().to_be_bytes());
    transaction.iter_mut().zip(drawn).for_each(|(byte, drawn)| *byte = drawn);
    let mut message = Message::new();
    message.set_type(BINDING_REQUEST);
    message.transaction_id = TransactionId(transaction);
    message.write_header();
    message.add(ATTR_USERNAME, username.as_bytes());
    message.add(ATTR_ICE_CONTROLLING, &[0, 0, 0, 0, 0, 0, 0, 1]);
    message.add(ATTR_PRIORITY, &PRIORITY.to_be_bytes());
    if ask == Ask::Nominate {
        message.add(ATTR_USE_CANDIDATE, &[]);
    }
    let provider = default_provider().map_err(stun)?;
    let integrity = MessageIntegrity::new_short_term_integrity_with_provider(
        password.to_owned(),
        provider.crypto(),
    );
    integrity.add_to(&mut message).map_err(stun)?;
    FINGERPRINT.add_to(&mut message).map_err(stun)?;
    Ok(message.raw)
}

/// Reads an answer that must be signed with `password`; the address under which the other side sees us.
///
/// # Errors
/// [`CheckError`]: the answerer's fault.
pub fn answer(datagram: &[u8], password: &str) -> Result<SocketAddr, CheckError> {
    let provider = default_provider().map_err(stun)?;
    let mut message = Message::new();
    message.unmarshal_binary(datagram).map_err(stun)?;
    if message.typ != BINDING_SUCCESS {
        return Err(CheckError::NoSuccess(message.typ.to_string()));
    }
    FINGERPRINT.check(&message).map_err(stun)?;
    MessageIntegrity::check(&mut message, password.as_bytes(), provider.crypto()).map_err(stun)?;
    let mut mapped = XorMappedAddress::default();
    mapped.get_from(&message).map_err(stun)?;
    Ok(SocketAddr::new(mapped.ip, mapped.port))
}

fn stun(error: impl ToString) -> CheckError {
    CheckError::Stun(error.to_string())
}

/// Of a host candidate: type preference 126, local preference 65535, component 1 (RFC 8445, section 5.1.2.1).
const PRIORITY: u32 = (126 << 24) | (65_535 << 8) | 255;
