//! SRTP and SRTCP (RFC 3711, RFC 7714): sealing and opening, replay windows.
//!
//! Left out on purpose: MKI, key derivation rates, unencrypted SRTCP, and header encryption (RFC 6904): no browser uses them.

use std::fmt;

use arrayvec::ArrayVec;
use thiserror::Error;

use crate::command::DtlsRole;
use crate::fault::Fault;
use crate::media::Ssrc;
use crate::packet::header::Header;
use crate::transport::cipher::{self, Cipher, PacketId, Traffic};
use crate::transport::replay::{INDEX_MAX, ReplayWindow, Stale};

/// A protection profile of DTLS-SRTP, in the order in which Confab prefers them.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Profile {
    /// AEAD_AES_256_GCM (RFC 7714).
    Aes256Gcm,
    /// AEAD_AES_128_GCM (RFC 7714).
    Aes128Gcm,
    /// AES128_CM_HMAC_SHA1_80 (RFC 3711, RFC 5764).
    Aes128CmSha1,
}

impl Profile {
    /// Bytes of a master key.
    #[must_use]
    pub const fn key_length(self) -> usize {
        match self {
            Self::Aes256Gcm => 32,
            Self::Aes128Gcm | Self::Aes128CmSha1 => 16,
        }
    }

    /// Bytes of a master salt.
    #[must_use]
    pub const fn salt_length(self) -> usize {
        match self {
            Self::Aes256Gcm | Self::Aes128Gcm => 12,
            Self::Aes128CmSha1 => 14,
        }
    }
}

/// A master key with its salt: 16 or 32 and 12 or 14 bytes, by profile.
#[derive(Clone, Eq, PartialEq)]
pub struct MasterKey {
    /// The key.
    pub key: ArrayVec<u8, 32>,
    /// The salt.
    pub salt: ArrayVec<u8, 14>,
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(secret)")
    }
}

/// Both directions' keys of one transport.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeyingMaterial {
    /// Which ciphers.
    pub profile: Profile,
    /// What we seal with.
    pub local: MasterKey,
    /// What we open with.
    pub remote: MasterKey,
}

impl KeyingMaterial {
    /// Cuts up what DTLS exports: client key, server key, client salt, server salt (RFC 5764, section 4.2).
    ///
    /// # Errors
    /// [`KeyError`] where `exported` is not as long as `profile` asks: the DTLS library's fault.
    pub fn from_exported(
        profile: Profile,
        exported: &[u8],
        role: DtlsRole,
    ) -> Result<Self, KeyError> {
        let cut = || {
            let (client_key, rest) = exported.split_at_checked(profile.key_length())?;
            let (server_key, rest) = rest.split_at_checked(profile.key_length())?;
            let (client_salt, server_salt) = rest.split_at_checked(profile.salt_length())?;
            let client = MasterKey::new(profile, client_key, client_salt).ok()?;
            let server = MasterKey::new(profile, server_key, server_salt).ok()?;
            Some((client, server))
        };
        let (client, server) = cut().ok_or(KeyError)?;
        let (local, remote) = match role {
            DtlsRole::Client => (client, server),
            DtlsRole::Server => (server, client),
        };
        Ok(Self { profile, local, remote })
    }
}

impl MasterKey {
    /// A master key of `profile`.
    ///
    /// # Errors
    /// [`KeyError`] where key or salt has a wrong length: the caller's fault.
    pub fn new(profile: Profile, key: &[u8], salt: &[u8]) -> Result<Self, KeyError> {
        if key.len() != profile.key_length() || salt.len() != profile.salt_length() {
            return Err(KeyError);
        }
        let key = key.try_into().map_err(|_| KeyError)?;
        let salt = salt.try_into().map_err(|_| KeyError)?;
        Ok(Self { key, salt })
    }
}

/// A key or salt has not the length that its profile asks for: Confab's or the DTLS library's mistake.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("SRTP key or salt of a wrong length")]
pub struct KeyError;

impl KeyError {
    /// Ours.
    #[must_use]
    pub const fn fault(self) -> Fault {
        Fault::Confab
    }
}

/// Seals what a transport sends.
#[derive(Debug)]
pub struct Sealer {
    rtp: Cipher,
    rtcp: Cipher,
    /// The index of the next SRTCP packet, one sequence for all SSRCs: with each its own index would be unique too.
    next_rtcp: u32,
}

/// Why a packet was not sealed. Always Confab's fault.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum SealError {
    /// The buffer ends before the sealed packet does, or the packet is shorter than its header.
    #[error("no room for the sealed packet")]
    NoRoom,
    /// Every index was used: 2⁴⁸ packets of RTP, 2³¹ of RTCP. The transport must end.
    #[error("the key is used up")]
    Exhausted,
}

impl SealError {
    /// Ours.
    #[must_use]
    pub const fn fault(self) -> Fault {
        match self {
            Self::NoRoom | Self::Exhausted => Fault::Confab,
        }
    }
}

