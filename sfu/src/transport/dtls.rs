//! DTLS 1.2: the handshake that yields a transport's SRTP keys (RFC 6347, RFC 5764).
//!
//! The only file that names the DTLS library. No byte comes here before a checked STUN request from its address, so the cookie
//! exchange is off. The certificate is compared with the fingerprint of the offer before keys are handed on; nothing else
//! about it is checked (RFC 8122). Left out on purpose: DTLS 1.3, for Chrome aborts it when asked for its certificate.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::digest;
use dimpl::{Config, DtlsCertificate, Error, Output, SrtpProfile};
use thiserror::Error;

use crate::command::DtlsRole;
use crate::fault::Fault;
use crate::transport::srtp::{KeyingMaterial, Profile};

/// SHA-256 of a certificate (RFC 8122, section 5). Displayed as SDP has it: pairs of upper-case digits between colons.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Fingerprint(pub [u8; 32]);

/// A fingerprint is not 32 pairs of hexadecimal digits between colons: the peer's fault.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("not a SHA-256 fingerprint: 32 pairs of hexadecimal digits between colons")]
pub struct FingerprintError;

impl FingerprintError {
    /// Always the peer's.
    #[must_use]
    pub const fn fault(self) -> Fault {
        Fault::Peer
    }
}

impl Fingerprint {
    /// Reads `AA:BB:…` as it follows `sha-256 ` in SDP, in either case.
    ///
    /// # Errors
    /// [`FingerprintError`]: the peer's fault.
    pub fn parse(text: &str) -> Result<Self, FingerprintError> {
        let mut bytes = [0; 32];
        let mut pairs = text.split(':');
        for byte in &mut bytes {
            let pair = pairs.next().ok_or(FingerprintError)?;
            // A sign would be a number too, but not a digit.
            if pair.len() != 2 || !pair.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return Err(FingerprintError);
            }
            *byte = u8::from_str_radix(pair, 16).map_err(|_| FingerprintError)?;
        }
        if pairs.next().is_some() { Err(FingerprintError) } else { Ok(Self(bytes)) }
    }

    /// Of a certificate in DER.
    #[must_use]
    fn of(certificate: &[u8]) -> Self {
        let mut bytes = [0; 32];
        let sum = digest::digest(&digest::SHA256, certificate);
        bytes.iter_mut().zip(sum.as_ref()).for_each(|(byte, sum)| *byte = *sum);
        Self(bytes)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, byte) in self.0.iter().enumerate() {
            if place > 0 {
                f.write_str(":")?;
            }
            write!(f, "{byte:02X}")?;
        }
        Ok(())
    }
}

/// The certificate of this process with its private key, ECDSA on P-256. Cheap to clone.
#[derive(Clone)]
pub struct Certificate {
    pair: Arc<DtlsCertificate>,
    /// Made once: the library tries every algorithm when it makes one.
    config: Arc<Config>,
}

/// No certificate could be made: the system gave no randomness, or the DTLS library fails its own checks.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("cannot make a DTLS certificate: {0}")]
pub struct CertificateError(String);

impl CertificateError {
    /// Ours, or our library's.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        Fault::Confab
    }
}

impl Certificate {
    /// A new key and a certificate for it, signed by itself, good for a year. Draws from the system's randomness.
    ///
    /// # Errors
    /// [`CertificateError`]: the system's or the library's fault.
    pub fn generate() -> Result<Self, CertificateError> {
        Self::with_mtu(MTU)
    }

    fn with_mtu(mtu: usize) -> Result<Self, CertificateError> {
        let config = Config::builder()
            .mtu(mtu)
            .use_server_cookie(false)
            .require_client_certificate(true)
            .flight_start_rto(FIRST_RETRY)
            .flight_retries(RETRIES)
            .handshake_timeout(HANDSHAKE)
            .build()
            .map_err(|error| CertificateError(error.to_string()))?;
        let pair = dimpl::certificate::generate_self_signed_certificate()
            .map_err(|error| CertificateError(error.to_string()))?;
        Ok(Self { pair: Arc::new(pair), config: Arc::new(config) })
    }

    /// What the answer promises.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.pair.certificate)
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({})", self.fingerprint())
    }
}

/// One side of a DTLS connection.
#[derive(Debug)]
pub struct Dtls {
    library: dimpl::Dtls,
    role: DtlsRole,
    expected: Fingerprint,
    state: State,
}

