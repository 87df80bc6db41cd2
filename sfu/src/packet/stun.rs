//! STUN binding requests, read where they lie, and their answers (RFC 8489; the attributes of ICE: RFC 8445, section 16.1).
//!
//! An ICE-lite agent sees nothing else: indications and responses are told by their reason and ignored. Requests arrive
//! by the thousand and before anything is authenticated, so neither reading nor answering allocates.

use std::net::{IpAddr, SocketAddr};

use arrayvec::ArrayVec;
use aws_lc_rs::{constant_time, hmac};
use thiserror::Error;

use crate::fault::Fault;
use crate::packet::writer::Writer;

/// Which request an answer belongs to.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct TransactionId(pub [u8; 12]);

/// A binding request whose FINGERPRINT is right. Who sent it is unknown until [`Self::authenticate`] says so.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BindingRequest<'a> {
    /// The whole message.
    message: &'a [u8],
    /// Repeated in the answer.
    pub transaction: TransactionId,
    /// Whom it is for and from.
    pub username: Option<Username<'a>>,
    /// USE-CANDIDATE: the sender nominates this path.
    pub use_candidate: bool,
    /// PRIORITY of a candidate learnt from this request.
    pub priority: Option<u32>,
    /// The role the sender takes itself to have.
    pub role: Option<Role>,
    /// Types of attributes that must be understood and are not; the first eight of them.
    pub unknown: ArrayVec<u16, UNKNOWN_MAX>,
    integrity: Option<Integrity<'a>>,
}

/// USERNAME of a connectivity check: `addressed:sender` (RFC 8445, section 7.2.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Username<'a> {
    /// The ufrag of the agent it is sent to: ours.
    pub addressed: &'a str,
    /// The ufrag of the agent that sent it; empty where there was no colon.
    pub sender: &'a str,
}

/// ICE-CONTROLLING or ICE-CONTROLLED, with the tie-breaker.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    /// The sender nominates. What an agent must be towards a lite one.
    Controlling(u64),
    /// The sender waits for a nomination.
    Controlled(u64),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Integrity<'a> {
    /// Where in the message the attribute begins.
    start: usize,
    tag: &'a [u8; TAG],
}

/// Why a datagram is no binding request to answer.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum StunError {
    /// No STUN header, a wrong magic cookie, or a length that is not the datagram's.
    #[error("not a STUN message")]
    NotStun,
    /// An attribute reaches beyond the message, or has not the length or content its type asks for.
    #[error("malformed STUN attribute {0}")]
    Malformed(&'static str),
    /// A checksum is missing: every agent of RFC 8445 sends one.
    #[error("STUN message without FINGERPRINT")]
    NoFingerprint,
    /// The checksum is wrong: damaged, or not STUN.
    #[error("STUN message with a wrong FINGERPRINT")]
    WrongFingerprint,
    /// A binding indication: keeps a NAT open, is never answered.
    #[error("STUN indication")]
    Indication,
    /// An answer: we ask nothing.
    #[error("STUN response")]
    Response,
    /// A request other than binding; TURN, most likely.
    #[error("STUN method {0:#x} is not binding")]
    Method(u16),
}

impl StunError {
    /// Always the sender's.
    #[must_use]
    pub const fn fault(self) -> Fault {
        match self {
            Self::NotStun
            | Self::Malformed(_)
            | Self::NoFingerprint
            | Self::WrongFingerprint
            | Self::Indication
            | Self::Response
            | Self::Method(_) => Fault::Peer,
        }
    }
}

