//! Everything random that signaling hands out: ids, SSRCs, ICE credentials, secrets. The generator is an argument, so that a
//! test can seed it.

use std::collections::BTreeSet;

use arrayvec::ArrayString;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::rngs::StdRng;
use rand::{Rng, RngCore, SeedableRng};
use sfu::command::IceCredentials;
use sha2::{Digest, Sha256};

/// A source of unguessable values: ChaCha12, seeded by the operating system in production.
#[derive(Debug)]
pub struct Draw {
    generator: StdRng,
}

/// A secret handed to a client, kept here only as its hash: what leaks from memory or a log opens nothing, and comparing takes the
/// same time wherever the difference is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// The hash of what a client presents.
    #[must_use]
    pub fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret.as_bytes()).into())
    }
}

impl Draw {
    /// Draws from `generator`.
    #[must_use]
    pub const fn new(generator: StdRng) -> Self {
        Self { generator }
    }

    /// An independent source for another task.
    #[must_use]
    pub fn split(&mut self) -> Self {
        Self { generator: StdRng::from_rng(&mut self.generator) }
    }

    /// 64 bits, for hash seeds and session ids.
    pub fn number(&mut self) -> u64 {
        self.generator.next_u64()
    }

    /// A number from 1 to 2³² − 1 that is not in `taken`, where it then is: an SSRC or the id of a publication.
    pub fn identifier(&mut self, taken: &mut BTreeSet<u32>) -> u32 {
        // Some hundred numbers are taken out of four billion: a second round is rare, an endless loop impossible.
        loop {
            let number = self.generator.random_range(1..=u32::MAX);
            if taken.insert(number) {
                return number;
            }
        }
    }

    /// Our side's ICE credentials: 48 and 144 bits (RFC 8839, section 5.4 asks for 24 and 128).
    pub fn ice_credentials(&mut self) -> IceCredentials {
        IceCredentials { ufrag: self.text::<32, 6>(), password: self.text::<64, 18>() }
    }

    /// A CNAME without meaning (RFC 7022): 72 bits.
    pub fn cname(&mut self) -> ArrayString<16> {
        self.text::<16, 9>()
    }

    /// A secret of 144 bits, safe in a URL.
    pub fn secret(&mut self) -> String {
        self.text::<24, 18>().as_str().to_owned()
    }

    /// `BYTES` random bytes as letters and digits, which are ice-chars, SDP tokens and safe in a URL at once; the two other characters of
    /// the alphabet count as `x` and `y`, which costs less than a tenth of a bit a character. Base64 makes four characters of three
    /// bytes, and each caller above gives a `CAPACITY` with room for them.
    fn text<const CAPACITY: usize, const BYTES: usize>(&mut self) -> ArrayString<CAPACITY> {
        let mut text = ArrayString::new();
        let mut bytes = [0; BYTES];
        self.generator.fill_bytes(&mut bytes);
        for character in URL_SAFE_NO_PAD.encode(bytes).chars() {
            let safe = match character {
                '-' => 'x',
                '_' => 'y',
                other => other,
            };
            if text.try_push(safe).is_err() {
                break;
            }
        }
        text
    }
}

#[cfg(test)]
impl Draw {
    /// The same values on every run.
    pub(crate) fn seeded(seed: u64) -> Self {
        Self::new(StdRng::seed_from_u64(seed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ice_credentials_keep_to_the_lengths_and_characters_of_rfc_8839() {
        let mut draw = Draw::seeded(1);
        for _ in 0..100 {
            let IceCredentials { ufrag, password } = draw.ice_credentials();
            assert!((4..=32).contains(&ufrag.len()) && (22..=64).contains(&password.len()));
            assert!(ufrag.chars().chain(password.chars()).all(|c| c.is_ascii_alphanumeric()));
        }
    }

    #[test]
    fn an_identifier_is_never_given_twice() {
        let mut taken = BTreeSet::new();
        let first = Draw::seeded(7).identifier(&mut taken);
        let second = Draw::seeded(7).identifier(&mut taken);
        assert_ne!(first, second);
        assert_eq!(taken, BTreeSet::from([first, second]));
    }

    #[test]
    fn split_sources_differ() {
        let mut draw = Draw::seeded(1);
        assert_ne!(draw.split().secret(), draw.split().secret());
    }
}
