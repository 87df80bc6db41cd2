//! SRTP and SRTCP (RFC 3711, RFC 7714): sealing and opening, replay windows.

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

/// A master key with its salt: 16 or 32 and 12 or 14 bytes, by profile.
#[derive(Clone, Eq, PartialEq)]
pub struct MasterKey {
    /// The key.
    pub key: arrayvec::ArrayVec<u8, 32>,
    /// The salt.
    pub salt: arrayvec::ArrayVec<u8, 14>,
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

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey(secret)")
    }
}
