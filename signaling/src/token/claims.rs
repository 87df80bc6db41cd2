//! What stands in a token (RFC 7519, section 4), and which channels that is for.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use simulcast::Bitrate;

use super::grant::{Grant, GrantLimits, MediaGrant};
use super::refusal::Refusal;
use crate::name::{ChannelName, PersonName};

/// The claims of a token. What is not among them is ignored, as RFC 7519, section 4, asks.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Claims {
    /// A channel's name, or the beginning of names and a `*`.
    pub channel: String,
    /// What may be sent; all of it where not told.
    #[serde(default = "all_sources")]
    pub publish: Vec<Publish>,
    /// Whether others may be heard and seen.
    #[serde(default = "yes")]
    pub subscribe: bool,
    /// Whether others may be silenced and removed.
    #[serde(default, skip_serializing_if = "is_no")]
    pub moderate: bool,
    /// Whether the whole server may be looked at.
    #[serde(default, skip_serializing_if = "is_no")]
    pub admin: bool,
    /// How others see whoever has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What an application says of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Map<String, Value>>,
    /// Bounds of their own.
    #[serde(default)]
    pub limits: LimitClaims,
    /// Seconds since 1970 from which on it is no longer valid.
    #[serde(deserialize_with = "moment")]
    pub exp: u64,
    /// Seconds since 1970 from which on it is valid.
    #[serde(default, deserialize_with = "some_moment", skip_serializing_if = "Option::is_none")]
    pub nbf: Option<u64>,
    /// Seconds since 1970 at which it was made.
    #[serde(default, deserialize_with = "some_moment", skip_serializing_if = "Option::is_none")]
    pub iat: Option<u64>,
}

/// A kind of media, as a token writes it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Publish {
    /// A microphone.
    Sound,
    /// A camera.
    Picture,
    /// A screen and its sound.
    Screen,
}

/// The fields of `limits`.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct LimitClaims {
    /// Bits a second from the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bitrate_up: Option<u64>,
    /// Bits a second to the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bitrate_down: Option<u64>,
    /// Tracks at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publications: Option<usize>,
}

/// A `NumericDate` (RFC 7519, section 2): seconds, which may have a fraction; that is left out.
#[derive(Deserialize)]
#[serde(untagged)]
enum Moment {
    Whole(u64),
    Fraction(f64),
}

impl Moment {
    fn seconds<E: serde::de::Error>(self) -> Result<u64, E> {
        let seconds = match self {
            Self::Whole(seconds) => Some(seconds),
            Self::Fraction(seconds) => {
                Duration::try_from_secs_f64(seconds).ok().map(|it| it.as_secs())
            }
        };
        seconds.ok_or_else(|| E::custom("no time since 1970"))
    }
}

fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    Moment::deserialize(deserializer)?.seconds()
}

fn some_moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let moment = Option::<Moment>::deserialize(deserializer)?;
    moment.map(Moment::seconds).transpose()
}

fn all_sources() -> Vec<Publish> {
    vec![Publish::Sound, Publish::Picture, Publish::Screen]
}

const fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands fields over by reference")]
const fn is_no(value: &bool) -> bool {
    !*value
}

/// How far clocks may be apart: of servers that synchronise theirs at all. A token may be so young, and a token's time may have begun
/// so recently, on the clock of whoever made it.
pub const SKEW_SECONDS: u64 = 30;

/// The most bytes of `metadata`, as JSON: everybody in the channel is told all of it. A name, a colour and a link to a picture fit.
pub const METADATA_BYTES_MAX: usize = 1024;

impl Claims {
    /// What they grant at `now`, in seconds since 1970.
    ///
    /// # Errors
    /// [`Refusal`]: whose time it is not, or what is outside its bounds.
    pub fn grant(self, now: u64) -> Result<Grant, Refusal> {
        let claim = |claim: &str, what| Refusal::Claim { claim: claim.to_owned(), what };
        if self.exp <= now {
            return Err(Refusal::Expired);
        }
        let soon = now.saturating_add(SKEW_SECONDS);
        if self.nbf.is_some_and(|nbf| nbf > soon) {
            return Err(Refusal::NotYet);
        }
        if self.iat.is_some_and(|iat| iat > soon) {
            return Err(Refusal::FromTheFuture);
        }
        let name = self.name.as_deref().map(PersonName::parse).transpose();
        let name = name.map_err(|_| claim("name", "1 to 32 characters, no control characters"))?;
        let metadata = self.metadata.filter(|metadata| !metadata.is_empty());
        let bytes =
            metadata.as_ref().and_then(|it| serde_json::to_string(it).ok()).unwrap_or_default();
        if bytes.len() > METADATA_BYTES_MAX {
            return Err(claim("metadata", "at most 1,024 bytes"));
        }
        let LimitClaims { bitrate_up, bitrate_down, publications } = self.limits;
        Ok(Grant {
            media: MediaGrant {
                sound: self.publish.contains(&Publish::Sound),
                picture: self.publish.contains(&Publish::Picture),
                screen: self.publish.contains(&Publish::Screen),
                subscribe: self.subscribe,
            },
            moderate: self.moderate,
            admin: self.admin,
            name,
            metadata,
            limits: GrantLimits {
                bitrate_up: bitrate_up.map(Bitrate::bps),
                bitrate_down: bitrate_down.map(Bitrate::bps),
                publications,
            },
            lasts: Some(Duration::from_secs(self.exp.saturating_sub(now))),
        })
    }
}

/// Which channels something is for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Channels {
    /// This one.
    One(ChannelName),
    /// All whose names begin so, in lower case; with nothing, all.
    Beginning(String),
}

impl Channels {
    /// Reads a channel's name, or the beginning of names with a `*` behind it.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        match text.strip_suffix('*') {
            Some("") => Some(Self::Beginning(String::new())),
            // What a name may have and how it is compared holds of its beginning as well.
            Some(beginning) => ChannelName::parse(beginning)
                .ok()
                .map(|name| Self::Beginning(name.as_str().to_owned())),
            None => ChannelName::parse(text).ok().map(Self::One),
        }
    }

    /// Whether `channel` is one of them.
    #[must_use]
    pub fn has(&self, channel: &ChannelName) -> bool {
        match self {
            Self::One(one) => one == channel,
            Self::Beginning(beginning) => channel.as_str().starts_with(beginning),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_one_or_all_of_a_beginning_whatever_the_case() {
        let name = |text| ChannelName::parse(text).unwrap();
        let has = |channels: &str, channel| Channels::read(channels).unwrap().has(&name(channel));
        assert!(has("Kitchen", "kitchen") && !has("kitchen", "kitchen-table"));
        assert!(has("ACME.*", "acme.stand-up") && has("acme.*", "acme.") && has("*", "x"));
        assert!(!has("acme.*", "acme") && !has("acme.*", "notacme.x"));
        for text in ["", "a b", "a*b", "**", "a/*"] {
            assert_eq!(Channels::read(text), None, "{text}");
        }
    }
}
