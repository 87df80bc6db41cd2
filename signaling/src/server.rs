//! The server: everything put together, started and stopped.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Extension, FromRef, Path, State};
use axum::http::HeaderMap;
use axum::http::uri::Authority;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Router, middleware};
use rand::SeedableRng;
use rand::rngs::StdRng;
use sfu::metrics::Snapshot;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::api::{channels, health, metrics};
use crate::config::{Config, ConfigError};
use crate::connection::{self, Peer};
use crate::dialect::socket;
use crate::dialect::whip::sessions::Sessions;
use crate::dialect::whip::{self, Whip};
use crate::draw::Draw;
use crate::fault;
use crate::limited::Limit;
use crate::media::Media;
use crate::origin::{self, Hosts};
use crate::plane::{Plane, PlaneError};
use crate::presence::Presence;
use crate::sdp::negotiate::Policy;
use crate::token::Access;
use crate::token::reread::{self, KeysError};
use crate::web::Web;

/// A running server. Dropping it leaves it running; [`Self::stop`] ends it.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    metrics_address: SocketAddr,
    media_addresses: Vec<SocketAddr>,
    app: App,
    media: Media,
    stopping: watch::Sender<bool>,
    serving: Vec<JoinHandle<()>>,
}

/// What requests need.
#[derive(Clone, Debug)]
pub(crate) struct App {
    pub(crate) presence: Presence,
    pub(crate) snapshots: watch::Receiver<Snapshot>,
    web: Arc<Web>,
    sockets: Arc<Semaphore>,
    sockets_max: usize,
    stopping: watch::Receiver<bool>,
}

impl App {
    /// How many WebSockets are open.
    pub(crate) fn sockets(&self) -> usize {
        self.sockets_max.saturating_sub(self.sockets.available_permits())
    }
}

impl FromRef<App> for Presence {
    fn from_ref(app: &App) -> Self {
        app.presence.clone()
    }
}

/// Why a server did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// A setting that cannot be: the operator's mistake.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The HTTP port is taken: the operator's to choose.
    #[error("TCP port {port} of {ip} is in use by another program; choose another with --{flag} {ip}:PORT", port = .address.port(), ip = .address.ip())]
    HttpBusy {
        /// Whose address it is.
        flag: &'static str,
        /// Which.
        address: SocketAddr,
    },
    /// The HTTP address cannot be served for another reason.
    #[error("cannot serve --{flag} {address}: {source}")]
    Http {
        /// Whose address it is.
        flag: &'static str,
        /// Which.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The keys cannot be had: the operator's mistake.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// There is no media plane.
    #[error("{0}{hint}", hint = .0.hint())]
    Plane(#[from] PlaneError),
    /// The web client in this binary is broken: Confab's mistake.
    #[error("the embedded web client cannot be read: {0}")]
    Web(io::Error),
    /// The folder of the page cannot be read, or holds none: the operator's mistake.
    #[error("--web {folder}: {source}")]
    Folder {
        /// Which.
        folder: String,
        /// Why.
        source: io::Error,
    },
}

impl Server {
    /// Starts a server with a media thread of its own, and the operating system's randomness.
    ///
    /// # Errors
    /// [`StartError`]; nothing of the server runs then.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        config.check()?;
        let mut draw = Draw::new(StdRng::from_os_rng());
        let Config { limits, dscp, .. } = &config;
        let plane =
            Plane::start(config.binds(), (limits.participants, config.egress()), *dscp, &mut draw)?;
        Self::start_on(config, plane, draw).await
    }

    /// Starts a server on `plane`, with `draw` for all that is random.
    ///
    /// # Errors
    /// [`StartError`]; nothing of the server runs then.
    pub async fn start_on(config: Config, plane: Plane, draw: Draw) -> Result<Self, StartError> {
        config.check()?;
        let web = match &config.web {
            None => Web::embedded().map_err(StartError::Web)?,
            Some(folder) => Web::of_folder(folder).map_err(|source| StartError::Folder {
                folder: folder.display().to_string(),
                source,
            })?,
        };
        let (listener, address) = listen("http", config.http).await?;
        let metrics = match config.metrics {
            Some(at) => Some(listen("metrics", at).await?),
            None => None,
        };
        let media_addresses = plane.addresses.concat();
        let fingerprint = plane.fingerprint;
        let policy = |bound: &Vec<SocketAddr>| Policy {
            candidates: config.candidates(bound),
            fingerprint,
            preference: config.preference.clone(),
        };
        let policies = plane.addresses.iter().map(policy).collect();
        let (media, snapshots) = Media::start(plane);
        let (stopping, stops) = watch::channel(false);
        let access = match config.keys.clone() {
            Some(keys) => reread::start(keys, stops.clone())?,
            None => Access::open(),
        };
        let access = access.within(config.limits.each);
        let app = App {
            presence: Presence::start(config.limits, media.clone(), policies, access, draw),
            snapshots,
            web: Arc::new(web),
            sockets: Arc::new(Semaphore::new(config.limits.sockets)),
            sockets_max: config.limits.sockets,
            stopping: stops.clone(),
        };
        let places = config.limits.connections;
        let own = |address| Hosts::new(address, &config.hosts);
        let mut public = routes();
        let mut metrics_address = address;
        let mut serving = Vec::new();
        if let Some((listener, address)) = metrics {
            metrics_address = address;
            let routes = finished(metrics_routes(), app.clone(), own(address));
            let served = connection::serve(listener, routes, places, stops.clone());
            serving.push(tokio::spawn(served));
        } else {
            public = public.route("/metrics", get(metrics::scrape_as_admin));
        }
        let (presence, stopping_there) = (app.presence.clone(), stops.clone());
        let whip = Whip { presence, sessions: Sessions::start(), stopping: stopping_there };
        let routes =
            finished(public, app.clone(), own(address)).merge(whip::routes(whip, own(address)));
        serving.push(tokio::spawn(connection::serve(listener, routes, places, stops)));
        Ok(Self { address, metrics_address, media_addresses, app, media, stopping, serving })
    }

    /// Where HTTP is served.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where metrics are served.
    #[must_use]
    pub const fn metrics_address(&self) -> SocketAddr {
        self.metrics_address
    }

    /// Where media is received.
    #[must_use]
    pub fn media_addresses(&self) -> &[SocketAddr] {
        &self.media_addresses
    }

    /// Waits until the media plane has ended by itself: nothing can be heard any more, and only a new start helps.
    pub async fn media_ended(&mut self) {
        while self.app.snapshots.changed().await.is_ok() {}
    }

    /// Says good-bye to everybody, then ends. Takes at most a few seconds, whatever the clients do.
    pub async fn stop(self) {
        self.stopping.send_replace(true);
        let sockets = u32::try_from(self.app.sockets_max).unwrap_or(u32::MAX);
        // A client that takes no good-bye is left behind.
        let _late = timeout(GOODBYE_MAX, self.app.sockets.acquire_many(sockets)).await;
        self.app.presence.stop().await;
        self.media.stop().await;
        for mut serving in self.serving {
            if timeout(GOODBYE_MAX, &mut serving).await.is_err() {
                serving.abort();
            }
        }
    }
}