impl<'a> BindingRequest<'a> {
    /// Reads a binding request, which must fill `message`, and checks its FINGERPRINT.
    ///
    /// Of two attributes of one type the first counts; after MESSAGE-INTEGRITY only FINGERPRINT does (RFC 8489, section
    /// 14.5). Left out on purpose: MESSAGE-INTEGRITY-SHA256, which ICE does not use; before MESSAGE-INTEGRITY it counts as
    /// unknown.
    ///
    /// # Errors
    /// Where it is anything else: the peer's fault, and nothing to answer.
    pub fn parse(message: &'a [u8]) -> Result<Self, StunError> {
        let transaction = transaction_of_request(message)?;
        check_fingerprint(message)?;
        let mut request = Self {
            message,
            transaction,
            username: None,
            use_candidate: false,
            priority: None,
            role: None,
            unknown: ArrayVec::new(),
            integrity: None,
        };
        let mut attributes = Attributes::of(message);
        while let Some(attribute) = attributes.next() {
            request.take(attribute?)?;
            if request.integrity.is_some() {
                break;
            }
        }
        Ok(request)
    }

    /// Bytes of the whole message.
    #[must_use]
    pub const fn length(&self) -> usize {
        self.message.len()
    }

    /// Whether it carries MESSAGE-INTEGRITY at all.
    #[must_use]
    pub const fn is_signed(&self) -> bool {
        self.integrity.is_some()
    }

    /// Whether MESSAGE-INTEGRITY shows that the sender knows `password` (RFC 8489, section 14.5). Compared in constant time.
    #[must_use]
    pub fn authenticate(&self, password: &[u8]) -> bool {
        let Some(Integrity { start, tag }) = self.integrity else { return false };
        let Some(before) = self.message.get(..start) else { return false };
        integrity(before, password)
            .is_some_and(|ours| constant_time::verify_slices_are_equal(&ours, tag).is_ok())
    }

    fn take(&mut self, attribute: Attribute<'a>) -> Result<(), StunError> {
        let Attribute { start, kind, value } = attribute;
        match kind {
            USERNAME if self.username.is_none() => {
                let text = str::from_utf8(value).map_err(|_| StunError::Malformed("USERNAME"))?;
                let (addressed, sender) = text.split_once(':').unwrap_or((text, ""));
                self.username = Some(Username { addressed, sender });
            }
            USE_CANDIDATE => self.use_candidate = true,
            PRIORITY if self.priority.is_none() => {
                self.priority = Some(u32::from_be_bytes(exactly(value, "PRIORITY")?));
            }
            ICE_CONTROLLING if self.role.is_none() => {
                let tie_breaker = u64::from_be_bytes(exactly(value, "ICE-CONTROLLING")?);
                self.role = Some(Role::Controlling(tie_breaker));
            }
            ICE_CONTROLLED if self.role.is_none() => {
                let tie_breaker = u64::from_be_bytes(exactly(value, "ICE-CONTROLLED")?);
                self.role = Some(Role::Controlled(tie_breaker));
            }
            MESSAGE_INTEGRITY => {
                let tag =
                    value.try_into().map_err(|_| StunError::Malformed("MESSAGE-INTEGRITY"))?;
                self.integrity = Some(Integrity { start, tag });
            }
            USERNAME | PRIORITY | ICE_CONTROLLING | ICE_CONTROLLED => {}
            _ if kind < COMPREHENSION_OPTIONAL => {
                // Full: the answer names the first eight, which is enough to tell the sender.
                let _ = self.unknown.try_push(kind);
            }
            _ => {}
        }
        Ok(())
    }
}

/// Why a request is refused, as its answer says (RFC 8489, section 14.8; RFC 8445, section 7.3.1.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ErrorCode<'a> {
    /// 400: without USERNAME or MESSAGE-INTEGRITY.
    BadRequest,
    /// 401: the user is unknown, or the integrity wrong.
    Unauthorized,
    /// 420: with the types that were not understood.
    UnknownAttribute(&'a [u16]),
    /// 487: the sender has our role.
    RoleConflict,
}

