//! The settings: one table of all there are, from which flags, environment, file, help and docs/config.md follow.

use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;

use sfu::net::dscp::Dscp;
use sfu::relay::SHARDS_MAX;
use simulcast::Bitrate;

use super::Limits;
use crate::external::External;
use crate::sdp::preference::{OPUS_BPS_MAX, OPUS_BPS_MIN, Preference, codec_named};

/// One setting.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Its name in the file: `shards`, or with its table `channel.codecs`.
    pub key: &'static str,
    /// Its flag, without dashes.
    pub flag: &'static str,
    /// What its value is.
    pub kind: Kind,
    /// Whether it may have several values.
    pub many: bool,
    /// What a value looks like, for people.
    pub shape: &'static str,
    /// What holds where nobody says, for people.
    pub default: &'static str,
    /// What it does.
    pub text: &'static str,
    /// Takes the value.
    pub set: fn(&mut Draft, &[&str]) -> Result<(), String>,
}

/// What a value is, and so how the file writes it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// A string.
    Text,
    /// An integer.
    Number,
    /// A boolean.
    Switch,
}

impl Kind {
    /// For people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "number",
            Self::Switch => "true or false",
        }
    }
}

impl Setting {
    /// Its environment variable.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("{PREFIX}{}", self.key.replace('.', "_").to_ascii_uppercase())
    }
}

/// What the names of environment variables begin with.
pub const PREFIX: &str = "CONFAB_";

/// The settings as they were written, before they are put together.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Draft {
    /// `http`.
    pub http: SocketAddr,
    /// `metrics`.
    pub metrics: Option<SocketAddr>,
    /// `media_port`.
    pub media_port: Option<u16>,
    /// `media`.
    pub media: Vec<SocketAddr>,
    /// `shards`.
    pub shards: Option<u8>,
    /// `external`.
    pub external: Vec<External>,
    /// `dscp`.
    pub dscp: Dscp,
    /// `hosts`.
    pub hosts: Vec<String>,
    /// `web`.
    pub web: Option<PathBuf>,
    /// `keys`.
    pub keys: Option<PathBuf>,
    /// `log`.
    pub log: String,
    /// `channel.codecs` and `channel.opus_…`.
    pub preference: Preference,
    /// The rest of `channel.…`, `limits.…` and `spread`.
    pub limits: Limits,
}

impl Default for Draft {
    fn default() -> Self {
        Self {
            http: HTTP,
            metrics: None,
            media_port: None,
            media: Vec::new(),
            shards: None,
            external: Vec::new(),
            dscp: Dscp::INTERACTIVE,
            hosts: Vec::new(),
            web: None,
            keys: None,
            log: "info".to_owned(),
            preference: Preference::default(),
            limits: Limits::default(),
        }
    }
}

