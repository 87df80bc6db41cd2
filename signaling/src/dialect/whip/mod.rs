//! WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep-03): publishing to a channel and playing it by HTTP, as docs/whip.md has it.
//!
//! ```text
//! POST /whip/{channel} ─► endpoint ─► description ─► conversation, one task each ─► Ask ────► channel
//!      ◄ 201, Location                                                           ◄─ Notice ◄─
//! PATCH, DELETE {Location} ─► resource ─► sessions: which conversation? ─┘
//! ```
//!
//! Whoever comes so is an ordinary participant, seen and moderated as others are. Both directions are one protocol, and one code; they
//! differ in what an offer must say ([`Role`](role::Role)). Left out on purpose: counter-offers and server-sent events (WHEP), for the
//! client always offers; HTTP authentication other than bearer tokens; redirects, for there is nowhere else to go.

mod admission;
mod conversation;
mod cors;
mod description;
mod director;
mod endpoint;
mod entity_tag;
mod fragment;
mod problem;
mod request;
mod resource;
mod role;
pub(crate) mod sessions;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use axum::{Router, middleware::from_fn_with_state};
use tokio::sync::watch;

use self::problem::Problem;
use self::request::BODY_BYTES_MAX;
use self::sessions::Sessions;
use crate::origin::Hosts;
use crate::presence::Presence;

/// What requests need; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Whip {
    /// Which channels there are.
    pub(crate) presence: Presence,
    /// Which sessions there are.
    pub(crate) sessions: Sessions,
    /// Turns true when the server stops.
    pub(crate) stopping: watch::Receiver<bool>,
}

/// The paths of both, open to pages of every origin, for the host names of `hosts`.
pub(crate) fn routes(whip: Whip, hosts: Hosts) -> Router {
    Router::new()
        .route("/whip/{channel}", any(endpoint::publish))
        .route("/whep/{channel}", any(endpoint::play))
        .route("/whip/{channel}/{secret}", any(resource::serve))
        .route("/whep/{channel}/{secret}", any(resource::serve))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn_with_state(hosts, guard))
        .layer(middleware::from_fn(cors::open))
        .with_state(whip)
}

/// Refuses requests for other hosts than this: a name that somebody points at this address has no business here (DNS rebinding).
async fn guard(State(hosts): State<Hosts>, request: Request, next: Next) -> Response {
    match hosts.host(request.headers()) {
        Ok(_) => next.run(request).await,
        Err(error) => Problem::from(error).into_response(),
    }
}

#[cfg(test)]
#[path = "whip_tests.rs"]
mod tests;