impl ErrorCode<'_> {
    /// Its number.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Unauthorized => 401,
            Self::UnknownAttribute(_) => 420,
            Self::RoleConflict => 487,
        }
    }

    /// Class and number as ERROR-CODE carries them, after two reserved bytes.
    const fn bytes(self) -> [u8; 4] {
        match self {
            Self::BadRequest => [0, 0, 4, 0],
            Self::Unauthorized => [0, 0, 4, 1],
            Self::UnknownAttribute(_) => [0, 0, 4, 20],
            Self::RoleConflict => [0, 0, 4, 87],
        }
    }
}

/// Writes a success response with XOR-MAPPED-ADDRESS, MESSAGE-INTEGRITY and FINGERPRINT; returns its length, 64 bytes for
/// IPv4 and 76 for IPv6, or `None` where `out` is too short.
pub fn write_success(
    out: &mut [u8],
    transaction: TransactionId,
    mapped: SocketAddr,
    password: &[u8],
) -> Option<usize> {
    let mut answer = Answer::begin(out, BINDING_SUCCESS, transaction)?;
    let [c0, c1, c2, c3] = COOKIE;
    let [p0, p1] = mapped.port().to_be_bytes();
    let port = [p0 ^ c0, p1 ^ c1];
    match mapped.ip().to_canonical() {
        IpAddr::V4(ip) => {
            let [a, b, c, d] = ip.octets();
            let [p0, p1] = port;
            let value = [0, FAMILY_IPV4, p0, p1, a ^ c0, b ^ c1, c ^ c2, d ^ c3];
            answer.attribute(XOR_MAPPED_ADDRESS, &[&value])?;
        }
        IpAddr::V6(ip) => {
            let mut octets = ip.octets();
            let mask = COOKIE.into_iter().chain(transaction.0);
            octets.iter_mut().zip(mask).for_each(|(octet, mask)| *octet ^= mask);
            answer.attribute(XOR_MAPPED_ADDRESS, &[&[0, FAMILY_IPV6], &port, &octets])?;
        }
    }
    answer.sign(password)?;
    answer.finish()
}

/// Writes an error response with ERROR-CODE (no reason phrase: it would only make the answer longer) and FINGERPRINT;
/// with MESSAGE-INTEGRITY where `password` is given, as it must be once the request was authenticated. Returns its length,
/// 36 bytes and more, or `None` where `out` is too short.
pub fn write_error(
    out: &mut [u8],
    transaction: TransactionId,
    code: ErrorCode<'_>,
    password: Option<&[u8]>,
) -> Option<usize> {
    let mut answer = Answer::begin(out, BINDING_ERROR, transaction)?;
    answer.attribute(ERROR_CODE, &[&code.bytes()])?;
    match code {
        ErrorCode::UnknownAttribute(types) => {
            let types: ArrayVec<[u8; 2], UNKNOWN_MAX> =
                types.iter().take(UNKNOWN_MAX).map(|kind| kind.to_be_bytes()).collect();
            answer.attribute(UNKNOWN_ATTRIBUTES, &[types.as_flattened()])?;
        }
        ErrorCode::BadRequest | ErrorCode::Unauthorized | ErrorCode::RoleConflict => {}
    }
    if let Some(password) = password {
        answer.sign(password)?;
    }
    answer.finish()
}

/// An answer being written; its length field is right after every attribute.
struct Answer<'a>(Writer<'a>);

impl<'a> Answer<'a> {
    fn begin(out: &'a mut [u8], kind: u16, transaction: TransactionId) -> Option<Self> {
        let mut writer = Writer::new(out);
        writer.put_u16(kind)?;
        writer.put_u16(0)?;
        writer.put(&COOKIE)?;
        writer.put(&transaction.0)?;
        Some(Self(writer))
    }

    fn attribute(&mut self, kind: u16, parts: &[&[u8]]) -> Option<()> {
        self.0.put_u16(kind)?;
        self.0.put_u16(u16::try_from(parts.iter().map(|part| part.len()).sum::<usize>()).ok()?)?;
        for part in parts {
            self.0.put(part)?;
        }
        self.0.pad_to_word()?;
        self.announce(self.0.length())
    }

