//! DTLS 1.2: the handshake that yields a transport's SRTP keys.

/// SHA-256 of a certificate (RFC 8122, section 5).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Fingerprint(pub [u8; 32]);

/// The certificate of this process with its private key.
#[derive(Clone, Debug)]
pub struct Certificate {}
