//! str0m with given SRTP keys: a DTLS that has agreed before it began, so that a run repeats byte for byte. Ciphers are the real ones.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sfu::transport::srtp::{self, MasterKey, Profile};
use str0m::config::DtlsCert;
use str0m::crypto::dtls::{
    DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, DtlsVersion, KeyingMaterial,
    ProtocolVersion, SrtpProfile,
};
use str0m::crypto::{CryptoError, CryptoProvider, from_feature_flags};

use crate::client::cipher::Cipher;

/// A provider of ciphers whose DTLS hands out given keys.
#[must_use]
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider { dtls_provider: &Given, ..from_feature_flags() })
}

#[derive(Debug)]
struct Given;

impl DtlsProvider for Given {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        Some(DtlsCert { certificate: vec![1], private_key: vec![2] })
    }

    fn new_dtls(
        &self,
        _certificate: &DtlsCert,
        now: Instant,
        _version: DtlsVersion,
        _mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        Ok(Box::new(Agreed { now, is_active: false, said: 0 }))
    }
}

/// One side of an agreement.
#[derive(Debug)]
struct Agreed {
    now: Instant,
    is_active: bool,
    /// How much of it has been told.
    said: u8,
}

/// Opens what either side sends: both directions have the same keys.
#[must_use]
pub fn cipher() -> Cipher {
    let key = || MasterKey {
        key: MATERIAL[..16].iter().copied().collect(),
        salt: MATERIAL[..12].iter().copied().collect(),
    };
    let material =
        srtp::KeyingMaterial { profile: Profile::Aes128Gcm, local: key(), remote: key() };
    Cipher::of_client(&material)
}

/// Longer than any run.
const NEVER: Duration = Duration::from_secs(1_000_000);

/// Two keys of 16 and two salts of 12 bytes (RFC 5764, section 4.2; RFC 7714, section 12).
const MATERIAL: [u8; 56] = [7; 56];

impl DtlsInstance for Agreed {
    fn set_active(&mut self, active: bool) {
        self.is_active = active;
    }

    fn handle_packet(&mut self, _packet: &[u8]) -> Result<(), DtlsImplError> {
        Ok(())
    }

    fn poll_output<'a>(&mut self, _buffer: &'a mut [u8]) -> DtlsOutput<'a> {
        self.said = self.said.saturating_add(1);
        match self.said {
            1 => DtlsOutput::Connected,
            2 => {
                let material = KeyingMaterial::new(&MATERIAL);
                DtlsOutput::KeyingMaterial(material, SrtpProfile::AEAD_AES_128_GCM)
            }
            _ => DtlsOutput::Timeout(self.now + NEVER),
        }
    }

    fn handle_timeout(&mut self, _now: Instant) -> Result<(), DtlsImplError> {
        Ok(())
    }

    fn send_application_data(&mut self, data: &[u8]) -> Result<usize, DtlsImplError> {
        Ok(data.len())
    }

    fn is_active(&self) -> bool {
        self.is_active
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        None
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        Ok(())
    }
}
