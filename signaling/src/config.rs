//! What an operator can set: flags, and what they mean.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::Parser;
use thiserror::Error;

/// What the server is started with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Config {
    /// Where HTTP and WebSocket are served.
    pub http: SocketAddr,
    /// Where media is received; clients are told these addresses.
    pub media: Vec<SocketAddr>,
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
}

impl Default for Limits {
    fn default() -> Self {
        // A shard holds 10,000. Everybody in a channel is told of everybody: a thousand people make a million notices when they all
        // come in. Sockets: all participants, and one in five resuming or about to join. A browser keeps up to six connections for
        // ten seconds after it has loaded the page: 1,000 people in ten seconds have room.
        Self { participants: 10_000, channel: 1_000, sockets: 12_000, connections: 6_000 }
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
}

impl Config {
    /// A server on this computer, on ports that are free.
    #[must_use]
    pub fn local() -> Self {
        let any_port = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        Self {
            http: any_port,
            media: vec![any_port],
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
            Err(ConfigError::TooManyAddresses)
        } else {
            Ok(())
        }
    }
}

impl Flags {
    /// What they mean on a computer that reaches others from the addresses `outward`.
    #[must_use]
    pub fn configure(self, outward: &[IpAddr]) -> Config {
        let Self { http, media_port, mut media, hosts, web, log: _ } = self;
        if media.is_empty() {
            let beside = outward.iter().copied().filter(|_| http.ip().is_loopback());
            let ips = std::iter::once(http.ip()).chain(beside);
            media = ips.map(|ip| SocketAddr::new(ip, media_port)).collect();
        }
        Config { http, media, hosts, web, limits: Limits::default() }
    }
}

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
            Flags::try_parse_from(["confab", "--media-port", "1", "--media", "127.0.0.1:2"])
                .is_err()
        );
    }

    #[test]
    fn the_help_names_every_flag() {
        Flags::command().debug_assert();
        let help = Flags::command().render_long_help().to_string();
        for flag in
            ["--http", "--media-port", "--media", "--host", "--web", "--log", "--help", "--version"]
        {
            assert!(help.contains(flag), "{flag}");
        }
    }
}
