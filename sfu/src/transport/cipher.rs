//! The session keys of one direction, and the ciphers that use them.
//!
//! RTP and RTCP of a direction have session keys of their own, derived from one master key (RFC 3711, section 4.3). What is
//! sealed is always `header ‖ prefix ‖ payload`: the header is only authenticated, the prefix is encrypted where it stands, and
//! the payload on its way from the caller's slice into the packet, so that it is copied once, by the cipher.

use arrayvec::ArrayVec;
use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_128, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::{constant_time, hmac};

use crate::transport::srtp::{MasterKey, Profile};

/// Session keys for RTP or for RTCP.
#[derive(Debug)]
pub(super) enum Cipher {
    Gcm(Gcm),
    /// Boxed: its HMAC key is 1.7 KB, forty times a `Gcm`, and few transports still use it.
    Counter(Box<Counter>),
}

/// Which of the two that a master key protects (RFC 3711, section 4.3.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Traffic {
    Rtp,
    Rtcp,
}

/// What names a packet: never the same twice under one key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct PacketId {
    pub(super) ssrc: u32,
    /// 48 bits for RTP, 31 for RTCP.
    pub(super) index: u64,
}

/// The library refused: a key of a wrong length, or a tag that is not right.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Refused;

impl Cipher {
    /// The session keys that `master` gives; `Err` where it has not the lengths of `profile`.
    pub(super) fn derive(
        profile: Profile,
        master: &MasterKey,
        traffic: Traffic,
    ) -> Result<Self, Refused> {
        if master.key.len() != profile.key_length() || master.salt.len() != profile.salt_length() {
            return Err(Refused);
        }
        let [key_label, tag_label, salt_label] = match traffic {
            Traffic::Rtp => [0, 1, 2],
            Traffic::Rtcp => [3, 4, 5],
        };
        let mut key = [0; 32];
        let key = key.get_mut(..profile.key_length()).ok_or(Refused)?;
        generate(master, key_label, key)?;
        match profile {
            Profile::Aes256Gcm | Profile::Aes128Gcm => {
                let mut salt = [0; 12];
                generate(master, salt_label, &mut salt)?;
                Gcm::new(profile, key, salt).map(Self::Gcm)
            }
            Profile::Aes128CmSha1 => {
                let mut salt = [0; 14];
                generate(master, salt_label, &mut salt)?;
                let mut tag_key = [0; TAG_KEY];
                generate(master, tag_label, &mut tag_key)?;
                let counter = Counter::new(key, salt, &tag_key)?;
                Ok(Self::Counter(Box::new(counter)))
            }
        }
    }

    /// Bytes that sealing adds between payload and whatever follows.
    pub(super) const fn tag_length(&self) -> usize {
        match self {
            Self::Gcm(_) => GCM_TAG,
            Self::Counter(_) => HMAC_TAG,
        }
    }

    /// Seals an RTP packet: `packet` holds `header` bytes of header, `prefix` bytes of plaintext, and room. Returns the length.
    pub(super) fn seal_rtp(
        &self,
        id: PacketId,
        packet: &mut [u8],
        header: usize,
        prefix: usize,
        payload: &[u8],
    ) -> Option<usize> {
        let end = header.checked_add(prefix)?.checked_add(payload.len())?;
        let length = end.checked_add(self.tag_length())?;
        let packet = packet.get_mut(..length)?;
        match self {
            Self::Gcm(gcm) => {
                let (header, body) = packet.split_at_mut_checked(header)?;
                let (prefix, out) = body.split_at_mut_checked(prefix)?;
                let aad = Aad::from(&*header);
                gcm.key.seal_in_place_scatter(gcm.rtp_nonce(id), aad, prefix, payload, out).ok()?;
            }
            Self::Counter(counter) => {
                packet.get_mut(header + prefix..end)?.copy_from_slice(payload);
                let (sealed, tag) = packet.split_at_mut_checked(end)?;
                counter.crypt(id, sealed.get_mut(header..)?)?;
                tag.copy_from_slice(&counter.tag(&[sealed, &rollover(id.index)]));
            }
        }
        Some(length)
    }

    /// Opens an RTP packet in place and returns where its plaintext ends.
    pub(super) fn open_rtp(
        &self,
        id: PacketId,
        packet: &mut [u8],
        header: usize,
    ) -> Result<usize, Refused> {
        let end = packet.len().checked_sub(self.tag_length()).ok_or(Refused)?;
        let (header, body) = packet.split_at_mut_checked(header).ok_or(Refused)?;
        match self {
            Self::Gcm(gcm) => {
                let aad = Aad::from(&*header);
                gcm.key.open_in_place(gcm.rtp_nonce(id), aad, body).map_err(|_| Refused)?;
            }
            Self::Counter(counter) => {
                let payload = end.checked_sub(header.len()).ok_or(Refused)?;
                let (payload, tag) = body.split_at_mut_checked(payload).ok_or(Refused)?;
                counter.verify(&[header, payload, &rollover(id.index)], tag)?;
                counter.crypt(id, payload).ok_or(Refused)?;
            }
        }
        Ok(end)
    }

