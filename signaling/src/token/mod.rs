//! Who may do what: tokens, the keys they are checked with, and what follows.
//!
//! A token is a JWT (RFC 7519): HS256 with a shared secret, or EdDSA with a public key (RFC 8037). It travels in the `Authorization`
//! header of a request (RFC 6750, section 2.1) or in the first message of a WebSocket, never in a URL, and is in no log: what holds it
//! is a [`Bearer`], which shows nothing of it. docs/tokens.md describes tokens for those who make them.
//!
//! Every dialect asks [`Access`], and only it:
//!
//! ```text
//! let bearer = Bearer::of(&headers)?;                                   // or of a first message
//! let grant = access.admit(bearer.as_ref(), &channel, access.now())?;   // Refusal: 401 or 403, by fault::Error
//! presence.enter(&channel, name, grant, resume, outbox)
//! ```
//!
//! Left out on purpose: other algorithms, `aud`, encrypted tokens, and lists of revoked tokens: make them short, and renew.

pub mod claims;
pub mod grant;
pub mod keys;
pub mod mint;
pub mod refusal;
pub mod request;
pub mod reread;
mod verify;

use std::fmt::{self, Formatter};
use std::sync::Arc;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use serde::Deserialize;
use sfu::net::clock;
use tokio::sync::watch;

use self::grant::{Grant, GrantLimits};
use self::keys::Keys;
use self::refusal::Refusal;
use crate::name::ChannelName;

/// The longest token: of all claims at their bounds one has 3 KiB.
pub const TOKEN_BYTES_MAX: usize = 4 * 1024;

/// A token as somebody presents it. It shows nothing of itself.
#[derive(Clone, Deserialize, Eq, PartialEq)]
#[serde(transparent)]
pub struct Bearer(String);

impl Bearer {
    /// A token that came in a message.
    #[must_use]
    pub const fn new(token: String) -> Self {
        Self(token)
    }

    /// The token of a request, where it has one.
    ///
    /// # Errors
    /// [`Refusal::Malformed`] where `Authorization` is of another scheme than `Bearer`, or no text.
    pub fn of(headers: &HeaderMap) -> Result<Option<Self>, Refusal> {
        let Some(value) = headers.get(AUTHORIZATION) else { return Ok(None) };
        let value = value.to_str().ok().and_then(|value| value.split_once(' '));
        match value {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
                Ok(Some(Self(token.trim().to_owned())))
            }
            Some(_) | None => Err(Refusal::Malformed("Authorization is Bearer and the token")),
        }
    }
}

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("Bearer(…)")
    }
}

/// Who decides what somebody may do; cheap to clone.
#[derive(Clone, Debug)]
pub struct Access {
    /// `None` in the open development mode. Replaced while the server runs, when their file changes.
    keys: Option<watch::Receiver<Arc<Keys>>>,
    /// What holds for everybody, whatever their tokens grant.
    bounds: GrantLimits,
}

impl Access {
    /// The open development mode: everybody may everything, and tokens are not looked at.
    #[must_use]
    pub fn open() -> Self {
        Self { keys: None, bounds: GrantLimits::default() }
    }

    /// Only whoever has a token of these keys.
    #[must_use]
    pub fn keyed(keys: watch::Receiver<Arc<Keys>>) -> Self {
        Self { keys: Some(keys), bounds: GrantLimits::default() }
    }

    /// The same, where nobody is granted more than `bounds`.
    #[must_use]
    pub fn within(self, bounds: GrantLimits) -> Self {
        Self { bounds, ..self }
    }

    /// Whether this is the open development mode.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.keys.is_none()
    }

    /// What `bearer` grants in `channel` at `now`, in seconds since 1970.
    ///
    /// # Errors
    /// [`Refusal`]: no token, or which of its claims failed. [`fault::Error::Denied`](crate::fault::Error::Denied) makes 401 or 403 of
    /// it, with `WWW-Authenticate`.
    pub fn admit(
        &self,
        bearer: Option<&Bearer>,
        channel: &ChannelName,
        now: u64,
    ) -> Result<Grant, Refusal> {
        let mut grant = match &self.keys {
            None => Grant::everything(),
            Some(keys) => {
                let Bearer(token) = bearer.ok_or(Refusal::Missing)?;
                let keys = Arc::clone(&keys.borrow());
                verify::grant(token, &keys, channel, now)?
            }
        };
        grant.limits = grant.limits.within(self.bounds);
        Ok(grant)
    }

    /// Whether `bearer` grants to look at the whole server at `now`.
    ///
    /// # Errors
    /// [`Refusal`], as [`Self::admit`]; a key that is bound to some channels can grant it to nobody.
    pub fn administer(&self, bearer: Option<&Bearer>, now: u64) -> Result<(), Refusal> {
        let Some(keys) = &self.keys else { return Ok(()) };
        let Bearer(token) = bearer.ok_or(Refusal::Missing)?;
        let keys = Arc::clone(&keys.borrow());
        verify::administer(token, &keys, now)
    }

    /// Seconds since 1970, by the system's clock.
    #[must_use]
    pub fn now(&self) -> u64 {
        now()
    }
}

/// Seconds since 1970, by the system's clock.
#[must_use]
pub fn now() -> u64 {
    let (_, ntp) = clock::epoch();
    (ntp >> 32).saturating_sub(NTP_UNIX)
}

/// Seconds from 1900, where NTP begins, to 1970 (RFC 868).
const NTP_UNIX: u64 = 2_208_988_800;

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
