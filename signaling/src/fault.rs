//! What can go wrong between a client and signaling: one error, from which code, blame, HTTP status and close code follow.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::WWW_AUTHENTICATE;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use sfu::event::LostReason;
use thiserror::Error;

use crate::sdp::SdpError;
use crate::token::refusal::Refusal;

/// Whose mistake it is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fault {
    /// The client sent something wrong.
    Peer,
    /// The server was set up too small, or wrongly.
    Operator,
    /// The server is wrong.
    Confab,
}

/// A refusal as a client is told of it. The text names the field, line or bound, never a secret.
#[derive(Clone, Debug, Error, Eq, PartialEq)]
pub enum Error {
    /// Not a JSON object, or a field of a wrong type.
    #[error("{0}")]
    BadJson(String),
    /// No such `op`.
    #[error("there is no op {0:?}")]
    UnknownOp(String),
    /// A WebSocket message above its bound.
    #[error("a message may have at most 128 KiB")]
    TooLarge,
    /// Anything before `join`.
    #[error("send join first")]
    NotJoined,
    /// A second `join`.
    #[error("this socket has joined already")]
    AlreadyJoined,
    /// A person's name outside its bounds.
    #[error("name: 1 to 32 characters, not only spaces, no control characters")]
    BadName,
    /// A channel's name outside its bounds.
    #[error("channel: 1 to 64 characters, each a letter, a digit, '-', '_' or '.'")]
    BadChannel,
    /// An offer that cannot be read or answered.
    #[error("{0}")]
    BadSdp(SdpError),
    /// A `view` of something that is no slot.
    #[error("mid {0:?} is no slot of this participant")]
    BadView(String),
    /// A `limited` of something that is no track.
    #[error("mid {0:?} is no track of this participant")]
    BadLimit(String),
    /// An offer without anything Confab can carry.
    #[error(
        "nothing in this offer can be carried: no audio or video m-line with a codec Confab knows"
    )]
    Unsupported,
    /// More messages than a client needs.
    #[error("more messages in a second than a client needs, 200, or than one address may send")]
    TooMany,
    /// More joins than an address may make.
    #[error("more people come from your address in a second than may; try again in a moment")]
    TooManyJoins,
    /// The channel holds as many people as it may.
    #[error("this channel is full")]
    ChannelFull,
    /// As many cameras and screens are on in the channel as may be.
    #[error("as many cameras and screens are on in this channel as may be")]
    PicturesFull,
    /// The server holds as many people as it may.
    #[error("this server is full")]
    ServerFull,
    /// More tracks than the client may send.
    #[error("this offer has more tracks than you may send")]
    TracksFull,
    /// What a token does not grant, or that there is no good one.
    #[error("{0}")]
    Denied(Refusal),
    /// Somebody who is not in the channel.
    #[error("nobody in this channel has that id")]
    NoSuchParticipant,
    /// The media connection ended.
    #[error("{0}")]
    MediaLost(LostReason),
    /// A mistake of the server's; its log has the same words.
    #[error("internal error: {0}")]
    Internal(&'static str),
    /// A request for another host's name.
    #[error("this server does not answer for that host name; configure it with --host")]
    ForeignHost,
    /// A request from another site's page.
    #[error("pages of other origins may not use this server")]
    ForeignOrigin,
    /// A path, an asset or a secret that does not exist.
    #[error("there is nothing here")]
    NotFound,
}

/// How an [`enum@Error`] appears outside.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Face {
    /// Stable name, as docs/protocol.md lists it.
    pub code: &'static str,
    /// Whose mistake.
    pub fault: Fault,
    /// Where it answers an HTTP request.
    pub status: StatusCode,
    /// Where it ends a WebSocket: with this close code.
    pub close: Option<u16>,
}