impl Sealer {
    /// Derives the session keys of our direction.
    ///
    /// # Errors
    /// [`KeyError`] where `master` has not the lengths of `profile`: the caller's fault.
    pub fn new(profile: Profile, master: &MasterKey) -> Result<Self, KeyError> {
        let derive = |traffic| Cipher::derive(profile, master, traffic).map_err(|_| KeyError);
        Ok(Self { rtp: derive(Traffic::Rtp)?, rtcp: derive(Traffic::Rtcp)?, next_rtcp: 0 })
    }

    /// Bytes by which sealing makes an RTP packet longer: 16 or 10.
    #[must_use]
    pub const fn rtp_overhead(&self) -> usize {
        self.rtp.tag_length()
    }

    /// Seals one RTP packet and returns its length.
    ///
    /// `packet` begins with `header` bytes of a written header, which is only authenticated; `prefix` bytes of plaintext
    /// follow, which are encrypted in place; `payload` is encrypted from where it is into what follows. The AEAD profiles
    /// copy the payload by encrypting it; AES128_CM copies, then encrypts.
    ///
    /// `index` is the 48-bit index of the packet in its SSRC: rollover counter and the sequence number that the header
    /// carries. The caller never seals two different packets under one index (it would give both away).
    ///
    /// # Errors
    /// [`SealError`], and `packet` must not be sent: the caller's fault.
    pub fn seal_rtp(
        &self,
        index: u64,
        packet: &mut [u8],
        header: usize,
        prefix: usize,
        payload: &[u8],
    ) -> Result<usize, SealError> {
        if index > INDEX_MAX {
            return Err(SealError::Exhausted);
        }
        let Some(&[_, _, s0, s1, _, _, _, _, c0, c1, c2, c3]) =
            packet.get(..header).and_then(|header| header.first_chunk())
        else {
            return Err(SealError::NoRoom);
        };
        let [.., low0, low1] = index.to_be_bytes();
        debug_assert_eq!([s0, s1], [low0, low1], "the index is not the header's");
        let id = PacketId { ssrc: u32::from_be_bytes([c0, c1, c2, c3]), index };
        self.rtp.seal_rtp(id, packet, header, prefix, payload).ok_or(SealError::NoRoom)
    }

    /// Seals the RTCP compound that fills `packet[..length]` in place and returns the sealed length, 20 or 14 bytes more.
    ///
    /// # Errors
    /// [`SealError`], and `packet` must not be sent: the caller's fault.
    pub fn seal_rtcp(&mut self, packet: &mut [u8], length: usize) -> Result<usize, SealError> {
        if self.next_rtcp & cipher::ENCRYPTED != 0 {
            return Err(SealError::Exhausted);
        }
        let ssrc = packet.get(..length).and_then(sender).ok_or(SealError::NoRoom)?;
        let id = PacketId { ssrc, index: u64::from(self.next_rtcp) };
        let sealed = self.rtcp.seal_rtcp(id, packet, length).ok_or(SealError::NoRoom)?;
        self.next_rtcp += 1;
        Ok(sealed)
    }
}

/// Opens what a transport receives.
#[derive(Debug)]
pub struct Opener {
    rtp: Cipher,
    rtcp: Cipher,
    rtp_streams: Streams,
    rtcp_streams: Streams,
}

/// An RTP packet that was opened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Opened {
    /// Where the plaintext ends; it begins with the header.
    pub length: usize,
    /// The 48-bit index of the packet in its SSRC: rollover counter and sequence number.
    pub index: u64,
}

/// Why a packet was not opened. Always the peer's fault, or that of whoever forged it.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum OpenError {
    /// Too short to have been sealed.
    #[error("SRTP packet is too short")]
    TooShort,
    /// It has arrived already.
    #[error("SRTP packet repeated")]
    Repeated,
    /// It is too old to tell whether it has arrived already.
    #[error("SRTP packet too old")]
    TooOld,
    /// The tag is wrong: damaged, forged, or sealed with another key. The packet's bytes are worthless now.
    #[error("SRTP packet is not authentic")]
    NotAuthentic,
    /// An SRTCP packet that is not encrypted.
    #[error("SRTCP packet is not encrypted")]
    NotEncrypted,
    /// A new SSRC, while [`STREAMS_MAX`] others have sent.
    #[error("too many SSRCs in one transport")]
    TooManyStreams,
}

impl OpenError {
    /// Always the sender's.
    #[must_use]
    pub const fn fault(self) -> Fault {
        match self {
            Self::TooShort
            | Self::Repeated
            | Self::TooOld
            | Self::NotAuthentic
            | Self::NotEncrypted
            | Self::TooManyStreams => Fault::Peer,
        }
    }
}