/// How far a connection is. It only moves down this list.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// The certificate is unknown. The deadline is when the library wants to be called; `None` before the client's first
    /// datagram.
    Unverified {
        deadline: Option<Instant>,
    },
    /// The certificate is the one that was promised; that its owner sends it is not yet shown.
    Verified {
        deadline: Option<Instant>,
    },
    /// Keys were handed on. The library then only answers repeated datagrams: nothing is due.
    Established,
    /// The peer or we closed it.
    Closed,
    Failed(Failure),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Failure {
    Fingerprint,
    Other,
}

/// What a call brought.
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use]
pub enum Progress {
    /// Nothing to tell.
    Pending,
    /// The handshake is done, with the certificate that was expected. Told once.
    Keys(KeyingMaterial),
    /// The peer closed the connection, or we did.
    Closed,
}

/// Why a connection failed. It stays failed, and never yields keys.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum DtlsError {
    /// The certificate is not the one the offer promised: somebody is in the middle, or the client is broken.
    #[error("the certificate does not match the fingerprint of the offer")]
    FingerprintMismatch,
    /// The peer offers none of our SRTP profiles.
    #[error("no SRTP profile in common")]
    NoProfile,
    /// The handshake took too long.
    #[error("the DTLS handshake timed out")]
    TimedOut,
    /// The library gave up, in its words: the peer broke the protocol, or has nothing in common with us.
    #[error("the DTLS handshake failed: {0}")]
    Failed(String),
    /// The connection has failed before.
    #[error("the DTLS connection has failed")]
    Dead,
}

impl DtlsError {
    /// The peer's; ours are not told apart by the library.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        match self {
            Self::FingerprintMismatch
            | Self::NoProfile
            | Self::TimedOut
            | Self::Failed(_)
            | Self::Dead => Fault::Peer,
        }
    }
}

impl Dtls {
    /// A connection in `role`, whose other side must show a certificate of the fingerprint `expected`.
    ///
    /// A client's first datagram is sent by [`Self::handle_timeout`], which is due at once.
    #[must_use]
    pub fn new(
        certificate: &Certificate,
        role: DtlsRole,
        expected: Fingerprint,
        now: Instant,
    ) -> Self {
        let (config, pair) = (Arc::clone(&certificate.config), (*certificate.pair).clone());
        let mut library = dimpl::Dtls::new_12(config, pair, now);
        let deadline = match role {
            DtlsRole::Server => None,
            DtlsRole::Client => {
                library.set_active(true);
                Some(now)
            }
        };
        Self { library, role, expected, state: State::Unverified { deadline } }
    }

    /// Takes in one datagram; what is to be sent in answer goes to `send`, datagram by datagram.
    ///
    /// Damaged, repeated and foreign datagrams are ignored. Application data is dropped: nobody has offered any.
    ///
    /// # Errors
    /// [`DtlsError`]; the connection is dead: the peer's fault.
    pub fn handle(
        &mut self,
        now: Instant,
        packet: &[u8],
        send: &mut impl FnMut(&[u8]),
    ) -> Result<Progress, DtlsError> {
        let early = self.advance(now, send)?;
        if early != Progress::Pending {
            return Ok(early);
        }
        let result = self.library.handle_packet(packet);
        self.settle(result)?;
        self.drain(send)
    }

    /// Does what is due: repeats datagrams that were not answered, or gives up.
    ///
    /// # Errors
    /// [`DtlsError`]; the connection is dead: the peer's fault.
    pub fn handle_timeout(
        &mut self,
        now: Instant,
        send: &mut impl FnMut(&[u8]),
    ) -> Result<Progress, DtlsError> {
        self.advance(now, send)
    }

