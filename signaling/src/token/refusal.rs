//! Why somebody may not: which claim failed, never what stood in it.

use thiserror::Error;

/// Why a token, or what was asked with it, is refused. Always the client's fault, or that of whoever gave it the token.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum Refusal {
    /// There is none.
    #[error("a token is needed here")]
    Missing,
    /// It is no JWT (RFC 7519), or longer than [`TOKEN_BYTES_MAX`](super::TOKEN_BYTES_MAX).
    #[error("the token is no JWT: {0}")]
    Malformed(&'static str),
    /// `alg` is not that of the key: `none`, or an attempt to have a public key taken for a secret.
    #[error("alg: the token is not signed in the way of its key")]
    Algorithm,
    /// `kid` names no key here.
    #[error("kid: there is no such key")]
    Key,
    /// It was signed by somebody else, or changed afterwards.
    #[error("the token's signature is wrong")]
    Signature,
    /// A claim is missing, of another type or outside its bounds.
    #[error("{claim}: {what}")]
    Claim {
        /// Which.
        claim: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// Its time is over.
    #[error("exp: the token has expired")]
    Expired,
    /// Its time has not begun.
    #[error("nbf: the token is not valid yet")]
    NotYet,
    /// It was made in the future.
    #[error("iat: the token is from the future")]
    FromTheFuture,
    /// It is for another channel.
    #[error("channel: the token is not for this channel")]
    Channel,
    /// Its key is for the channels of somebody else.
    #[error("kid: this key is not for this channel")]
    Tenant,
    /// It is good, and does not grant this.
    #[error("{0}: the token does not grant this")]
    NotGranted(&'static str),
}
