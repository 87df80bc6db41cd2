//! The client's ICE: binding requests by `rtc-stun` until one is answered, then often enough to keep consent (RFC 7675).

use std::net::SocketAddr;
use std::time::Duration;

use rtc_stun::attributes::{
    ATTR_ICE_CONTROLLING, ATTR_PRIORITY, ATTR_USE_CANDIDATE, ATTR_USERNAME,
};
use rtc_stun::crypto::default_provider;
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{BINDING_REQUEST, BINDING_SUCCESS, Getter, Message, Setter, TransactionId};
use rtc_stun::xoraddr::XorMappedAddress;
use tools::simnet::random::Random;
use tools::simnet::time::SimTime;

use super::session::Session;

/// The connectivity checks of a client.
#[derive(Debug)]
pub struct Consent {
    username: String,
    /// Of the server: both directions are checked with it.
    password: String,
    is_granted: bool,
    /// When the next request is due.
    pub next_request: SimTime,
}

/// Until the first answer (RFC 8445, section 14: Ta is 50 ms).
const EAGER: Duration = Duration::from_millis(50);

/// Afterwards, between 0.8 and 1.2 times this (RFC 7675, section 5.1).
const PATIENT: Duration = Duration::from_secs(5);

/// Of a host candidate: type preference 126, local preference 65535, component 1 (RFC 8445, section 5.1.2.1).
const PRIORITY: u32 = (126 << 24) | (65_535 << 8) | 255;

impl Consent {
    /// Begins at once.
    #[must_use]
    pub fn new(now: SimTime, session: &Session) -> Self {
        let (server, client) = &session.credentials;
        Self {
            username: format!("{}:{}", server.ufrag, client.ufrag),
            password: server.password.to_string(),
            is_granted: false,
            next_request: now,
        }
    }

    /// Whether the server has answered.
    #[must_use]
    pub const fn is_granted(&self) -> bool {
        self.is_granted
    }

    /// A binding request that nominates.
    pub fn request(&mut self, now: SimTime, random: &mut Random) -> Vec<u8> {
        let wait = if self.is_granted { PATIENT.mul_f64(0.8 + 0.4 * random.unit()) } else { EAGER };
        self.next_request = now + wait;
        let mut message = binding_request(&self.username, random);
        message.add(ATTR_USE_CANDIDATE, &[]);
        sealed(message, &self.password)
    }

    /// Takes in an answer.
    ///
    /// # Errors
    /// Where it is none, is not signed rightly, or names another address than `own`: the server's fault.
    pub fn handle(
        &mut self,
        _now: SimTime,
        datagram: &[u8],
        own: SocketAddr,
    ) -> Result<(), String> {
        let provider = default_provider().expect("aws-lc-rs is built in");
        let mut message = Message::new();
        message
            .unmarshal_binary(datagram)
            .map_err(|error| format!("STUN cannot be read: {error}"))?;
        if message.typ != BINDING_SUCCESS {
            return Err(format!("STUN answered with {}", message.typ));
        }
        FINGERPRINT
            .check(&message)
            .map_err(|error| format!("the fingerprint of an answer: {error}"))?;
        MessageIntegrity::check(&mut message, self.password.as_bytes(), provider.crypto())
            .map_err(|error| format!("the integrity of an answer: {error}"))?;
        let mut mapped = XorMappedAddress::default();
        mapped
            .get_from(&message)
            .map_err(|error| format!("the mapped address of an answer: {error}"))?;
        if (mapped.ip, mapped.port) != (own.ip(), own.port()) {
            return Err(format!("the server sees {}:{} instead of {own}", mapped.ip, mapped.port));
        }
        self.is_granted = true;
        Ok(())
    }
}

/// A binding request without its end: [`sealed`] adds what proves it.
#[must_use]
pub fn binding_request(username: &str, random: &mut Random) -> Message {
    let mut transaction = [0; 12];
    transaction[..8].copy_from_slice(&random.next().to_be_bytes());
    let mut message = Message::new();
    message.set_type(BINDING_REQUEST);
    message.transaction_id = TransactionId(transaction);
    message.write_header();
    message.add(ATTR_USERNAME, username.as_bytes());
    message.add(ATTR_ICE_CONTROLLING, &[0, 0, 0, 0, 0, 0, 0, 1]);
    message.add(ATTR_PRIORITY, &PRIORITY.to_be_bytes());
    message
}

/// The bytes of a request, with integrity under `password` and a fingerprint.
#[must_use]
pub fn sealed(mut message: Message, password: &str) -> Vec<u8> {
    let provider = default_provider().expect("aws-lc-rs is built in");
    MessageIntegrity::new_short_term_integrity_with_provider(
        password.to_owned(),
        provider.crypto(),
    )
    .add_to(&mut message)
    .expect("integrity is added before the fingerprint");
    FINGERPRINT.add_to(&mut message).expect("the fingerprint is last");
    message.raw
}
