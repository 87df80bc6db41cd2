//! Pages of every origin may use WHIP and WHEP: what a page needs to be let in is a token, which it must have, and no cookie, which
//! a browser would add (RFC 9725, section 4.2; the Fetch standard, section 3.3).

use axum::extract::Request;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ALLOW, HeaderName,
};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Lets the page that asked read the answer.
pub(super) async fn open(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    response
}

/// Answers `OPTIONS`, a preflight or not: `methods` are allowed here, `accepts` is the header that says what for.
pub(super) fn options(methods: &'static str, accepts: (HeaderName, &'static str)) -> Response {
    let (accept, media_type) = accepts;
    let headers = [
        (ALLOW, methods),
        (ACCESS_CONTROL_ALLOW_METHODS, methods),
        (ACCESS_CONTROL_ALLOW_HEADERS, "Authorization, Content-Type, If-Match"),
        (ACCESS_CONTROL_MAX_AGE, MAX_AGE_SECONDS),
        (accept, media_type),
    ];
    (StatusCode::OK, headers).into_response()
}

/// What a page may read beside the few that every page may.
const EXPOSED: &str = "Accept-Patch, Accept-Post, Allow, ETag, Link, Location, Retry-After";

/// How long a browser may remember a preflight: two hours, the most that Chromium does.
const MAX_AGE_SECONDS: &str = "7200";