impl Error {
    /// Code, blame, status and close code.
    #[must_use]
    pub const fn face(&self) -> Face {
        use Fault::{Confab, Operator, Peer};
        let (code, fault, status, close) = match self {
            Self::BadJson(_) => ("bad_json", Peer, StatusCode::BAD_REQUEST, None),
            Self::UnknownOp(_) => ("unknown_op", Peer, StatusCode::BAD_REQUEST, None),
            Self::TooLarge => ("too_large", Peer, StatusCode::PAYLOAD_TOO_LARGE, Some(1009)),
            Self::NotJoined => ("not_joined", Peer, StatusCode::CONFLICT, None),
            Self::AlreadyJoined => ("already_joined", Peer, StatusCode::CONFLICT, None),
            Self::BadName => ("bad_name", Peer, StatusCode::BAD_REQUEST, None),
            Self::BadChannel => ("bad_channel", Peer, StatusCode::BAD_REQUEST, None),
            Self::BadSdp(_) => ("bad_sdp", Peer, StatusCode::BAD_REQUEST, None),
            Self::BadView(_) => ("bad_view", Peer, StatusCode::BAD_REQUEST, None),
            Self::BadLimit(_) => ("bad_limit", Peer, StatusCode::BAD_REQUEST, None),
            Self::Unsupported => ("unsupported", Peer, StatusCode::NOT_ACCEPTABLE, None),
            Self::TooMany => ("too_many", Peer, StatusCode::TOO_MANY_REQUESTS, Some(4008)),
            Self::TooManyJoins => ("too_many_joins", Peer, StatusCode::TOO_MANY_REQUESTS, None),
            Self::ChannelFull => ("channel_full", Operator, StatusCode::SERVICE_UNAVAILABLE, None),
            Self::PicturesFull => {
                ("pictures_full", Operator, StatusCode::SERVICE_UNAVAILABLE, None)
            }
            Self::ServerFull => ("server_full", Operator, StatusCode::SERVICE_UNAVAILABLE, None),
            Self::TracksFull => ("tracks_full", Operator, StatusCode::SERVICE_UNAVAILABLE, None),
            Self::Denied(Refusal::Missing) => ("no_token", Peer, StatusCode::UNAUTHORIZED, None),
            Self::Denied(Refusal::Expired) => {
                ("token_expired", Peer, StatusCode::UNAUTHORIZED, None)
            }
            Self::Denied(Refusal::Channel | Refusal::Tenant | Refusal::NotGranted(_)) => {
                ("not_granted", Peer, StatusCode::FORBIDDEN, None)
            }
            Self::Denied(
                Refusal::Malformed(_)
                | Refusal::Algorithm
                | Refusal::Key
                | Refusal::Signature
                | Refusal::Claim { .. }
                | Refusal::NotYet
                | Refusal::FromTheFuture,
            ) => ("bad_token", Peer, StatusCode::UNAUTHORIZED, None),
            Self::NoSuchParticipant => ("no_such_participant", Peer, StatusCode::NOT_FOUND, None),
            Self::MediaLost(_) => ("media_lost", Peer, StatusCode::GONE, None),
            Self::Internal(_) => ("internal", Confab, StatusCode::INTERNAL_SERVER_ERROR, None),
            Self::ForeignHost => ("foreign_host", Peer, StatusCode::FORBIDDEN, None),
            Self::ForeignOrigin => ("foreign_origin", Peer, StatusCode::FORBIDDEN, None),
            Self::NotFound => ("not_found", Peer, StatusCode::NOT_FOUND, None),
        };
        Face { code, fault, status, close }
    }

    /// The `WWW-Authenticate` of an answer with 401 (RFC 6750, section 3): an error is named where there was a token.
    #[must_use]
    pub fn challenge(&self) -> Option<&'static str> {
        (self.face().status == StatusCode::UNAUTHORIZED).then(|| {
            let is_missing = *self == Self::Denied(Refusal::Missing);
            if is_missing { "Bearer" } else { "Bearer error=\"invalid_token\"" }
        })
    }

    /// Whose mistake it is.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        self.face().fault
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Denied(refusal)
    }
}

impl From<SdpError> for Error {
    fn from(error: SdpError) -> Self {
        match error {
            SdpError::NothingToCarry => Self::Unsupported,
            SdpError::TooLong
            | SdpError::Syntax(_)
            | SdpError::TooMany { .. }
            | SdpError::Missing(_)
            | SdpError::Line { .. }
            | SdpError::Section { .. }
            | SdpError::Track { .. }
            | SdpError::SlotsUsedUp
            | SdpError::Busy => Self::BadSdp(error),
        }
    }
}

/// The body of a refused HTTP request.
#[derive(Debug, Serialize)]
struct Body {
    code: &'static str,
    fault: Fault,
    message: String,
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let Face { code, fault, status, close: _ } = self.face();
        let answer = (status, Json(Body { code, fault, message: self.to_string() }));
        match self.challenge() {
            Some(challenge) => ([(WWW_AUTHENTICATE, challenge)], answer).into_response(),
            None => answer.into_response(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of codes in the protocol's document is the expectation here: code, fault, close code.
    #[test]
    fn every_code_of_the_protocol_exists_with_its_fault_and_close_code() {
        let document = include_str!("../../docs/protocol.md");
        let errors = [
            Error::BadJson(String::new()),
            Error::UnknownOp(String::new()),
            Error::TooLarge,
            Error::NotJoined,
            Error::AlreadyJoined,
            Error::BadName,
            Error::BadChannel,
            Error::BadSdp(SdpError::TooLong),
            Error::BadView(String::new()),
            Error::BadLimit(String::new()),
            Error::Unsupported,
            Error::TooMany,
            Error::TooManyJoins,
            Error::ChannelFull,
            Error::PicturesFull,
            Error::ServerFull,
            Error::TracksFull,
            Error::Denied(Refusal::Missing),
            Error::Denied(Refusal::Expired),
            Error::Denied(Refusal::Signature),
            Error::Denied(Refusal::Channel),
            Error::NoSuchParticipant,
            Error::MediaLost(LostReason::Closed),
            Error::Internal(""),
        ];
        let mut rows = 0;
        for line in document.lines() {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let [_, code, fault, _, socket, _] = cells.as_slice() else { continue };
            let Some(code) = code.strip_prefix('`').and_then(|code| code.strip_suffix('`')) else {
                continue;
            };
            rows += 1;
            let error = errors.iter().find(|error| error.face().code == code);
            let face = error.unwrap_or_else(|| panic!("no error has the code {code}")).face();
            assert_eq!(serde_json::to_value(face.fault).unwrap(), *fault, "{code}");
            let close = socket.strip_prefix("closes, ").map(|number| number.parse().unwrap());
            assert_eq!(face.close, close, "{code}");
        }
        assert_eq!(rows, errors.len());
    }
}
