//! Who may publish and play by HTTP.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;

use super::problem::Problem;
use super::role::Role;
use crate::name::{ChannelName, PersonName};

/// Somebody who may.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Admitted {
    /// How others see them, where that is known of them.
    pub(super) name: Option<PersonName>,
}

/// The bearer token of a request (RFC 6750, section 2.1); the scheme is compared in any case (RFC 9110, section 11.1).
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Whether whoever holds `token` may publish to or play `channel`. Everybody may: the open development mode.
///
/// # Errors
/// None yet.
#[expect(clippy::unnecessary_wraps, reason = "whoever checks tokens refuses some")]
pub(super) fn admit(
    token: Option<&str>,
    channel: &ChannelName,
    role: Role,
) -> Result<Admitted, Problem> {
    // Never the token itself: what is logged is read by others.
    tracing::trace!(has_token = token.is_some(), %channel, ?role, "admitted");
    Ok(Admitted { name: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bearer_token_is_read_from_its_header_alone() {
        for (value, token) in [
            ("Bearer mF_9.B5f-4.1JqM", Some("mF_9.B5f-4.1JqM")),
            ("bearer  abc", Some("abc")),
            ("Basic dXNlcjpwYXNz", None),
            ("Bearer", None),
        ] {
            let headers = HeaderMap::from_iter([(AUTHORIZATION, value.parse().unwrap())]);
            assert_eq!(bearer(&headers), token, "{value}");
        }
        assert_eq!(bearer(&HeaderMap::new()), None);
    }
}
