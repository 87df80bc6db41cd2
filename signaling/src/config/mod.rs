//! What an operator can set, and what it means for a server.

pub mod document;
pub mod file;
pub mod flags;
pub mod layers;
pub mod settings;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZero;
use std::path::PathBuf;

use sfu::net::dscp::Dscp;
use sfu::relay::SHARDS_MAX;
use simulcast::Bitrate;
use simulcast::codec::Codec;
use thiserror::Error;

use self::settings::Draft;
use crate::external::{self, External};
use crate::placement::SPREAD;
use crate::sdp::preference::Preference;
use crate::token::grant::GrantLimits;

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
    /// Where metrics are served, where not with all else.
    pub metrics: Option<SocketAddr>,
    /// The keys that tokens are checked with; none is the open development mode.
    pub keys: Option<PathBuf>,
    /// Which media clients are to send.
    pub preference: Preference,
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
    /// Cameras and screens that are on in one channel.
    pub pictures: usize,
    /// Bounds of each participant; a token may have narrower ones.
    pub each: GrantLimits,
    /// The most bits a second to send, without IP and UDP headers.
    pub egress: Option<Bitrate>,
    /// Joins a second from one address.
    pub joins: u32,
    /// Messages a second from one address.
    pub messages: u32,
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
        // ten seconds after it has loaded the page: 1,000 people in ten seconds have room. Of a person there are four tracks; the rest is
        // room for other clients. Addresses: everybody of a large office, or behind a proxy, is one; they may all come back at once.
        Self {
            participants: 10_000,
            channel: 1_000,
            pictures: usize::MAX,
            each: GrantLimits { publications: Some(16), ..GrantLimits::default() },
            egress: None,
            joins: 1_000,
            messages: 10_000,
            sockets: 12_000,
            connections: 6_000,
            spread: SPREAD,
        }
    }
}

/// A setting that cannot be. Always the operator's mistake.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum ConfigError {
    /// HTTP for others, in open development mode.
    #[error(
        "--http {0}: without keys anybody could join, so Confab serves only this computer; give it --keys, or use a loopback address such as 127.0.0.1:8080"
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
    /// Both ways to say where media is received.
    #[error("media and media_port contradict each other; give one of them")]
    MediaTwice,
    /// No codec for sound: nobody could be heard.
    #[error("channel.codecs: without opus nobody is heard")]
    NoSound,
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
            metrics: None,
            keys: None,
            preference: Preference::default(),
            limits: Limits::default(),
        }
    }

    /// What the settings `draft` mean on a computer that reaches others from the addresses `outward`.
    ///
    /// # Errors
    /// [`ConfigError::MediaTwice`]: the operator's mistake. The rest [`Self::check`] finds.
    pub fn of(draft: Draft, outward: &[IpAddr]) -> Result<Self, ConfigError> {
        let Draft {
            http,
            metrics,
            media_port,
            mut media,
            shards,
            external,
            dscp,
            hosts,
            web,
            keys,
            log: _,
            preference,
            limits,
        } = draft;
        if media.is_empty() {
            let beside = outward.iter().copied().filter(|_| http.ip().is_loopback());
            let ips = std::iter::once(http.ip()).chain(beside);
            let port = media_port.unwrap_or(MEDIA_PORT);
            media = ips.map(|ip| SocketAddr::new(ip, port)).collect();
        } else if media_port.is_some() {
            return Err(ConfigError::MediaTwice);
        }
        let shards = shards.unwrap_or_else(processors);
        Ok(Self {
            http,
            media,
            shards,
            external,
            dscp,
            hosts,
            web,
            metrics,
            keys,
            preference,
            limits,
        })
    }

    /// Whether this can be.
    ///
    /// # Errors
    /// [`ConfigError`]: the operator's mistake.
    pub fn check(&self) -> Result<(), ConfigError> {
        if !self.http.ip().is_loopback() && self.keys.is_none() {
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
        if !self.preference.codecs.contains(&Codec::Opus) {
            return Err(ConfigError::NoSound);
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

    /// The most bits a second that each shard may send.
    #[must_use]
    pub fn egress(&self) -> Option<Bitrate> {
        self.limits.egress.map(|most| most.scaled(1, self.shards.max(1).into()))
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

/// As many media threads as can run at once, and two at least: the way between shards is then never one that only large machines
/// go.
fn processors() -> u8 {
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    u8::try_from(processors.clamp(SHARDS_LEAST, SHARDS_MAX)).unwrap_or(u8::MAX)
}

/// See [`processors`].
const SHARDS_LEAST: usize = 2;

/// STUN's own port (RFC 8489, section 18.6), which firewalls know.
const MEDIA_PORT: u16 = 3478;

/// IPv4 and IPv6 of a few interfaces: each is a candidate that every client checks.
const MEDIA_ADDRESSES_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::flags::Task;
    use super::*;

    fn configured(flags: &[&str], outward: &[IpAddr]) -> Result<Config, String> {
        let arguments = ["confab"].iter().chain(flags).map(|text| (*text).to_owned());
        let Task::Serve(given) = flags::read(arguments, []).map_err(|error| error.to_string())?
        else {
            return Err("a command".to_owned());
        };
        let composed = given.layers(None).compose().map_err(|error| error.to_string())?;
        Config::of(composed.draft, outward).map_err(|error| error.to_string())
    }

    fn config(flags: &[&str]) -> Config {
        configured(flags, &[]).unwrap()
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
            let media = configured(flags, &outward).unwrap().media;
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
        assert_eq!(
            words(&["--channel-codecs", "vp8"]),
            "channel.codecs: without opus nobody is heard"
        );
        let refused = |flags: &[&str]| configured(flags, &[]).unwrap_err();
        for shards in ["0", "65"] {
            let expected = format!("--shards: shards {shards:?}: a number from 1 to 64");
            assert_eq!(refused(&["--shards", shards]), expected);
        }
        assert_eq!(
            refused(&["--media-port", "1", "--media", "127.0.0.1:2"]),
            "media and media_port contradict each other; give one of them"
        );
    }

    #[test]
    fn an_external_address_stands_for_one_media_address_and_no_other_does() {
        let outward = ["10.0.0.5".parse().unwrap(), "fd00::5".parse().unwrap()];
        let configured = |flags: &[&str]| configured(flags, &outward).unwrap();
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
            assert!(configured(&["--dscp", text], &[]).is_err(), "{text}");
        }
    }
}
