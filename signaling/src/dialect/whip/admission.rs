//! Who may publish and play by HTTP.

use axum::extract::Request;
use tokio::time::Instant;

use super::problem::Problem;
use super::role::Role;
use crate::connection::Peer;
use crate::fault::Error;
use crate::name::ChannelName;
use crate::presence::Presence;
use crate::token::Bearer;
use crate::token::grant::Grant;
use crate::token::refusal::Refusal;

/// What whoever sent `request` may do in `channel`, by the bearer token that it carries (RFC 9725, section 4.7).
///
/// # Errors
/// [`Error::Denied`] where there is no good token, or it grants nothing of what `role` does; [`Error::TooManyJoins`].
pub(super) fn admit(
    presence: &Presence,
    request: &Request,
    channel: &ChannelName,
    role: Role,
) -> Result<Grant, Problem> {
    if let Some(Peer(address)) = request.extensions().get() {
        presence.admit_join(*address, Instant::now())?;
    }
    let denied = |refusal: Refusal| Problem::from(Error::from(refusal));
    let bearer = Bearer::of(request.headers()).map_err(denied)?;
    let access = presence.access();
    let grant = access.admit(bearer.as_ref(), channel, access.now()).map_err(denied)?;
    let media = grant.media;
    match role {
        Role::Publish if !(media.sound || media.picture || media.screen) => {
            Err(denied(Refusal::NotGranted("publish")))
        }
        Role::Play if !media.subscribe => Err(denied(Refusal::NotGranted("subscribe"))),
        Role::Publish | Role::Play => Ok(grant),
    }
}
