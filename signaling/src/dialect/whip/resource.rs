//! Sessions: `/whip/{channel}/{secret}`, `/whep/{channel}/{secret}`, where ICE goes on and the session ends (RFC 9725, sections 4.2
//! and 4.3). The secret is what lets in: no token is asked for.

use axum::extract::{Path, Request, State};
use axum::http::header::{CONTENT_TYPE, ETAG};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::oneshot;

use super::Whip;
use super::conversation::{Patched, Request as Asked};
use super::cors;
use super::endpoint::ACCEPT_PATCH;
use super::entity_tag::Condition;
use super::fragment::Fragment;
use super::problem::Problem;
use super::request::{self, FRAGMENT};
use crate::draw::SecretHash;

/// Whatever is asked of a session.
pub(super) async fn serve(
    State(whip): State<Whip>,
    Path((_channel, secret)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let session =
        async || whip.sessions.find(SecretHash::of(&secret)).await.ok_or(Problem::NoSession);
    match *request.method() {
        Method::PATCH => patch(session().await?, request).await,
        Method::DELETE => {
            // If-Match does not matter here (RFC 9725, section 4.3.1).
            ask(&session().await?, |reply| Asked::Delete { reply }).await?;
            Ok(StatusCode::OK.into_response())
        }
        Method::GET | Method::HEAD => {
            ask(&session().await?, |reply| Asked::Look { reply }).await?;
            Ok(StatusCode::NO_CONTENT.into_response())
        }
        // A preflight tells nobody which sessions there are.
        Method::OPTIONS => Ok(cors::options(METHODS, (ACCEPT_PATCH, FRAGMENT))),
        _ => Err(Problem::Method(METHODS)),
    }
}

const METHODS: &str = "DELETE, GET, HEAD, OPTIONS, PATCH";

async fn patch(session: Sender<Asked>, request: Request) -> Result<Response, Problem> {
    request::check_content_type(request.headers(), FRAGMENT)?;
    let condition = Condition::read(request.headers())?;
    let text = request::text(request).await?;
    let fragment = Fragment::read(&text).map_err(Problem::Fragment)?;
    match ask(&session, |reply| Asked::Patch { condition, fragment, reply }).await?? {
        Patched::Trickled => Ok(StatusCode::NO_CONTENT.into_response()),
        Patched::Restarted { fragment, tag } => {
            let headers = [(CONTENT_TYPE, FRAGMENT.to_owned()), (ETAG, tag.quoted())];
            Ok((headers, fragment).into_response())
        }
    }
}

/// Asks a session, which may end before it answers.
async fn ask<T>(
    session: &Sender<Asked>,
    make: impl FnOnce(oneshot::Sender<T>) -> Asked,
) -> Result<T, Problem> {
    let (reply, answer) = oneshot::channel();
    session.try_send(make(reply)).map_err(|refused| match refused {
        TrySendError::Full(_) => Problem::Busy,
        TrySendError::Closed(_) => Problem::NoSession,
    })?;
    answer.await.map_err(|_| Problem::NoSession)
}