    /// Seals the RTCP compound of `length` bytes at the start of `packet`, which has room behind. Returns the length.
    pub(super) fn seal_rtcp(
        &self,
        id: PacketId,
        packet: &mut [u8],
        length: usize,
    ) -> Option<usize> {
        let sealed_length = length.checked_add(self.tag_length())?.checked_add(INDEX_WORD)?;
        let packet = packet.get_mut(..sealed_length)?;
        let word = index_word(id.index)?;
        match self {
            Self::Gcm(gcm) => {
                let (sealed, trailer) = packet.split_at_mut_checked(length + GCM_TAG)?;
                trailer.copy_from_slice(&word);
                let (header, body) = sealed.split_at_mut_checked(RTCP_HEADER)?;
                let (body, tag) = body.split_at_mut_checked(length.checked_sub(RTCP_HEADER)?)?;
                let aad = Aad::from(gcm_rtcp_aad(header, word)?);
                let sum = gcm.key.seal_in_place_separate_tag(gcm.rtcp_nonce(id), aad, body).ok()?;
                tag.copy_from_slice(sum.as_ref());
            }
            Self::Counter(counter) => {
                let (sealed, trailer) = packet.split_at_mut_checked(length)?;
                counter.crypt(id, sealed.get_mut(RTCP_HEADER..)?)?;
                let (index, tag) = trailer.split_at_mut_checked(INDEX_WORD)?;
                index.copy_from_slice(&word);
                tag.copy_from_slice(&counter.tag(&[sealed, &word]));
            }
        }
        Some(sealed_length)
    }

    /// The word with the index, and the E bit, of a sealed RTCP packet.
    pub(super) fn rtcp_word(&self, packet: &[u8]) -> Option<u32> {
        let before = match self {
            Self::Gcm(_) => packet.len(),
            Self::Counter(_) => packet.len().checked_sub(HMAC_TAG)?,
        };
        packet.get(..before)?.last_chunk().map(|word| u32::from_be_bytes(*word))
    }

    /// Opens an RTCP packet in place and returns the length of the compound.
    pub(super) fn open_rtcp(&self, id: PacketId, packet: &mut [u8]) -> Result<usize, Refused> {
        let end = packet.len().checked_sub(self.tag_length() + INDEX_WORD).ok_or(Refused)?;
        let word = index_word(id.index).ok_or(Refused)?;
        match self {
            Self::Gcm(gcm) => {
                let (sealed, _) = packet.split_at_mut_checked(end + GCM_TAG).ok_or(Refused)?;
                let (header, body) = sealed.split_at_mut_checked(RTCP_HEADER).ok_or(Refused)?;
                let aad = Aad::from(gcm_rtcp_aad(header, word).ok_or(Refused)?);
                gcm.key.open_in_place(gcm.rtcp_nonce(id), aad, body).map_err(|_| Refused)?;
            }
            Self::Counter(counter) => {
                let (sealed, tag) = packet.split_at_mut_checked(end + INDEX_WORD).ok_or(Refused)?;
                counter.verify(&[sealed], tag)?;
                let body = sealed.get_mut(RTCP_HEADER..end).ok_or(Refused)?;
                counter.crypt(id, body).ok_or(Refused)?;
            }
        }
        Ok(end)
    }
}

/// AES in Galois counter mode (RFC 7714).
#[derive(Debug)]
pub(super) struct Gcm {
    key: LessSafeKey,
    salt: [u8; 12],
}

impl Gcm {
    pub(super) fn new(profile: Profile, key: &[u8], salt: [u8; 12]) -> Result<Self, Refused> {
        let algorithm = match profile {
            Profile::Aes256Gcm => &AES_256_GCM,
            Profile::Aes128Gcm => &AES_128_GCM,
            Profile::Aes128CmSha1 => return Err(Refused),
        };
        let key = UnboundKey::new(algorithm, key).map_err(|_| Refused)?;
        Ok(Self { key: LessSafeKey::new(key), salt })
    }

    /// RFC 7714, section 8.1: two zero bytes, SSRC, index of 48 bits; masked by the salt.
    fn rtp_nonce(&self, id: PacketId) -> Nonce {
        let [s0, s1, s2, s3] = id.ssrc.to_be_bytes();
        let [_, _, i0, i1, i2, i3, i4, i5] = id.index.to_be_bytes();
        self.masked([0, 0, s0, s1, s2, s3, i0, i1, i2, i3, i4, i5])
    }

    /// RFC 7714, section 9.1: two zero bytes, SSRC, two zero bytes, index of 31 bits; masked by the salt.
    fn rtcp_nonce(&self, id: PacketId) -> Nonce {
        let [s0, s1, s2, s3] = id.ssrc.to_be_bytes();
        let [.., i0, i1, i2, i3] = id.index.to_be_bytes();
        self.masked([0, 0, s0, s1, s2, s3, 0, 0, i0, i1, i2, i3])
    }

