//! Endpoints: `/whip/{channel}`, `/whep/{channel}`, where a session is made (RFC 9725, section 4.2).

use axum::extract::{Path, Query, Request, State};
use axum::http::header::{CONTENT_TYPE, ETAG, HeaderName, LINK, LOCATION};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use sfu::media::ParticipantId;

use super::Whip;
use super::admission::admit;
use super::conversation::{Opened, Opening, open};
use super::cors;
use super::description::Description;
use super::problem::Problem;
use super::request::{self, FRAGMENT, SDP};
use super::role::Role;
use crate::fault::Error;
use crate::name::{ChannelName, PersonName};

/// What may follow the URL.
#[derive(Debug, Deserialize)]
struct Wishes {
    /// How others see who comes; a token's name goes before it.
    name: Option<String>,
    /// Whose picture a player wants, by the id that the WebSocket tells: `p3`.
    participant: Option<String>,
}

/// Whatever is asked of `/whip/{channel}`.
pub(super) async fn publish(
    State(whip): State<Whip>,
    Path(channel): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    serve(whip, Role::Publish, &channel, request).await
}

/// Whatever is asked of `/whep/{channel}`.
pub(super) async fn play(
    State(whip): State<Whip>,
    Path(channel): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    serve(whip, Role::Play, &channel, request).await
}

async fn serve(
    whip: Whip,
    role: Role,
    channel: &str,
    request: Request,
) -> Result<Response, Problem> {
    let channel = ChannelName::parse(channel)?;
    match (request.method(), role) {
        (&Method::POST, _) => create(whip, role, channel, request).await,
        (&Method::OPTIONS, _) => Ok(cors::options(METHODS, (ACCEPT_POST, SDP))),
        // Nothing to show (RFC 9725, section 4.1); by its type a player knows a WHEP endpoint (draft-ietf-wish-whep-03, section 4.2).
        (&Method::GET | &Method::HEAD, Role::Publish) => Ok(StatusCode::NO_CONTENT.into_response()),
        (&Method::GET | &Method::HEAD, Role::Play) => {
            Ok(([(CONTENT_TYPE, SDP)], "").into_response())
        }
        _ => Err(Problem::Method(METHODS)),
    }
}

const METHODS: &str = "GET, HEAD, OPTIONS, POST";

/// What an endpoint takes (Linked Data Platform, section 7.1).
const ACCEPT_POST: HeaderName = HeaderName::from_static("accept-post");

/// What a session takes (RFC 5789, section 3.1).
pub(super) const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");

async fn create(
    whip: Whip,
    role: Role,
    channel: ChannelName,
    request: Request,
) -> Result<Response, Problem> {
    let grant = admit(&whip.presence, &request, &channel, role)?;
    let Query(wishes) = Query::<Wishes>::try_from_uri(request.uri()).map_err(|_| Problem::Query)?;
    request::check_content_type(request.headers(), SDP)?;
    request::check_accept(request.headers(), SDP)?;
    let name = match (grant.name.clone(), wishes.name) {
        (Some(name), _) => name,
        (None, Some(name)) => PersonName::parse(&name)?,
        (None, None) => {
            PersonName::parse(&format!("{}-{}", role.word(), whip.sessions.number().await))?
        }
    };
    let number = |id: &str| id.strip_prefix('p').and_then(|number| number.parse().ok());
    let chosen = wishes.participant.as_deref().map(|id| number(id).ok_or(Problem::Query));
    let chosen = chosen.transpose()?.map(ParticipantId);
    let text = request::text(request).await?;
    let offer = Description::read(role, &text)?;
    let opening = Opening { role, channel: channel.clone(), name, grant, offer, chosen };
    let Opened { secret, answer, tag } = open(whip, opening).await?;
    let location = format!("/{}/{}/{secret}", role.word(), escaped(channel.as_str()));
    let mut response = (StatusCode::CREATED, answer).into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, SDP),
        (LOCATION, &location),
        (ETAG, &tag.quoted()),
        (ACCEPT_PATCH, FRAGMENT),
    ] {
        let value = HeaderValue::from_str(value);
        headers.insert(name, value.map_err(|_| Error::Internal("a header of an answer"))?);
    }
    for server in ice_servers() {
        if let Ok(value) = HeaderValue::from_str(&server) {
            headers.append(LINK, value);
        }
    }
    Ok(response)
}

/// The STUN and TURN servers that a client may use, each as the value of a `Link` (RFC 9725, section 4.6): none are configured.
const fn ice_servers() -> Vec<String> {
    Vec::new()
}

/// A channel's name as a part of a path: what is not unreserved is percent-encoded (RFC 3986, section 2.1).
fn escaped(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_') {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}