/// 8080 needs no rights and is what people try first.
const HTTP: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// All settings, as docs/config.md lists them.
pub const SETTINGS: &[Setting] = &[
    Setting {
        key: "http",
        flag: "http",
        kind: Kind::Text,
        many: false,
        shape: "ADDRESS:PORT",
        default: "127.0.0.1:8080",
        text: "Address and port of the page and its WebSocket; loopback only, unless there are `keys` to check who may join",
        set: |draft, values| one(values).map(|value| draft.http = value),
    },
    Setting {
        key: "keys",
        flag: "keys",
        kind: Kind::Text,
        many: false,
        shape: "FILE",
        default: "none: the open development mode",
        text: "File of the keys that tokens are checked with (docs/tokens.md); read again when it changes, and on SIGHUP. With keys only whoever has a token comes in, and `http` may be any address",
        set: |draft, values| one(values).map(|value| draft.keys = Some(value)),
    },
    Setting {
        key: "metrics",
        flag: "metrics",
        kind: Kind::Text,
        many: false,
        shape: "ADDRESS:PORT",
        default: "at `http`",
        text: "Address and port of `/metrics`, which is then served there alone, to whoever reaches it: for a network that only operators are in",
        set: |draft, values| one(values).map(|value| draft.metrics = Some(value)),
    },
    Setting {
        key: "media_port",
        flag: "media-port",
        kind: Kind::Number,
        many: false,
        shape: "PORT",
        default: "3478",
        text: "UDP and TCP port on which media is received, on the IP address of `http` and, where that is loopback, also on the address from which this computer reaches others: Firefox sends nothing to a loopback address",
        set: |draft, values| one(values).map(|value| draft.media_port = Some(value)),
    },
    Setting {
        key: "media",
        flag: "media",
        kind: Kind::Text,
        many: true,
        shape: "ADDRESS:PORT",
        default: "by `media_port`",
        text: "Address and port, UDP and TCP, on which media is received, instead of `media_port`; clients must be able to reach it. Of several the preferred first",
        set: |draft, values| many(values).map(|values| draft.media = values),
    },
    Setting {
        key: "shards",
        flag: "shards",
        kind: Kind::Number,
        many: false,
        shape: "NUMBER",
        default: "one for each processor, at least 2",
        text: "Media threads, 1 to 64, each with a port of its own: that of `media_port` and those above it",
        set: |draft, values| {
            number(values, 1..=SHARDS_MAX as u64).map(|value| draft.shards = Some(value))
        },
    },
    Setting {
        key: "spread",
        flag: "spread",
        kind: Kind::Number,
        many: false,
        shape: "NUMBER",
        default: "16",
        text: "Participants by which one media thread may be ahead of another before a channel is shared between them",
        set: |draft, values| one(values).map(|value| draft.limits.spread = value),
    },
    Setting {
        key: "external",
        flag: "external",
        kind: Kind::Text,
        many: true,
        shape: "[OURS=]EXTERNAL",
        default: "none",
        text: "Address under which clients reach a media address behind one-to-one NAT: they are told this one instead, with the same port. Alone it stands for the media address of its family that is not loopback; OURS=EXTERNAL says for which",
        set: |draft, values| many(values).map(|values| draft.external = values),
    },
    Setting {
        key: "dscp",
        flag: "dscp",
        kind: Kind::Number,
        many: false,
        shape: "DSCP",
        default: "36",
        text: "Differentiated services code point, 0 to 63, of all media sent; 0 for none. 36 (AF42) asks networks that heed it for the treatment of video calls",
        set: |draft, values| {
            let value: u8 = number(values, 0..=63)?;
            draft.dscp = Dscp::new(value).ok_or("a number from 0 to 63")?;
            Ok(())
        },
    },
    Setting {
        key: "hosts",
        flag: "host",
        kind: Kind::Text,
        many: true,
        shape: "NAME",
        default: "none",
        text: "Host name under which the page may be opened, beside localhost and the address of `http`",
        set: |draft, values| many(values).map(|values| draft.hosts = values),
    },
    Setting {
        key: "web",
        flag: "web",
        kind: Kind::Text,
        many: false,
        shape: "FOLDER",
        default: "within the program",
        text: "Folder from which the page is served as its files are when the server starts, instead of the page within the program: for whoever changes it",
        set: |draft, values| one(values).map(|value| draft.web = Some(value)),
    },
    Setting {
        key: "log",
        flag: "log",
        kind: Kind::Text,
        many: false,
        shape: "FILTER",
        default: "info",
        text: "What to log to standard error: error, warn, info, debug, trace, or by part as in `info,sfu=debug`",
        set: |draft, values| one(values).map(|value| draft.log = value),
    },
    Setting {
        key: "channel.codecs",
        flag: "channel-codecs",
        kind: Kind::Text,
        many: true,
        shape: "CODEC",
        default: "opus, red, vp8, vp9, h264, av1",
        text: "Codecs that may be sent and received: opus, red, vp8, vp9, h264, av1; an answer accepts no other. Fewer are for an operator who must know what is sent, or whose clients do badly at one",
        set: |draft, values| {
            let codec =
                |value: &&str| codec_named(value).ok_or("one of opus, red, vp8, vp9, h264, av1");
            draft.preference.codecs = values.iter().map(codec).collect::<Result<_, &str>>()?;
            Ok(())
        },
    },
    Setting {
        key: "channel.opus_bitrate",
        flag: "channel-opus-bitrate",
        kind: Kind::Number,
        many: false,
        shape: "BITS",
        default: "the client's",
        text: "The most bits a second, on average, in which clients are to send a sound in Opus, 6000 to 510000: for music more, for many people less",
        set: |draft, values| {
            let range = OPUS_BPS_MIN.into()..=OPUS_BPS_MAX.into();
            number(values, range).map(|value| draft.preference.opus.bitrate = Some(value))
        },
    },
    Setting {
        key: "channel.opus_stereo",
        flag: "channel-opus-stereo",
        kind: Kind::Switch,
        many: false,
        shape: "BOOL",
        default: "the client's",
        text: "Whether clients are to send sound in stereo where they have it",
        set: |draft, values| switch(values).map(|on| draft.preference.opus.stereo = Some(on)),
    },
    Setting {
        key: "channel.opus_dtx",
        flag: "channel-opus-dtx",
        kind: Kind::Switch,
        many: false,
        shape: "BOOL",
        default: "the client's",
        text: "Whether clients are to send next to nothing while nobody speaks (DTX)",
        set: |draft, values| switch(values).map(|on| draft.preference.opus.dtx = Some(on)),
    },
    Setting {
        key: "channel.opus_fec",
        flag: "channel-opus-fec",
        kind: Kind::Switch,
        many: false,
        shape: "BOOL",
        default: "the client's",
        text: "Whether clients are to send in each packet a worse copy of the one before (in-band FEC)",
        set: |draft, values| switch(values).map(|on| draft.preference.opus.fec = Some(on)),
    },
    Setting {
        key: "channel.people",
        flag: "channel-people",
        kind: Kind::Number,
        many: false,
        shape: "NUMBER",
        default: "1000",
        text: "The most people in a channel; the next one is told that it is full",
        set: |draft, values| number(values, 1..=u64::MAX).map(|value| draft.limits.channel = value),
    },
    Setting {
        key: "channel.pictures",
        flag: "channel-pictures",
        kind: Kind::Number,
        many: false,
        shape: "NUMBER",
        default: "no bound",
        text: "The most cameras and screens that may be on in a channel at once; whoever switches on the next one is told",
        set: |draft, values| {
            number(values, 0..=u64::MAX).map(|value| draft.limits.pictures = value)
        },
    },
    Setting {
        key: "limits.participants",
        flag: "limit-participants",
        kind: Kind::Number,
        many: false,
        shape: "NUMBER",
        default: "10000",
        text: "The most participants of this server",
        set: |draft, values| {
            number(values, 1..=u64::MAX).map(|value| draft.limits.participants = value)
        },
    },
    Setting {
        key: "limits.tracks",
        flag: "limit-tracks",
        kind: Kind::Number,
        many: false,
        shape: "NUMBER",
        default: "16",
        text: "The most tracks that a participant may send at once; a token may say less",
        set: |draft, values| {
            number(values, 1..=u64::MAX).map(|value| draft.limits.each.publications = Some(value))
        },
    },
    Setting {
        key: "limits.bitrate_up",
        flag: "limit-bitrate-up",
        kind: Kind::Number,
        many: false,
        shape: "BITS",
        default: "no bound",
        text: "The most bits a second from a participant, 50000 at least; a token may say less. What is more is dropped (`above_cap`), pictures before sound, and the publisher is told to send less",
        set: |draft, values| {
            let bits = number(values, BITRATE_MIN..=u64::MAX)?;
            draft.limits.each.bitrate_up = Some(Bitrate::bps(bits));
            Ok(())
        },
    },
    Setting {
        key: "limits.bitrate_down",
        flag: "limit-bitrate-down",
        kind: Kind::Number,
        many: false,
        shape: "BITS",
        default: "no bound",
        text: "The most bits a second to a participant, 50000 at least; a token, or the person, may say less. Sound always goes",
        set: |draft, values| {
            let bits = number(values, BITRATE_MIN..=u64::MAX)?;
            draft.limits.each.bitrate_down = Some(Bitrate::bps(bits));
            Ok(())
        },
    },
    Setting {
        key: "limits.egress",
        flag: "limit-egress",
        kind: Kind::Number,
        many: false,
        shape: "BITS",
        default: "no bound",
        text: "The most bits a second that this server is to send, 1000000 at least, without IP and UDP headers; each media thread has an equal part. From 85 % of it on pictures are given up in stages, as where there is too much to do, and sound never: for whoever pays by traffic, or has a narrow link",
        set: |draft, values| {
            let bits = number(values, EGRESS_MIN..=u64::MAX)?;
            draft.limits.egress = Some(Bitrate::bps(bits));
            Ok(())
        },
    },
    Setting {
        key: "limits.joins",
        flag: "limit-joins",
        kind: Kind::Number,
        many: false,
        shape: "NUMBER",
        default: "1000",
        text: "The most joins a second from one address, or one /64 of IPv6. A proxy is one address for all behind it",
        set: |draft, values| {
            number(values, 1..=u32::MAX.into()).map(|value| draft.limits.joins = value)
        },
    },
    Setting {
        key: "limits.messages",
        flag: "limit-messages",
        kind: Kind::Number,
        many: false,
        shape: "NUMBER",
        default: "10000",
        text: "The most messages a second from one address, or one /64 of IPv6, beside the 200 that one socket may send",
        set: |draft, values| {
            number(values, 1..=u32::MAX.into()).map(|value| draft.limits.messages = value)
        },
    },
    Setting {
        key: "limits.sockets",
        flag: "limit-sockets",
        kind: Kind::Number,
        many: false,
        shape: "NUMBER",
        default: "12000",
        text: "The most WebSockets, joined or not; each takes a file descriptor",
        set: |draft, values| number(values, 1..=u64::MAX).map(|value| draft.limits.sockets = value),
    },
    Setting {
        key: "limits.connections",
        flag: "limit-connections",
        kind: Kind::Number,
        many: false,
        shape: "NUMBER",
        default: "6000",
        text: "The most HTTP connections that are no WebSockets; each takes a file descriptor",
        set: |draft, values| {
            number(values, 1..=u32::MAX.into()).map(|value| draft.limits.connections = value)
        },
    },
];