    fn masked(&self, mut nonce: [u8; 12]) -> Nonce {
        nonce.iter_mut().zip(self.salt).for_each(|(byte, salt)| *byte ^= salt);
        Nonce::assume_unique_for_key(nonce)
    }
}

/// AES in counter mode with HMAC-SHA1 of 80 bits (RFC 3711, section 4).
#[derive(Debug)]
pub(super) struct Counter {
    key: EncryptingKey,
    salt: [u8; 14],
    tag_key: hmac::Key,
}

impl Counter {
    pub(super) fn new(key: &[u8], salt: [u8; 14], tag_key: &[u8]) -> Result<Self, Refused> {
        let key = counter_key(key)?;
        let tag_key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, tag_key);
        Ok(Self { key, salt, tag_key })
    }

    /// Encrypts or decrypts, which is the same, from the start of the packet's keystream (RFC 3711, section 4.1.1).
    pub(super) fn crypt(&self, id: PacketId, body: &mut [u8]) -> Option<()> {
        let [s0, s1, s2, s3] = id.ssrc.to_be_bytes();
        let [_, _, i0, i1, i2, i3, i4, i5] = id.index.to_be_bytes();
        let mut start = [0, 0, 0, 0, s0, s1, s2, s3, i0, i1, i2, i3, i4, i5, 0, 0];
        start.iter_mut().zip(self.salt).for_each(|(byte, salt)| *byte ^= salt);
        let context = EncryptionContext::Iv128(FixedLength::from(start));
        self.key.less_safe_encrypt(body, context).ok().map(|_| ())
    }

    fn tag(&self, parts: &[&[u8]]) -> [u8; HMAC_TAG] {
        let mut context = hmac::Context::with_key(&self.tag_key);
        for part in parts {
            context.update(part);
        }
        let sum = context.sign();
        sum.as_ref().first_chunk().copied().unwrap_or_default()
    }

    fn verify(&self, parts: &[&[u8]], tag: &[u8]) -> Result<(), Refused> {
        constant_time::verify_slices_are_equal(&self.tag(parts), tag).map_err(|_| Refused)
    }
}

/// Fills `out` with the key that `label` stands for (RFC 3711, section 4.3.3; the index is 0, as no rate of derivation is
/// used). AEAD profiles pad their salt of 12 bytes with zeros to 14 (RFC 7714, section 11).
fn generate(master: &MasterKey, label: u8, out: &mut [u8]) -> Result<(), Refused> {
    let mut start = [0; 16];
    start.iter_mut().zip(&master.salt).for_each(|(byte, salt)| *byte = *salt);
    let [_, _, _, _, _, _, _, seventh, ..] = &mut start;
    *seventh ^= label;
    out.fill(0);
    let context = EncryptionContext::Iv128(FixedLength::from(start));
    counter_key(&master.key)?.less_safe_encrypt(out, context).map(|_| ()).map_err(|_| Refused)
}

fn counter_key(key: &[u8]) -> Result<EncryptingKey, Refused> {
    let algorithm = if key.len() == 32 { &AES_256 } else { &AES_128 };
    let key = UnboundCipherKey::new(algorithm, key).map_err(|_| Refused)?;
    EncryptingKey::ctr(key).map_err(|_| Refused)
}

/// The rollover counter, which is authenticated though not sent (RFC 3711, section 4.2).
const fn rollover(index: u64) -> [u8; 4] {
    let [_, _, a, b, c, d, _, _] = index.to_be_bytes();
    [a, b, c, d]
}

/// The index of 31 bits under an E bit that says "encrypted" (RFC 3711, section 3.4).
fn index_word(index: u64) -> Option<[u8; INDEX_WORD]> {
    let index = u32::try_from(index).ok().filter(|index| index & ENCRYPTED == 0)?;
    Some((index | ENCRYPTED).to_be_bytes())
}

/// What is authenticated of an RTCP packet besides what is encrypted (RFC 7714, section 9.2).
fn gcm_rtcp_aad(header: &[u8], word: [u8; INDEX_WORD]) -> Option<ArrayVec<u8, 12>> {
    let mut aad = ArrayVec::new();
    aad.try_extend_from_slice(header).ok()?;
    aad.try_extend_from_slice(&word).ok()?;
    Some(aad)
}

/// The E bit of an SRTCP packet (RFC 3711, section 3.4).
pub(super) const ENCRYPTED: u32 = 1 << 31;
/// Header and SSRC of the first RTCP packet stay readable (RFC 3711, section 3.4).
pub(super) const RTCP_HEADER: usize = 8;
/// E bit and SRTCP index.
pub(super) const INDEX_WORD: usize = 4;
/// RFC 7714, section 13.
pub(super) const GCM_TAG: usize = 16;
/// 80 bits (RFC 3711, section 5.2).
const HMAC_TAG: usize = 10;
/// 160 bits (RFC 3711, section 5.2).
const TAG_KEY: usize = 20;

#[cfg(test)]
#[path = "cipher_tests.rs"]
mod tests;