impl StartError {
    fn http(flag: &'static str, address: SocketAddr, source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::AddrInUse {
            Self::HttpBusy { flag, address }
        } else {
            Self::Http { flag, address, source }
        }
    }
}

/// A socket at `address`, which `flag` names, and the address that it got.
async fn listen(
    flag: &'static str,
    address: SocketAddr,
) -> Result<(TcpListener, SocketAddr), StartError> {
    let bound = async {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    };
    bound.await.map_err(|source| StartError::http(flag, address, source))
}

/// How long a stopping server waits for its clients: they have a second each for their last words, side by side.
const GOODBYE_MAX: Duration = Duration::from_secs(2);

fn routes() -> Router<App> {
    Router::new()
        .route("/", get(page))
        .route("/c/{channel}", get(page))
        .route("/assets/{hash}/{*path}", get(asset))
        .route("/favicon.ico", get(icon))
        .route("/v1/socket", get(open_socket))
        .route("/v1/channels/{channel}", get(channels::look))
        .route("/v1/leave/{secret}", post(channels::leave))
        .route("/healthz", get(health::healthy))
}

fn metrics_routes() -> Router<App> {
    Router::new().route("/metrics", get(metrics::scrape))
}

/// `routes` with what holds for all requests.
fn finished(routes: Router<App>, app: App, hosts: Hosts) -> Router {
    routes
        .fallback(|| async { fault::Error::NotFound })
        .layer(middleware::from_fn_with_state(hosts, origin::guard))
        .with_state(app)
}

async fn page(
    State(app): State<App>,
    Extension(host): Extension<Authority>,
    headers: HeaderMap,
) -> Response {
    app.web.page(&host, &headers)
}

async fn asset(
    State(app): State<App>,
    Path((hash, path)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, fault::Error> {
    app.web.asset(&hash, &path, &headers)
}

async fn icon(State(app): State<App>, headers: HeaderMap) -> Response {
    app.web.icon(&headers)
}

async fn open_socket(
    State(app): State<App>,
    Extension(Peer(peer)): Extension<Peer>,
    upgrade: WebSocketUpgrade,
) -> Result<Response, fault::Error> {
    let place = Arc::clone(&app.sockets)
        .try_acquire_owned()
        .map_err(|_| app.presence.at(Limit::Sockets, fault::Error::ServerFull))?;
    let App { presence, stopping, .. } = app;
    let upgrade = upgrade
        .read_buffer_size(SOCKET_BUFFER_BYTES)
        .write_buffer_size(SOCKET_BUFFER_BYTES)
        .max_message_size(socket::MESSAGE_BYTES_MAX)
        .max_frame_size(socket::MESSAGE_BYTES_MAX);
    Ok(upgrade.on_upgrade(async move |socket| {
        socket::serve(socket, peer, presence, stopping).await;
        drop(place);
    }))
}

/// Of each direction of a WebSocket: messages are mostly shorter, and there may be ten thousand of them.
const SOCKET_BUFFER_BYTES: usize = 4 * 1024;

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
