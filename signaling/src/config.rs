//! What an operator can set: flags, and what they mean.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZero;
use std::path::PathBuf;

use clap::Parser;
use sfu::net::dscp::Dscp;
use sfu::relay::SHARDS_MAX;
use thiserror::Error;

use crate::external::{self, External};
use crate::placement::SPREAD;

/// What the server is started with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Config {
    /// Where HTTP and WebSocket are served.
    pub http: SocketAddr,
    /// Where the first shard receives media; clients are told these addresses, or the external ones that stand for them.
    /// Each further shard has the next port.
    pub media: Vec<SocketAddr>,
    /// Media threads.
    pub shards: u8,
    /// Under which addresses clients reach them, where that differs.
    pub external: Vec<External>,
    /// How the media sent to clients is marked.
    pub dscp: Dscp,
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

    /// Address under which clients reach a media address behind one-to-one NAT: they are told this one instead, with the same port.
    /// Alone it stands for the media address of its family that is not loopback; OURS=EXTERNAL says for which. May be repeated
    #[arg(long, value_name = "[OURS=]EXTERNAL")]
    external: Vec<External>,

    /// Differentiated services code point, 0 to 63, of all media sent; 0 for none. 36 (AF42) asks networks that heed it for the
    /// treatment of video calls
    #[arg(long, value_name = "DSCP", default_value = "36", value_parser = read_dscp)]
    dscp: Dscp,

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
    /// An external address with no media address to stand for.
    #[error("--external {0}: no media address (--media) is reached by it")]
    ExternalOfNone(External),
    /// An external address with several media addresses to stand for, or a media address with several external ones.
    #[error("--external {0}: it is not clear for which media address; say OURS={0}, once for each")]
    ExternalOfMany(External),
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
            external: Vec::new(),
            dscp: Dscp::INTERACTIVE,
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
        if let Some(port) = self.media.iter().map(SocketAddr::port).find(|port| beyond(*port)) {
            return Err(ConfigError::NoSuchPort { shards: self.shards, port });
        }
        let ours: BTreeSet<IpAddr> = self.media.iter().map(SocketAddr::ip).collect();
        for external in &self.external {
            let mut behind = ours.iter().filter(|ip| external.stands_for(**ip));
            let first = behind.next().ok_or(ConfigError::ExternalOfNone(*external))?;
            let rivals = self.external.iter().filter(|other| other.stands_for(*first)).count();
            if behind.next().is_some() || rivals > 1 {
                return Err(ConfigError::ExternalOfMany(*external));
            }
        }
        Ok(())
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

    /// What clients are told of the media addresses `bound`, in their order.
    #[must_use]
    pub fn candidates(&self, bound: &[SocketAddr]) -> Vec<SocketAddr> {
        external::announced(&self.external, bound)
    }
}

impl Flags {
    /// What they mean on a computer that reaches others from the addresses `outward`.
    #[must_use]
    pub fn configure(self, outward: &[IpAddr]) -> Config {
        let Self {
            http,
            media_port,
            mut media,
            shards,
            spread,
            external,
            dscp,
            hosts,
            web,
            log: _,
        } = self;
        if media.is_empty() {
            let beside = outward.iter().copied().filter(|_| http.ip().is_loopback());
            let ips = std::iter::once(http.ip()).chain(beside);
            media = ips.map(|ip| SocketAddr::new(ip, media_port)).collect();
        }
        let shards = shards.unwrap_or_else(processors);
        let limits = Limits { spread, ..Limits::default() };
        Config { http, media, shards, external, dscp, hosts, web, limits }
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

fn read_dscp(text: &str) -> Result<Dscp, String> {
    text.parse().ok().and_then(Dscp::new).ok_or_else(|| "a number from 0 to 63".to_owned())
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
    fn an_external_address_stands_for_one_media_address_and_no_other_does() {
        let outward = ["10.0.0.5".parse().unwrap(), "fd00::5".parse().unwrap()];
        let configured = |flags: &[&str]| {
            let flags = Flags::try_parse_from(["confab"].iter().chain(flags)).unwrap();
            flags.configure(&outward)
        };
        let config = configured(&["--external", "203.0.113.7"]);
        assert_eq!(config.check(), Ok(()));
        let told = config.candidates(&config.media);
        let told: Vec<String> = told.iter().map(ToString::to_string).collect();
        assert_eq!(told, ["127.0.0.1:3478", "203.0.113.7:3478", "[fd00::5]:3478"]);
        let both = configured(&["--external", "203.0.113.7", "--external", "2001:db8::7"]);
        assert_eq!(both.check(), Ok(()));
        let named = ["--external", "127.0.0.1=127.0.0.2", "--external", "10.0.0.5=203.0.113.7"];
        assert_eq!(configured(&named).check(), Ok(()));

        let words = |flags: &[&str]| configured(flags).check().unwrap_err().to_string();
        assert!(
            words(&["--external", "10.0.0.6=203.0.113.7"])
                .starts_with("--external 10.0.0.6=203.0.113.7: no media address")
        );
        let local = ["--external", "203.0.113.7", "--media", "127.0.0.1:9"];
        assert!(words(&local).starts_with("--external 203.0.113.7: no media address"));
        for flags in [
            &["--external", "203.0.113.7", "--external", "203.0.113.8"][..],
            &["--external", "203.0.113.7", "--external", "10.0.0.5=203.0.113.8"],
            &["--external", "203.0.113.7", "--media", "10.0.0.5:9", "--media", "10.0.0.6:9"],
        ] {
            assert!(words(flags).contains("203.0.113.7: it is not clear"), "{}", words(flags));
        }
        // Two ports of one address are behind one external address.
        let ports =
            ["--external", "203.0.113.7", "--media", "10.0.0.5:9", "--media", "10.0.0.5:10"];
        assert_eq!(configured(&ports).check(), Ok(()));
    }

    #[test]
    fn media_is_marked_unless_told_otherwise_and_only_with_six_bits() {
        assert_eq!(config(&[]).dscp.value(), 36);
        assert_eq!(config(&["--dscp", "0"]).dscp, Dscp::DEFAULT);
        assert_eq!(config(&["--dscp", "46"]).dscp.traffic_class(), 0xb8);
        for text in ["64", "-1", "ef", ""] {
            assert!(Flags::try_parse_from(["confab", "--dscp", text]).is_err(), "{text}");
        }
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
            "--external",
            "--dscp",
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
