//! Making a token: what `confab token` does.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use thiserror::Error;

use super::claims::{Channels, Claims};
use super::keys::Keys;
use super::refusal::Refusal;

/// Why no token was made. Always the operator's mistake.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum MintError {
    /// The keys' file has no such key, or several and none is named.
    #[error("--kid: name one of {0}")]
    Key(String),
    /// The key is public: only its other half signs.
    #[error(
        "--private: the key {0:?} is public; give the file of the private key that belongs to it"
    )]
    Public(String),
    /// The file is no private key.
    #[error("--private: it is no Ed25519 private key in PEM (PKCS #8)")]
    Private,
    /// A claim that no server would take.
    #[error("{0}")]
    Claim(Refusal),
    /// The key is for other channels.
    #[error("--channel: the key {0:?} is not for this channel")]
    Channel(String),
    /// The library failed.
    #[error("the token cannot be signed")]
    Signing,
}

/// A token with `claims`, signed by the key `kid` of `keys`, or the only one; by `private`, in PEM, where that is public.
///
/// # Errors
/// [`MintError`]: what is refused here a server would refuse.
pub fn mint(
    claims: &Claims,
    keys: &Keys,
    kid: Option<&str>,
    private: Option<&str>,
    now: u64,
) -> Result<String, MintError> {
    let all = || keys.kids().collect::<Vec<_>>().join(", ");
    let name = kid.or_else(|| keys.kids().next()).unwrap_or_default().to_owned();
    let key = keys.find(kid).ok_or_else(|| MintError::Key(all()))?;
    claims.clone().grant(now).map_err(MintError::Claim)?;
    let wrong =
        Refusal::Claim { claim: "channel".to_owned(), what: "a name, or a beginning and *" };
    let channels = Channels::read(&claims.channel).ok_or(MintError::Claim(wrong))?;
    let within = match (&channels, &key.channels) {
        (Channels::One(channel), bound) => bound.has(channel),
        (Channels::Beginning(longer), Channels::Beginning(bound)) => longer.starts_with(bound),
        (Channels::Beginning(_), Channels::One(_)) => false,
    };
    if !within {
        return Err(MintError::Channel(name));
    }
    let signs = match (&key.signs, private) {
        (Some(secret), _) => secret.clone(),
        (None, Some(pem)) => {
            EncodingKey::from_ed_pem(pem.trim().as_bytes()).map_err(|_| MintError::Private)?
        }
        (None, None) => return Err(MintError::Public(name)),
    };
    let algorithm: Algorithm = key.algorithm;
    let header = Header { kid: Some(name), ..Header::new(algorithm) };
    encode(&header, claims, &signs).map_err(|_| MintError::Signing)
}
