//! SRTP by `rtc-srtp`, an implementation apart from ours.

use std::fmt;

use rtc_srtp::context::Context;
use rtc_srtp::crypto::default_provider;
use rtc_srtp::protection_profile::ProtectionProfile;
use sfu::transport::srtp::{KeyingMaterial, MasterKey, Profile};

use crate::packet::Rtp;

/// Both directions of one transport.
pub struct Cipher {
    sealing: Context,
    opening: Context,
}

impl Cipher {
    /// The client's side of `keys`, which are written as the server sees them.
    #[must_use]
    pub fn of_client(keys: &KeyingMaterial) -> Self {
        Self {
            sealing: context(keys.profile, &keys.remote),
            opening: context(keys.profile, &keys.local),
        }
    }

    /// The server's side of `keys`, for whoever listens in.
    #[must_use]
    pub fn of_server(keys: &KeyingMaterial) -> Self {
        Self {
            sealing: context(keys.profile, &keys.local),
            opening: context(keys.profile, &keys.remote),
        }
    }

    /// Seals an RTP packet.
    pub fn seal(&mut self, packet: Rtp) -> Vec<u8> {
        self.sealing.encrypt_rtp(&packet.write()).expect("what we wrote is RTP").to_vec()
    }

    /// Opens an RTP packet.
    ///
    /// # Errors
    /// What `rtc-srtp` says: whoever sealed it is at fault.
    pub fn open(&mut self, datagram: &[u8]) -> Result<Vec<u8>, String> {
        self.opening
            .decrypt_rtp(datagram)
            .map(|plain| plain.to_vec())
            .map_err(|error| error.to_string())
    }

    /// Seals a compound RTCP packet.
    pub fn seal_rtcp(&mut self, packet: &[u8]) -> Vec<u8> {
        self.sealing.encrypt_rtcp(packet).expect("what we wrote is RTCP").to_vec()
    }

    /// Opens a compound RTCP packet.
    ///
    /// # Errors
    /// What `rtc-srtp` says: whoever sealed it is at fault.
    pub fn open_rtcp(&mut self, datagram: &[u8]) -> Result<Vec<u8>, String> {
        self.opening
            .decrypt_rtcp(datagram)
            .map(|plain| plain.to_vec())
            .map_err(|error| error.to_string())
    }
}

impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cipher")
    }
}

fn context(profile: Profile, key: &MasterKey) -> Context {
    let profile = match profile {
        Profile::Aes256Gcm => ProtectionProfile::AeadAes256Gcm,
        Profile::Aes128Gcm => ProtectionProfile::AeadAes128Gcm,
        Profile::Aes128CmSha1 => ProtectionProfile::Aes128CmHmacSha1_80,
    };
    let provider = default_provider().expect("aws-lc-rs is built in");
    Context::new(&key.key, &key.salt, profile, None, None, provider.crypto())
        .expect("keys of the right length")
}
