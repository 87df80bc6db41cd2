//! Why a request is refused, as a problem document says it (RFC 9457).

use axum::Json;
use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use thiserror::Error;

use super::fragment::FragmentError;
use crate::fault::{Error, Face, Fault};
use crate::sdp::SdpError;

/// A refusal. The text names the header, line or bound, never a secret.
#[derive(Clone, Debug, Error, Eq, PartialEq)]
pub(super) enum Problem {
    /// A method that means nothing here; those that do.
    #[error("this takes {0}")]
    Method(&'static str),
    /// A body of another type than this one.
    #[error("Content-Type is to be {0}")]
    MediaType(&'static str),
    /// `Accept` leaves out what this would answer with.
    #[error("this answers with {0}, which Accept leaves out")]
    NotAcceptable(&'static str),
    /// A query that cannot be read.
    #[error("the query of the URL cannot be read")]
    Query,
    /// A body that is too long.
    #[error("a body may have at most 64 KiB")]
    BodyTooLarge,
    /// A body that did not come.
    #[error("the body did not come within 10 seconds")]
    BodyTooSlow,
    /// A body that is no text, or ended early.
    #[error("the body is no UTF-8 text, or ended early")]
    BodyBroken,
    /// An offer that cannot be read or answered.
    #[error("{0}")]
    Offer(SdpError),
    /// An offer that can be read, of something that WHIP or WHEP does not do.
    #[error("{0}")]
    Rule(String),
    /// An SDP fragment that cannot be read.
    #[error("{0}")]
    Fragment(FragmentError),
    /// A PATCH that does not say which ICE session it is for.
    #[error("If-Match is missing: the ETag of the ICE session, or * to restart ICE")]
    TagMissing,
    /// A PATCH for an earlier ICE session.
    #[error("If-Match names another ICE session than the present one")]
    TagOutdated,
    /// Somebody to be shown who is not there, and whose id nobody gets again.
    #[error("nobody in this channel has this id")]
    Absent,
    /// A request while earlier ones wait.
    #[error("earlier requests to this session are still being answered")]
    Busy,
    /// No such session, or no longer.
    #[error("there is no such session: it ended, or never was")]
    NoSession,
    /// What goes wrong in every dialect.
    #[error("{0}")]
    Other(Error),
}

impl Problem {
    const fn face(&self) -> Face {
        let (code, status) = match self {
            Self::Method(_) => ("method_not_allowed", StatusCode::METHOD_NOT_ALLOWED),
            Self::MediaType(_) => ("media_type", StatusCode::UNSUPPORTED_MEDIA_TYPE),
            Self::NotAcceptable(_) => ("not_acceptable", StatusCode::NOT_ACCEPTABLE),
            Self::Query => ("bad_query", StatusCode::BAD_REQUEST),
            Self::BodyTooLarge | Self::Offer(SdpError::TooLong) => {
                ("too_large", StatusCode::PAYLOAD_TOO_LARGE)
            }
            Self::BodyTooSlow => ("too_slow", StatusCode::REQUEST_TIMEOUT),
            Self::BodyBroken => ("bad_body", StatusCode::BAD_REQUEST),
            Self::Offer(SdpError::Syntax(_) | SdpError::Missing(_)) => {
                ("bad_sdp", StatusCode::BAD_REQUEST)
            }
            // What is understood and not to be done (RFC 9725, sections 4.4.2 to 4.4.4).
            Self::Offer(SdpError::NothingToCarry) | Self::Other(Error::Unsupported) => {
                ("unsupported", StatusCode::UNPROCESSABLE_ENTITY)
            }
            Self::Offer(SdpError::Busy) | Self::Busy => ("busy", StatusCode::CONFLICT),
            Self::Offer(
                SdpError::TooMany { .. }
                | SdpError::Line { .. }
                | SdpError::Section { .. }
                | SdpError::Track { .. }
                | SdpError::SlotsUsedUp,
            ) => ("bad_sdp", StatusCode::UNPROCESSABLE_ENTITY),
            Self::Absent => ("absent", StatusCode::CONFLICT),
            Self::Rule(_) => ("unsupported", StatusCode::UNPROCESSABLE_ENTITY),
            Self::Fragment(_) => ("bad_fragment", StatusCode::BAD_REQUEST),
            Self::TagMissing => ("tag_missing", StatusCode::PRECONDITION_REQUIRED),
            Self::TagOutdated => ("tag_outdated", StatusCode::PRECONDITION_FAILED),
            Self::NoSession => ("not_found", StatusCode::NOT_FOUND),
            Self::Other(error) => return error.face(),
        };
        Face { code, fault: Fault::Peer, status, close: None }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::BadSdp(error) => Self::Offer(error),
            other @ (Error::BadJson(_)
            | Error::UnknownOp(_)
            | Error::TooLarge
            | Error::NotJoined
            | Error::AlreadyJoined
            | Error::BadName
            | Error::BadChannel
            | Error::BadView(_)
            | Error::BadLimit(_)
            | Error::Unsupported
            | Error::TooMany
            | Error::TooManyJoins
            | Error::PicturesFull
            | Error::TracksFull
            | Error::Denied(_)
            | Error::NoSuchParticipant
            | Error::ChannelFull
            | Error::ServerFull
            | Error::MediaLost(_)
            | Error::Internal(_)
            | Error::ForeignHost
            | Error::ForeignOrigin
            | Error::NotFound) => Self::Other(other),
        }
    }
}

/// RFC 9457, section 3.1, with two members of ours: `code` and `fault`, as elsewhere. `type` is left out, which means
/// `about:blank`: the status says what kind it is.
#[derive(Debug, Serialize)]
struct Document {
    title: &'static str,
    status: u16,
    detail: String,
    code: &'static str,
    fault: Fault,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Face { code, fault, status, close: _ } = self.face();
        tracing::debug!(problem = %self, code, "refused a request");
        let document = Document {
            title: status.canonical_reason().unwrap_or_default(),
            status: status.as_u16(),
            detail: self.to_string(),
            code,
            fault,
        };
        let mut response = (status, Json(document)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Self::Method(allowed) = &self {
            headers.insert(ALLOW, HeaderValue::from_static(allowed));
        }
        if let Self::Other(error) = &self
            && let Some(challenge) = error.challenge()
        {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if status == StatusCode::SERVICE_UNAVAILABLE || status == StatusCode::CONFLICT {
            headers.insert(RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
        }
        response
    }
}

/// When to try again where the server is full or busy: people go at any time, and a second later is soon enough.
const RETRY_AFTER_SECONDS: &str = "2";
