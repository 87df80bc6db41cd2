//! Who is in a channel, and how to leave one without a socket.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use serde::Serialize;

use crate::fault::Error;
use crate::name::ChannelName;
use crate::presence::Presence;
use crate::token::Bearer;

/// A channel as a stranger may see it.
#[derive(Debug, Serialize)]
pub struct ChannelShown {
    channel: String,
    participants: Vec<NameShown>,
}

/// A person as a stranger may see them.
#[derive(Debug, Serialize)]
pub struct NameShown {
    name: String,
}

/// `GET /v1/channels/{channel}`: who is inside, at most 100; an empty list where the channel does not exist, since the next to
/// come in makes it. Where there are keys, only for whoever may come in.
///
/// # Errors
/// [`Error::BadChannel`], [`Error::Denied`]: the client's fault.
pub async fn look(
    State(presence): State<Presence>,
    Path(channel): Path<String>,
    headers: HeaderMap,
) -> Result<Json<ChannelShown>, Error> {
    let channel = ChannelName::parse(&channel)?;
    let (access, bearer) = (presence.access(), Bearer::of(&headers)?);
    access.admit(bearer.as_ref(), &channel, access.now())?;
    let names = presence.names(&channel).await?;
    let participants =
        names.iter().map(|name| NameShown { name: name.as_str().to_owned() }).collect();
    Ok(Json(ChannelShown { channel: channel.to_string(), participants }))
}

/// `POST /v1/leave/{secret}`: what a page sends as it closes (`navigator.sendBeacon`).
///
/// # Errors
/// [`Error::NotFound`] where nobody has the secret.
pub async fn leave(
    State(presence): State<Presence>,
    Path(secret): Path<String>,
) -> Result<StatusCode, Error> {
    presence.dismiss(&secret).await?;
    Ok(StatusCode::NO_CONTENT)
}