impl Opener {
    /// Derives the session keys of the peer's direction.
    ///
    /// # Errors
    /// [`KeyError`] where `master` has not the lengths of `profile`: the caller's fault.
    pub fn new(profile: Profile, master: &MasterKey) -> Result<Self, KeyError> {
        let derive = |traffic| Cipher::derive(profile, master, traffic).map_err(|_| KeyError);
        Ok(Self {
            rtp: derive(Traffic::Rtp)?,
            rtcp: derive(Traffic::Rtcp)?,
            rtp_streams: Streams::default(),
            rtcp_streams: Streams::default(),
        })
    }

    /// Opens `packet`, from which `header` was parsed, in place.
    ///
    /// The rollover counter is estimated (RFC 3711, section 3.3.1) and begins at 0 with the first packet of an SSRC. Nothing is
    /// remembered of a packet that is not authentic.
    ///
    /// # Errors
    /// [`OpenError`]; the packet is to be dropped: the peer's fault.
    pub fn open_rtp(&mut self, header: &Header, packet: &mut [u8]) -> Result<Opened, OpenError> {
        if packet.len() < header.length + self.rtp.tag_length() {
            return Err(OpenError::TooShort);
        }
        let place = self.rtp_streams.place(header.ssrc)?;
        let window = self.rtp_streams.window(place);
        let index = window.index(header.sequence.0).ok_or(OpenError::TooOld)?;
        window.check(index)?;
        let id = PacketId { ssrc: header.ssrc.0, index };
        let length = self
            .rtp
            .open_rtp(id, packet, header.length)
            .map_err(|cipher::Refused| OpenError::NotAuthentic)?;
        self.rtp_streams.accept(place, header.ssrc, index);
        Ok(Opened { length, index })
    }

    /// Opens an RTCP packet in place and returns the length of the compound.
    ///
    /// Each SSRC that sends has its own replay window: libwebrtc numbers them apart.
    ///
    /// # Errors
    /// [`OpenError`]; the packet is to be dropped: the peer's fault.
    pub fn open_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, OpenError> {
        let overhead = self.rtcp.tag_length() + cipher::INDEX_WORD;
        if packet.len() < cipher::RTCP_HEADER + overhead {
            return Err(OpenError::TooShort);
        }
        let ssrc = sender(packet).ok_or(OpenError::TooShort)?;
        let word = self.rtcp.rtcp_word(packet).ok_or(OpenError::TooShort)?;
        if word & cipher::ENCRYPTED == 0 {
            return Err(OpenError::NotEncrypted);
        }
        let index = u64::from(word & !cipher::ENCRYPTED);
        let place = self.rtcp_streams.place(Ssrc(ssrc))?;
        self.rtcp_streams.window(place).check(index)?;
        let length = self
            .rtcp
            .open_rtcp(PacketId { ssrc, index }, packet)
            .map_err(|cipher::Refused| OpenError::NotAuthentic)?;
        self.rtcp_streams.accept(place, Ssrc(ssrc), index);
        Ok(length)
    }
}

impl From<Stale> for OpenError {
    fn from(stale: Stale) -> Self {
        match stale {
            Stale::Repeated => Self::Repeated,
            Stale::TooOld => Self::TooOld,
        }
    }
}

/// The SSRCs that have sent something authentic, sorted, with what of each has arrived.
#[derive(Clone, Debug, Default)]
struct Streams(Vec<(Ssrc, ReplayWindow)>);

/// Where an SSRC is, or would be inserted.
type Place = Result<usize, usize>;

impl Streams {
    fn place(&self, ssrc: Ssrc) -> Result<Place, OpenError> {
        let place = self.0.binary_search_by_key(&ssrc, |(known, _)| *known);
        if place.is_err() && self.0.len() >= STREAMS_MAX {
            return Err(OpenError::TooManyStreams);
        }
        Ok(place)
    }

    fn window(&self, place: Place) -> ReplayWindow {
        place
            .ok()
            .and_then(|at| self.0.get(at))
            .map_or_else(ReplayWindow::default, |(_, window)| *window)
    }

    fn accept(&mut self, place: Place, ssrc: Ssrc, index: u64) {
        match place {
            Ok(at) => {
                if let Some((_, window)) = self.0.get_mut(at) {
                    window.accept(index);
                }
            }
            Err(at) => {
                let mut window = ReplayWindow::default();
                window.accept(index);
                self.0.insert(at, (ssrc, window));
            }
        }
    }
}

/// The SSRC at the head of an RTCP packet.
fn sender(packet: &[u8]) -> Option<u32> {
    let [_, _, _, _, ssrc @ ..] = packet.first_chunk::<{ cipher::RTCP_HEADER }>()?;
    Some(u32::from_be_bytes(*ssrc))
}

/// SSRCs one transport may send from, RTP and RTCP each. Camera, screen and two voices with three layers, each with its
/// retransmissions, are 16; the rest is for clients that draw new ones when a track restarts. Further ones are refused with
/// [`OpenError::TooManyStreams`].
pub const STREAMS_MAX: usize = 64;

#[cfg(test)]
#[path = "srtp_tests.rs"]
mod tests;
