//! What an operator can set: flags, and what they mean.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZero;
use std::path::PathBuf;

use clap::Parser;
use sfu::relay::SHARDS_MAX;
use thiserror::Error;

use crate::placement::SPREAD;

/// What the server is started with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Config {
    /// Where HTTP and WebSocket are served.
    pub http: SocketAddr,
    /// Where the first shard receives media; clients are told these addresses. Each further shard has the next port.
    pub media: Vec<SocketAddr>,
    /// Media threads.
    pub shards: u8,
    /// Host names under which the server is reached, beside its own.
    pub hosts: Vec<String>,
    /// The folder from which the page is served, file by file, instead of what is within the binary.
    pub web: Option<PathBuf>,
    /// How much it holds.
    pub limits: Limits,
}

/// Bounds of one server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Participants.
    pub participants: usize,
    /// Participants of one channel.
    pub channel: usize,
    /// WebSockets, joined or not.
    pub sockets: usize,
    /// HTTP connections that are no WebSockets.
    pub connections: u32,
    /// Participants by which one shard may be ahead before a channel on it grows to another.
    pub spread: usize,
}

impl Default for Limits {
    fn default() -> Self {
        // A shard holds 10,000. Everybody in a channel is told of everybody: a thousand people make a million notices when they all
        // come in. Sockets: all participants, and one in five resuming or about to join. A browser keeps up to six connections for
        // ten seconds after it has loaded the page: 1,000 people in ten seconds have room.
        Self {
            participants: 10_000,
            channel: 1_000,
            sockets: 12_000,
            connections: 6_000,
            spread: SPREAD,
        }
    }
}

/// A voice and video server: open the address it prints in two browsers, and two people meet.
///
/// Without flags Confab serves its page on http://127.0.0.1:8080 and receives media on UDP port 3478 of this computer. This is the
/// open development mode: whoever reaches the page may join any channel, so it is served to this computer only.
#[derive(Debug, Parser)]
#[command(name = "confab", version, max_term_width = 100)]
pub struct Flags {
    /// Address and port of the page and its WebSocket; loopback only, until there are keys to check who may join
    #[arg(long, value_name = "ADDRESS:PORT", default_value_t = HTTP)]
    http: SocketAddr,

    /// UDP port on which media is received, on the IP address of --http and, where that is loopback, also on the address from which
    /// this computer reaches others: Firefox sends nothing to a loopback address
    #[arg(long, value_name = "PORT", default_value_t = MEDIA_PORT, conflicts_with = "media")]
    media_port: u16,

    /// Address and UDP port on which media is received, instead of --media-port; clients must be able to reach it. May be repeated,
    /// the preferred first
    #[arg(long, value_name = "ADDRESS:PORT")]
    media: Vec<SocketAddr>,

    /// Media threads, each with a UDP port of its own: --media-port and those above it. One for each processor, unless told
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u8).range(1..=SHARDS_MAX as i64))]
    shards: Option<u8>,

    /// Participants by which one media thread may be ahead of another before a channel is shared between them
    #[arg(long, value_name = "NUMBER", default_value_t = SPREAD)]
    spread: usize,

    /// Host name under which the page may be opened, beside localhost and the address of --http. May be repeated
    #[arg(long = "host", value_name = "NAME")]
    hosts: Vec<String>,

    /// Folder from which the page is served as its files are when the server starts, instead of the page within the program: for
    /// whoever changes it
    #[arg(long, value_name = "FOLDER")]
    web: Option<PathBuf>,

    /// What to log to standard error: error, warn, info, debug, trace, or by part as in `info,sfu=debug`
    #[arg(long, value_name = "FILTER", default_value = "info")]
    pub log: String,
}

/// A setting that cannot be. Always the operator's mistake.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum ConfigError {
    /// HTTP for others, in open development mode.
    #[error(
        "--http {0}: without keys anybody could join, so Confab serves only this computer; use a loopback address such as 127.0.0.1:8080"
    )]
    NotLoopback(SocketAddr),
    /// Media at no address in particular: no client could be told where.
    #[error("--media {0}: name the address that clients reach, not a wildcard")]
    Wildcard(SocketAddr),
    /// More media addresses than an answer should carry.
    #[error("--media: at most {MEDIA_ADDRESSES_MAX} addresses")]
    TooManyAddresses,
    /// A shard would need a port above 65535.
    #[error("--shards {shards}: port {port} has not as many ports from it on")]
    NoSuchPort {
        /// How many.
        shards: u8,
        /// Of the first.
        port: u16,
    },
}

impl Config {
    /// A server on this computer, on ports that are free.
    #[must_use]
    pub fn local() -> Self {
        let any_port = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        Self {
            http: any_port,
            media: vec![any_port],
            shards: 2,
            hosts: Vec::new(),
            web: None,
            limits: Limits::default(),
        }
    }

    /// Whether this can be.
    ///
    /// # Errors
    /// [`ConfigError`]: the operator's mistake.
    pub fn check(&self) -> Result<(), ConfigError> {
        if !self.http.ip().is_loopback() {
            return Err(ConfigError::NotLoopback(self.http));
        }
        if let Some(wildcard) = self.media.iter().find(|address| address.ip().is_unspecified()) {
            return Err(ConfigError::Wildcard(*wildcard));
        }
        if self.media.len() > MEDIA_ADDRESSES_MAX {
            return Err(ConfigError::TooManyAddresses);
        }
        let beyond =
            |port: u16| port.checked_add(u16::from(self.shards.saturating_sub(1))).is_none();
        match self.media.iter().map(SocketAddr::port).find(|port| beyond(*port)) {
            Some(port) => Err(ConfigError::NoSuchPort { shards: self.shards, port }),
            None => Ok(()),
        }
    }

