//! HTTP connections: how many there may be, how long they may take, and how they end.
//!
//! Whoever opens connections and says nothing, or one byte a minute, must not keep others out. So a connection waits for the whole
//! head of a request for no longer than [`HEAD_MAX`], lives no longer than [`LIFE_MAX`], and there are no more at once than the
//! server's limit: further ones wait, unaccepted, for a place, and one becomes free soon. A connection that became a WebSocket
//! gives its place back; sockets are counted by themselves.

use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::http1::Builder;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{sleep, timeout};

/// From which address a request comes: an extension of each.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Serves `routes` to everybody who connects, at most `places` at once, until `stopping` turns true and the last connection has
/// ended.
pub(crate) async fn serve(
    listener: TcpListener,
    routes: Router,
    places: u32,
    stopping: watch::Receiver<bool>,
) {
    let free = Arc::new(Semaphore::new(usize::try_from(places).unwrap_or(usize::MAX)));
    let mut stops = stopping.clone();
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &free) => accepted,
            // An error means that the server is gone altogether.
            _ = stops.wait_for(|stopping| *stopping) => None,
        };
        let Some((stream, peer, place)) = accepted else { break };
        let routes = routes.clone().layer(Extension(peer));
        tokio::spawn(converse(stream, place, routes, stopping.clone()));
    }
    drop(listener);
    let _ended = free.acquire_many(places).await;
}

/// The next connection, once there is a place for it.
async fn accept(
    listener: &TcpListener,
    free: &Arc<Semaphore>,
) -> Option<(TcpStream, Peer, OwnedSemaphorePermit)> {
    // Nobody closes the semaphore.
    let place = Arc::clone(free).acquire_owned().await.ok()?;
    loop {
        match listener.accept().await {
            Ok((stream, address)) => return Some((stream, Peer(address.ip()), place)),
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::error!(%error, "no connection can be accepted; raise the limit of open files if it is that");
                sleep(ACCEPT_AGAIN).await;
            }
        }
    }
}

/// Whether the client is what failed, and the next one may well not.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}

/// Answers what comes on one connection. `_place` is given back when it ends, or has become a WebSocket.
async fn converse(
    stream: TcpStream,
    _place: OwnedSemaphorePermit,
    routes: Router,
    mut stopping: watch::Receiver<bool>,
) {
    // Messages are short, and people wait for them. A socket that refuses is closed anyway.
    let _closed = stream.set_nodelay(true);
    let connection = Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_MAX)
        .max_header_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes))
        .with_upgrades();
    let mut connection = pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => {
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended by a mistake");
            }
            return;
        }
        _ = stopping.wait_for(|stopping| *stopping) => {}
        () = sleep(LIFE_MAX) => {}
    }
    // The request that is being answered is still answered; none follows.
    connection.as_mut().graceful_shutdown();
    let _late = timeout(LAST_MAX, connection).await;
}

/// How long a client may take to send the head of a request, the first or the next: what a browser sends at once, even over the worst
/// mobile network.
const HEAD_MAX: Duration = Duration::from_secs(10);

/// Bytes of a head: browsers send some 600, proxies add a few hundred, and nothing here sets cookies.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// How long a connection may last that is no WebSocket: the whole page over 64 kbit/s. A browser opens another when it needs one.
const LIFE_MAX: Duration = Duration::from_secs(60);

/// How long the last answer of a connection may take to leave.
const LAST_MAX: Duration = Duration::from_secs(10);

/// Between two tries to accept, where it is the system that refuses.
const ACCEPT_AGAIN: Duration = Duration::from_secs(1);