/// One voice with its headers: with less nobody could be heard.
const BITRATE_MIN: u64 = 50_000;

/// A few voices on each of a few threads.
const EGRESS_MIN: u64 = 1_000_000;

/// The one value, read.
fn one<T: FromStr<Err: Display>>(values: &[&str]) -> Result<T, String> {
    match values {
        [value] => value.parse().map_err(|error: T::Err| error.to_string()),
        _ => Err("one value, not several".to_owned()),
    }
}

/// All values, read.
fn many<T: FromStr<Err: Display>>(values: &[&str]) -> Result<Vec<T>, String> {
    values.iter().map(|value| one(&[value])).collect()
}

fn number<T: TryFrom<u64>>(values: &[&str], range: RangeInclusive<u64>) -> Result<T, String> {
    let value: u64 = one(values)?;
    let within = range.contains(&value).then(|| T::try_from(value).ok()).flatten();
    within.ok_or_else(|| match (*range.start(), *range.end()) {
        (least, u64::MAX) => format!("a number from {least}"),
        (least, most) => format!("a number from {least} to {most}"),
    })
}

fn switch(values: &[&str]) -> Result<bool, String> {
    one(values).map_err(|_| "true or false".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_told_apart_and_follow_from_the_key() {
        let keys: BTreeSet<&str> = SETTINGS.iter().map(|setting| setting.key).collect();
        let flags: BTreeSet<&str> = SETTINGS.iter().map(|setting| setting.flag).collect();
        assert_eq!((keys.len(), flags.len()), (SETTINGS.len(), SETTINGS.len()));
        let variables: Vec<String> = SETTINGS.iter().map(Setting::variable).collect();
        assert!(variables.contains(&"CONFAB_MEDIA_PORT".to_owned()));
        assert!(variables.contains(&"CONFAB_CHANNEL_OPUS_DTX".to_owned()));
    }

    /// A default that is a value changes nothing when it is set.
    #[test]
    fn the_defaults_in_words_are_those_in_force() {
        let mut values = 0;
        for setting in SETTINGS {
            let written: Vec<&str> = setting.default.split(", ").collect();
            let mut draft = Draft::default();
            if (setting.set)(&mut draft, &written).is_err() {
                continue;
            }
            let in_words =
                ["none: the open development mode", "at `http`", "within the program", "none"];
            if in_words.contains(&setting.default) || setting.key == "media_port" {
                continue;
            }
            values += 1;
            assert_eq!(draft, Draft::default(), "{}", setting.key);
        }
        assert_eq!(values, 12, "http, spread, dscp, log, codecs, people and six limits");
    }

    #[test]
    fn what_is_out_of_range_is_refused_with_the_range() {
        let refusal = |key: &str, value: &str| {
            let setting = SETTINGS.iter().find(|setting| setting.key == key).unwrap();
            (setting.set)(&mut Draft::default(), &[value]).unwrap_err()
        };
        assert_eq!(refusal("shards", "0"), "a number from 1 to 64");
        assert_eq!(refusal("shards", "65"), "a number from 1 to 64");
        assert_eq!(refusal("dscp", "64"), "a number from 0 to 63");
        assert_eq!(refusal("channel.opus_bitrate", "5999"), "a number from 6000 to 510000");
        assert_eq!(refusal("channel.people", "0"), "a number from 1");
        assert_eq!(refusal("channel.opus_dtx", "yes"), "true or false");
        assert!(refusal("channel.codecs", "h265").starts_with("one of opus"));
    }
}