    /// Where each shard receives media.
    #[must_use]
    pub fn binds(&self) -> Vec<Vec<SocketAddr>> {
        let of_shard = |shard| {
            let next = |address: &SocketAddr| match address.port() {
                // Whichever is free.
                0 => *address,
                port => SocketAddr::new(address.ip(), port.saturating_add(shard)),
            };
            self.media.iter().map(next).collect()
        };
        (0..u16::from(self.shards)).map(of_shard).collect()
    }
}

impl Flags {
    /// What they mean on a computer that reaches others from the addresses `outward`.
    #[must_use]
    pub fn configure(self, outward: &[IpAddr]) -> Config {
        let Self { http, media_port, mut media, shards, spread, hosts, web, log: _ } = self;
        if media.is_empty() {
            let beside = outward.iter().copied().filter(|_| http.ip().is_loopback());
            let ips = std::iter::once(http.ip()).chain(beside);
            media = ips.map(|ip| SocketAddr::new(ip, media_port)).collect();
        }
        let shards = shards.unwrap_or_else(processors);
        let limits = Limits { spread, ..Limits::default() };
        Config { http, media, shards, hosts, web, limits }
    }
}

/// As many media threads as can run at once, and two at least: the way between shards is then never one that only large machines
/// go.
fn processors() -> u8 {
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    u8::try_from(processors.clamp(SHARDS_LEAST, SHARDS_MAX)).unwrap_or(u8::MAX)
}

/// See [`processors`].
const SHARDS_LEAST: usize = 2;

/// 8080 needs no rights and is what people try first.
const HTTP: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// STUN's own port (RFC 8489, section 18.6), which firewalls know.
const MEDIA_PORT: u16 = 3478;

/// IPv4 and IPv6 of a few interfaces: each is a candidate that every client checks.
const MEDIA_ADDRESSES_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn config(flags: &[&str]) -> Config {
        Flags::try_parse_from(["confab"].iter().chain(flags)).unwrap().configure(&[])
    }

    #[test]
    fn without_flags_everything_is_on_this_computer() {
        let config = config(&[]);
        assert_eq!(config.http, "127.0.0.1:8080".parse().unwrap());
        assert_eq!(config.media, ["127.0.0.1:3478".parse().unwrap()]);
        assert_eq!(config.check(), Ok(()));
    }

    #[test]
    fn media_follows_the_address_of_http_unless_told() {
        assert_eq!(config(&["--http", "[::1]:80"]).media, ["[::1]:3478".parse().unwrap()]);
        assert_eq!(config(&["--media-port", "5000"]).media, ["127.0.0.1:5000".parse().unwrap()]);
        let told = config(&["--media", "192.0.2.1:9", "--media", "192.0.2.2:9"]);
        assert_eq!(told.media, ["192.0.2.1:9".parse().unwrap(), "192.0.2.2:9".parse().unwrap()]);
        assert_eq!(told.check(), Ok(()));
    }

    #[test]
    fn each_shard_has_a_port_of_its_own() {
        let config = config(&["--media", "192.0.2.1:9", "--media", "[::1]:20", "--shards", "3"]);
        assert_eq!(config.check(), Ok(()));
        let binds: Vec<_> = config.binds().concat().iter().map(SocketAddr::to_string).collect();
        let expected =
            ["192.0.2.1:9", "[::1]:20", "192.0.2.1:10", "[::1]:21", "192.0.2.1:11", "[::1]:22"];
        assert_eq!(binds, expected);
        let any = Config { shards: 2, ..Config::local() };
        assert!(any.binds().concat().iter().all(|address| address.port() == 0));
    }

    #[test]
    fn beside_a_loopback_address_media_is_received_on_those_that_firefox_can_reach() {
        let outward = ["192.0.2.7".parse().unwrap(), "2001:db8::7".parse().unwrap()];
        let media = |flags: &[&str]| {
            let flags = Flags::try_parse_from(["confab"].iter().chain(flags)).unwrap();
            let media = flags.configure(&outward).media;
            media.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(media(&[]), ["127.0.0.1:3478", "192.0.2.7:3478", "[2001:db8::7]:3478"]);
        assert_eq!(media(&["--http", "192.0.2.7:80"]), ["192.0.2.7:3478"]);
        assert_eq!(media(&["--media", "127.0.0.1:9"]), ["127.0.0.1:9"]);
    }

    #[test]
    fn what_cannot_be_is_refused_with_the_flag_in_the_words() {
        let words = |flags: &[&str]| config(flags).check().unwrap_err().to_string();
        assert!(
            words(&["--http", "0.0.0.0:8080"]).starts_with("--http 0.0.0.0:8080: without keys")
        );
        assert!(
            words(&["--media", "0.0.0.0:3478"])
                .starts_with("--media 0.0.0.0:3478: name the address")
        );
        assert!(
            words(&["--media-port", "65535", "--shards", "2"])
                .starts_with("--shards 2: port 65535")
        );
        for shards in ["0", "65"] {
            assert!(Flags::try_parse_from(["confab", "--shards", shards]).is_err());
        }
        assert!(
            Flags::try_parse_from(["confab", "--media-port", "1", "--media", "127.0.0.1:2"])
                .is_err()
        );
    }

    #[test]
    fn the_help_names_every_flag() {
        Flags::command().debug_assert();
        let help = Flags::command().render_long_help().to_string();
        for flag in [
            "--http",
            "--media-port",
            "--media",
            "--shards",
            "--spread",
            "--host",
            "--web",
            "--log",
            "--help",
            "--version",
        ] {
            assert!(help.contains(flag), "{flag}");
        }
    }
}