    fn announce(&mut self, length: usize) -> Option<()> {
        self.0.set_u16(LENGTH_AT, u16::try_from(length.checked_sub(HEADER)?).ok()?)
    }

    fn sign(&mut self, password: &[u8]) -> Option<()> {
        let tag = integrity(self.0.written(), password)?;
        self.attribute(MESSAGE_INTEGRITY, &[&tag])
    }

    fn finish(mut self) -> Option<usize> {
        self.announce(self.0.length() + ATTRIBUTE_HEADER + 4)?;
        let sum = crc32(self.0.written()) ^ FINGERPRINT_MASK;
        self.attribute(FINGERPRINT, &[&sum.to_be_bytes()])?;
        Some(self.0.length())
    }
}

/// An attribute of a message.
struct Attribute<'a> {
    /// Where in the message it begins.
    start: usize,
    kind: u16,
    value: &'a [u8],
}

struct Attributes<'a> {
    message: &'a [u8],
    next: usize,
}

impl<'a> Attributes<'a> {
    const fn of(message: &'a [u8]) -> Self {
        Self { message, next: HEADER }
    }

    fn next(&mut self) -> Option<Result<Attribute<'a>, StunError>> {
        let start = self.next;
        let rest = self.message.get(start..)?;
        if rest.is_empty() {
            return None;
        }
        // Whatever follows an attribute that does not fit is not read.
        self.next = usize::MAX;
        let Some(([k0, k1, l0, l1], rest)) = rest.split_first_chunk::<ATTRIBUTE_HEADER>() else {
            return Some(Err(StunError::Malformed("header")));
        };
        let length = usize::from(u16::from_be_bytes([*l0, *l1]));
        let padded = length.next_multiple_of(4);
        let Some(value) = rest.get(..length).filter(|_| padded <= rest.len()) else {
            return Some(Err(StunError::Malformed("length")));
        };
        self.next = start + ATTRIBUTE_HEADER + padded;
        Some(Ok(Attribute { start, kind: u16::from_be_bytes([*k0, *k1]), value }))
    }
}

fn transaction_of_request(message: &[u8]) -> Result<TransactionId, StunError> {
    let Some((&[t0, t1, l0, l1, c0, c1, c2, c3, ref transaction @ ..], rest)) =
        message.split_first_chunk::<HEADER>()
    else {
        return Err(StunError::NotStun);
    };
    let kind = u16::from_be_bytes([t0, t1]);
    let length = usize::from(u16::from_be_bytes([l0, l1]));
    if kind & 0xc000 != 0 || [c0, c1, c2, c3] != COOKIE || length != rest.len() || length % 4 != 0 {
        return Err(StunError::NotStun);
    }
    match kind & CLASS_BITS {
        CLASS_REQUEST => {}
        CLASS_INDICATION => return Err(StunError::Indication),
        _ => return Err(StunError::Response),
    }
    // The method's twelve bits lie around the two of the class (RFC 8489, section 5).
    let method = kind & 0x000f | kind >> 1 & 0x0070 | kind >> 2 & 0x0f80;
    if method != METHOD_BINDING {
        return Err(StunError::Method(method));
    }
    Ok(TransactionId(*transaction))
}

/// FINGERPRINT is the last attribute, eight bytes long (RFC 8489, section 14.7).
fn check_fingerprint(message: &[u8]) -> Result<(), StunError> {
    let Some((before, &[k0, k1, l0, l1, ref sum @ ..])) = message.split_last_chunk::<8>() else {
        return Err(StunError::NoFingerprint);
    };
    if before.len() < HEADER
        || u16::from_be_bytes([k0, k1]) != FINGERPRINT
        || u16::from_be_bytes([l0, l1]) != 4
    {
        return Err(StunError::NoFingerprint);
    }
    if crc32(before) ^ FINGERPRINT_MASK == u32::from_be_bytes(*sum) {
        Ok(())
    } else {
        Err(StunError::WrongFingerprint)
    }
}