    /// When to call [`Self::handle_timeout`]; `None` while nothing is due.
    #[must_use]
    pub const fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Unverified { deadline } | State::Verified { deadline } => deadline,
            State::Established | State::Closed | State::Failed(_) => None,
        }
    }

    /// Ends the connection; where it was established, the peer is told.
    pub fn close(&mut self, send: &mut impl FnMut(&[u8])) {
        if matches!(self.state, State::Closed | State::Failed(_)) {
            return;
        }
        // The library fails where there is nobody to be told.
        if self.library.close().is_ok() {
            let _ = self.drain(send);
        }
        self.state = State::Closed;
    }

    fn advance(
        &mut self,
        now: Instant,
        send: &mut impl FnMut(&[u8]),
    ) -> Result<Progress, DtlsError> {
        match self.state {
            State::Failed(Failure::Fingerprint) => return Err(DtlsError::FingerprintMismatch),
            State::Failed(Failure::Other) => return Err(DtlsError::Dead),
            State::Closed => return Ok(Progress::Closed),
            State::Unverified { .. } | State::Verified { .. } | State::Established => {}
        }
        let result = self.library.handle_timeout(now);
        self.settle(result)?;
        self.drain(send)
    }

    fn settle(&mut self, result: Result<(), Error>) -> Result<(), DtlsError> {
        result.map_err(|error| {
            let error = if matches!(error, Error::Timeout(_)) {
                DtlsError::TimedOut
            } else {
                DtlsError::Failed(error.to_string())
            };
            self.fail(error)
        })
    }

    fn fail(&mut self, error: DtlsError) -> DtlsError {
        self.state = State::Failed(match error {
            DtlsError::FingerprintMismatch => Failure::Fingerprint,
            DtlsError::NoProfile | DtlsError::TimedOut | DtlsError::Failed(_) | DtlsError::Dead => {
                Failure::Other
            }
        });
        error
    }

    /// Takes from the library all it has to say.
    fn drain(&mut self, send: &mut impl FnMut(&[u8])) -> Result<Progress, DtlsError> {
        let mut progress = Progress::Pending;
        let mut connected = false;
        let mut small = [0; BUFFER];
        let mut large = Vec::new();
        loop {
            let buffer = if large.is_empty() { small.as_mut_slice() } else { large.as_mut_slice() };
            match self.library.poll_output(buffer) {
                Output::Packet(packet) => send(packet),
                Output::BufferTooSmall { needed } => large = vec![0; needed],
                Output::PeerCert(der) => {
                    if Fingerprint::of(der) != self.expected {
                        return Err(self.fail(DtlsError::FingerprintMismatch));
                    }
                    self.state = State::Verified { deadline: None };
                }
                Output::Connected => connected = true,
                Output::KeyingMaterial(exported, profile) => {
                    progress = Progress::Keys(self.keys(&exported, profile)?);
                }
                Output::CloseNotify => {
                    self.state = State::Closed;
                    return Ok(Progress::Closed);
                }
                Output::Timeout(at) => {
                    self.wait_until(at);
                    break;
                }
                // And whatever a later version of the library may tell.
                Output::ApplicationData(_) | _ => {}
            }
        }
        if connected && progress == Progress::Pending {
            return Err(self.fail(DtlsError::NoProfile));
        }
        Ok(progress)
    }

    fn keys(&mut self, exported: &[u8], profile: SrtpProfile) -> Result<KeyingMaterial, DtlsError> {
        match self.state {
            State::Verified { .. } => {}
            State::Unverified { .. } | State::Established | State::Closed | State::Failed(_) => {
                return Err(self.fail(DtlsError::FingerprintMismatch));
            }
        }
        let profile = match profile {
            SrtpProfile::AEAD_AES_256_GCM => Profile::Aes256Gcm,
            SrtpProfile::AEAD_AES_128_GCM => Profile::Aes128Gcm,
            SrtpProfile::AES128_CM_SHA1_80 => Profile::Aes128CmSha1,
            // A profile that the library has learnt and we have not.
            _ => return Err(self.fail(DtlsError::NoProfile)),
        };
        match KeyingMaterial::from_exported(profile, exported, self.role) {
            Ok(keys) => {
                self.state = State::Established;
                Ok(keys)
            }
            Err(error) => Err(self.fail(DtlsError::Failed(error.to_string()))),
        }
    }

    const fn wait_until(&mut self, at: Instant) {
        match &mut self.state {
            State::Unverified { deadline } | State::Verified { deadline } => *deadline = Some(at),
            State::Established | State::Closed | State::Failed(_) => {}
        }
    }
}

/// Bytes of a handshake datagram at most: below the 1,280 that IPv6 promises, less IP and UDP (48), with room for TURN.
const MTU: usize = 1200;
/// What one datagram and most certificates fit into; larger outputs are taken through a buffer of their own.
const BUFFER: usize = 2048;
/// Before the first repetition; twice as long before each further one. Most round trips are shorter, and a lost datagram
/// delays the first picture by it; the second that RFC 6347, section 4.2.4.1, proposes would be seen.
const FIRST_RETRY: Duration = Duration::from_millis(250);
/// 0.25 s doubled six times are 32 s: as long as the handshake may take.
const RETRIES: usize = 6;
/// As long as consent without a word lasts (RFC 7675, section 5.1).
const HANDSHAKE: Duration = Duration::from_secs(30);

#[cfg(test)]
#[path = "dtls_tests.rs"]
mod tests;
