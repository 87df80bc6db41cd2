//! What is read of a request before anything is done for it: types, bounds, the body.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, FailedToBufferBody};
use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use tokio::time::timeout;

use super::problem::Problem;

/// The longest body. An offer of one m-line of sound and one of pictures has some 6 KiB in browsers that offer every codec they have;
/// the rest is room for candidates.
pub(super) const BODY_BYTES_MAX: usize = 64 * 1024;

/// How long a body may take: 64 KiB over 64 kbit/s take 8 s.
const BODY_MAX: Duration = Duration::from_secs(10);

/// An offer or an answer (RFC 8866, section 8.1).
pub(super) const SDP: &str = "application/sdp";

/// A fragment (RFC 8840, section 9).
pub(super) const FRAGMENT: &str = "application/trickle-ice-sdpfrag";

/// That the body is of type `expected`; parameters do not count.
///
/// # Errors
/// [`Problem::MediaType`]: the client's fault.
pub(super) fn check_content_type(
    headers: &HeaderMap,
    expected: &'static str,
) -> Result<(), Problem> {
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let given = given.map(|value| value.split(';').next().unwrap_or_default().trim());
    if given.is_some_and(|given| given.eq_ignore_ascii_case(expected)) {
        Ok(())
    } else {
        Err(Problem::MediaType(expected))
    }
}

/// That the client takes an answer of type `answered` (RFC 9110, section 12.5.1); no `Accept` takes everything.
///
/// # Errors
/// [`Problem::NotAcceptable`]: the client's fault.
pub(super) fn check_accept(headers: &HeaderMap, answered: &'static str) -> Result<(), Problem> {
    let takes = |range: &str| {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let refused = parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"));
        let named = name == "*/*" || name == "application/*" || name.eq_ignore_ascii_case(answered);
        named && !refused
    };
    let mut values = headers.get_all(ACCEPT).iter().peekable();
    let accepts = values.peek().is_none()
        || values.filter_map(|value| value.to_str().ok()).flat_map(|it| it.split(',')).any(takes);
    if accepts { Ok(()) } else { Err(Problem::NotAcceptable(answered)) }
}

/// The body as text.
///
/// # Errors
/// [`Problem::BodyTooLarge`], [`Problem::BodyTooSlow`], [`Problem::BodyBroken`]: the client's fault.
pub(super) async fn text(request: Request) -> Result<String, Problem> {
    let body = timeout(BODY_MAX, Bytes::from_request(request, &()));
    match body.await.map_err(|_elapsed| Problem::BodyTooSlow)? {
        Ok(bytes) => String::from_utf8(bytes.into()).map_err(|_| Problem::BodyBroken),
        Err(BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_))) => {
            Err(Problem::BodyTooLarge)
        }
        Err(_) => Err(Problem::BodyBroken),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_compared_without_its_parameters() {
        for (value, fits) in [
            ("application/sdp", true),
            ("Application/SDP; charset=utf-8", true),
            ("application/sdpx", false),
            ("text/plain", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, value.parse().unwrap())]);
            assert_eq!(check_content_type(&headers, SDP).is_ok(), fits, "{value}");
        }
        assert_eq!(check_content_type(&HeaderMap::new(), SDP), Err(Problem::MediaType(SDP)));
    }

    #[test]
    fn what_a_client_takes_is_read_as_rfc_9110_has_it() {
        for (value, takes) in [
            ("*/*", true),
            ("application/*", true),
            ("text/html, application/sdp;q=0.5", true),
            ("text/html", false),
            ("application/sdp;q=0", false),
            ("application/json", false),
        ] {
            let headers = HeaderMap::from_iter([(ACCEPT, value.parse().unwrap())]);
            assert_eq!(check_accept(&headers, SDP).is_ok(), takes, "{value}");
        }
        assert_eq!(check_accept(&HeaderMap::new(), SDP), Ok(()));
    }
}
