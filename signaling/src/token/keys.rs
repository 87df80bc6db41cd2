//! The keys that tokens are checked with: a file of them, in TOML.
//!
//! ```toml
//! [keys.2026-11]                # the `kid` of tokens
//! secret = "…"                  # HS256: base64 of at least 32 bytes
//!
//! [keys.acme]
//! public_key = """…"""          # EdDSA: PEM of an Ed25519 public key
//! channels = "acme.*"           # a tenant: nothing past these channels, whatever its tokens say
//! ```

use std::collections::BTreeMap;
use std::fmt::{self, Formatter};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use toml::Spanned;
use toml::de::DeValue;

use super::claims::Channels;
use crate::config::file::{self, FileError};

/// Keys by `kid`.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    by_kid: BTreeMap<String, Key>,
}

/// One key.
#[derive(Clone)]
pub struct Key {
    /// What it is, and so what `alg` must be.
    pub algorithm: Algorithm,
    /// What checks.
    pub checks: DecodingKey,
    /// What signs, where it is a secret: a public key cannot.
    pub signs: Option<EncodingKey>,
    /// Which channels its tokens may be for.
    pub channels: Channels,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("algorithm", &self.algorithm)
            .field("channels", &self.channels)
            .finish_non_exhaustive()
    }
}

/// The most keys: a server looks through none, but a file with more is some other file.
const KEYS_MAX: usize = 1_000;

/// The least bytes of a secret: as many as HS256's hash has (RFC 7518, section 3.2).
const SECRET_BYTES_MIN: usize = 32;

impl Keys {
    /// Reads a file's text.
    ///
    /// # Errors
    /// [`FileError`]: the operator's mistake. No secret is in its words.
    pub fn read(text: &str) -> Result<Self, FileError> {
        let table = file::table(text)?;
        let mut by_kid = BTreeMap::new();
        for (name, value) in table.get_ref() {
            let wrong = |what: &str| {
                let line = file::line(text, &name.span());
                Err(FileError { line, what: what.to_owned() })
            };
            if name.get_ref() != "keys" {
                return Err(file::unknown(text, name.span(), name.get_ref(), &["keys"]));
            }
            let Some(keys) = value.get_ref().as_table() else {
                return wrong("keys: write each key as a table, [keys.NAME]");
            };
            if keys.len() > KEYS_MAX {
                return wrong("keys: at most 1,000");
            }
            for (kid, value) in keys {
                let key = Key::read(text, kid, value)?;
                by_kid.insert(kid.get_ref().clone().into_owned(), key);
            }
        }
        if by_kid.is_empty() {
            return Err(FileError { line: 1, what: "there is no [keys.NAME]".to_owned() });
        }
        Ok(Self { by_kid })
    }

    /// The key that a token names; the only one where it names none.
    #[must_use]
    pub fn find(&self, kid: Option<&str>) -> Option<&Key> {
        match kid {
            Some(kid) => self.by_kid.get(kid),
            None => self.by_kid.values().next().filter(|_| self.by_kid.len() == 1),
        }
    }

    /// The names of all, in order.
    pub fn kids(&self) -> impl Iterator<Item = &str> {
        self.by_kid.keys().map(String::as_str)
    }
}

const FIELDS: [&str; 3] = ["secret", "public_key", "channels"];

impl Key {
    fn read(
        text: &str,
        kid: &Spanned<std::borrow::Cow<'_, str>>,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<Self, FileError> {
        let wrong = |what: &str| FileError {
            line: file::line(text, &kid.span()),
            what: format!("keys.{}: {what}", kid.get_ref()),
        };
        let table = value.get_ref().as_table().ok_or_else(|| wrong("it is no table"))?;
        let mut fields: BTreeMap<&str, &str> = BTreeMap::new();
        for (name, value) in table {
            let known = FIELDS.into_iter().find(|field| field == name.get_ref());
            let known =
                known.ok_or_else(|| file::unknown(text, name.span(), name.get_ref(), &FIELDS))?;
            let value = value.get_ref().as_str();
            fields.insert(known, value.ok_or_else(|| wrong("its fields are texts"))?);
        }
        let channels = Channels::read(fields.get("channels").unwrap_or(&"*"));
        let channels = channels.ok_or_else(|| wrong("channels: a name, or a beginning and *"))?;
        match (fields.get("secret"), fields.get("public_key")) {
            (Some(secret), None) => {
                let secret = STANDARD.decode(secret.trim());
                let secret = secret.ok().filter(|secret| secret.len() >= SECRET_BYTES_MIN);
                let secret =
                    secret.ok_or_else(|| wrong("secret: base64 of at least 32 random bytes"))?;
                Ok(Self {
                    algorithm: Algorithm::HS256,
                    checks: DecodingKey::from_secret(&secret),
                    signs: Some(EncodingKey::from_secret(&secret)),
                    channels,
                })
            }
            (None, Some(pem)) => {
                let checks = DecodingKey::from_ed_pem(pem.trim().as_bytes())
                    .map_err(|_| wrong("public_key: PEM of an Ed25519 public key"))?;
                Ok(Self { algorithm: Algorithm::EdDSA, checks, signs: None, channels })
            }
            (Some(_), Some(_)) | (None, None) => Err(wrong("give secret or public_key")),
        }
    }
}