/// HMAC-SHA1 over a message up to its MESSAGE-INTEGRITY, with the length as if the message ended there.
fn integrity(before: &[u8], password: &[u8]) -> Option<[u8; TAG]> {
    let (kind, rest) = before.split_first_chunk::<LENGTH_AT>()?;
    let (_, rest) = rest.split_first_chunk::<2>()?;
    let length = u16::try_from(before.len() + ATTRIBUTE_HEADER + TAG - HEADER).ok()?;
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, password);
    let mut context = hmac::Context::with_key(&key);
    context.update(kind);
    context.update(&length.to_be_bytes());
    context.update(rest);
    context.sign().as_ref().try_into().ok()
}

fn exactly<const N: usize>(value: &[u8], name: &'static str) -> Result<[u8; N], StunError> {
    value.try_into().map_err(|_| StunError::Malformed(name))
}

/// CRC-32 as in ITU V.42 (RFC 8489, section 14.7).
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        let [low, ..] = sum.to_le_bytes();
        let step = CRC_TABLE.get(usize::from(low ^ byte)).copied().unwrap_or_default();
        sum >> 8 ^ step
    })
}

#[expect(clippy::indexing_slicing, reason = "the index stays below 256, the table's length")]
const CRC_TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut sum = 0;
    let mut index = 0;
    while index < 256 {
        let mut bit = 0;
        let mut step: u32 = sum;
        while bit < 8 {
            step = step >> 1 ^ (if step & 1 == 1 { CRC_POLYNOMIAL } else { 0 });
            bit += 1;
        }
        table[index] = step;
        sum += 1;
        index += 1;
    }
    table
};

/// ITU V.42, reflected.
const CRC_POLYNOMIAL: u32 = 0xedb8_8320;
/// Bytes before the attributes (RFC 8489, section 5).
const HEADER: usize = 20;
/// Where in the header the length of the attributes is.
const LENGTH_AT: usize = 2;
/// Type and length of an attribute (RFC 8489, section 14).
const ATTRIBUTE_HEADER: usize = 4;
/// Bytes of a MESSAGE-INTEGRITY: HMAC-SHA1.
const TAG: usize = 20;
/// How many attributes that were not understood an answer names. A client that sends more has problems of its own.
const UNKNOWN_MAX: usize = 8;
/// RFC 8489, section 5.
const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
/// RFC 8489, section 5: C1 and C0.
const CLASS_BITS: u16 = 0x0110;
const CLASS_REQUEST: u16 = 0x0000;
const CLASS_INDICATION: u16 = 0x0010;
const METHOD_BINDING: u16 = 0x001;
const BINDING_SUCCESS: u16 = 0x0101;
const BINDING_ERROR: u16 = 0x0111;
/// RFC 8489, section 18.3; RFC 8445, section 20.
const USERNAME: u16 = 0x0006;
const MESSAGE_INTEGRITY: u16 = 0x0008;
const ERROR_CODE: u16 = 0x0009;
const UNKNOWN_ATTRIBUTES: u16 = 0x000a;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
const PRIORITY: u16 = 0x0024;
const USE_CANDIDATE: u16 = 0x0025;
const FINGERPRINT: u16 = 0x8028;
const ICE_CONTROLLED: u16 = 0x8029;
const ICE_CONTROLLING: u16 = 0x802a;
/// Types from here on may be ignored (RFC 8489, section 14).
const COMPREHENSION_OPTIONAL: u16 = 0x8000;
/// RFC 8489, section 14.7.
const FINGERPRINT_MASK: u32 = 0x5354_554e;
/// RFC 8489, section 14.1.
const FAMILY_IPV4: u8 = 1;
const FAMILY_IPV6: u8 = 2;

#[cfg(test)]
#[path = "stun_tests.rs"]
mod tests;
