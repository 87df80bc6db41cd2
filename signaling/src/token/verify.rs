//! From the text of a token to what it grants.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Validation, decode};
use serde::Deserialize;
use serde_json::Value;

use super::TOKEN_BYTES_MAX;
use super::claims::{Channels, Claims};
use super::grant::Grant;
use super::keys::{Key, Keys};
use super::refusal::Refusal;
use crate::name::ChannelName;

/// What a token's header says, before anything of it is believed (RFC 7515, section 4.1).
#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
    /// Extensions that must be understood; none is.
    #[serde(default)]
    crit: Option<Value>,
}

/// What `token` grants in `channel` at `now`, in seconds since 1970.
///
/// The key decides what `alg` must be, never the token: `none`, or a public key taken for a secret, have no way in.
///
/// # Errors
/// [`Refusal`]: which claim failed.
pub(super) fn grant(
    token: &str,
    keys: &Keys,
    channel: &ChannelName,
    now: u64,
) -> Result<Grant, Refusal> {
    let (key, claims) = signed(token, keys)?;
    if !key.channels.has(channel) {
        return Err(Refusal::Tenant);
    }
    let channels = Channels::read(&claims.channel).ok_or_else(|| Refusal::Claim {
        claim: "channel".to_owned(),
        what: "a name, or a beginning and *",
    })?;
    let grant = claims.grant(now)?;
    if channels.has(channel) { Ok(grant) } else { Err(Refusal::Channel) }
}

/// Whether `token` grants to look at the whole server at `now`: only one whose key is for all channels can.
///
/// # Errors
/// [`Refusal`]: which claim failed.
pub(super) fn administer(token: &str, keys: &Keys, now: u64) -> Result<(), Refusal> {
    let (key, claims) = signed(token, keys)?;
    if key.channels != Channels::Beginning(String::new()) {
        return Err(Refusal::NotGranted("admin"));
    }
    if claims.grant(now)?.admin { Ok(()) } else { Err(Refusal::NotGranted("admin")) }
}

/// The key and the claims of a token whose signature is right.
fn signed<'a>(token: &str, keys: &'a Keys) -> Result<(&'a Key, Claims), Refusal> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(Refusal::Malformed("it is longer than 4 KiB"));
    }
    let header = header(token)?;
    if header.crit.is_some() {
        return Err(Refusal::Malformed("crit names extensions, and none is known"));
    }
    let key = keys.find(header.kid.as_deref()).ok_or(Refusal::Key)?;
    if header.alg != name(key.algorithm) {
        return Err(Refusal::Algorithm);
    }
    let mut validation = Validation::new(key.algorithm);
    // Times are checked beside ours, with a clock that is an argument; `aud` has no meaning here.
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let data = decode::<Value>(token, &key.checks, &validation).map_err(|error| {
        let kind = error.kind();
        if matches!(kind, ErrorKind::InvalidAlgorithm) {
            return Refusal::Algorithm;
        }
        let unreadable = matches!(
            kind,
            ErrorKind::Base64(_)
                | ErrorKind::Json(_)
                | ErrorKind::Utf8(_)
                | ErrorKind::InvalidToken
        );
        if unreadable {
            Refusal::Malformed("a part of it cannot be read")
        } else {
            Refusal::Signature
        }
    })?;
    let claims = serde_path_to_error::deserialize(data.claims).map_err(|error| {
        let path = error.path().to_string();
        // Of a claim that is missing only the words know the name.
        let words = error.into_inner().to_string();
        let missing = words.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
        match missing {
            Some(claim) => Refusal::Claim { claim: claim.to_owned(), what: "the token has none" },
            None => Refusal::Claim { claim: path, what: "of another type than it should be" },
        }
    })?;
    Ok((key, claims))
}

fn header(token: &str) -> Result<Header, Refusal> {
    let mut parts = token.split('.');
    let (Some(header), Some(_), Some(_), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Refusal::Malformed("it has three parts between dots"));
    };
    let wrong = Refusal::Malformed("its header cannot be read");
    let json = URL_SAFE_NO_PAD.decode(header).map_err(|_| wrong.clone())?;
    serde_json::from_slice(&json).map_err(|_| wrong)
}

/// As RFC 7518, section 3.1, and RFC 8037, section 3.1, write it.
fn name(algorithm: Algorithm) -> &'static str {
    if algorithm == Algorithm::EdDSA { "EdDSA" } else { "HS256" }
}
