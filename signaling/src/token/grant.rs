//! What somebody may do in a channel.

use std::time::Duration;

use serde_json::{Map, Value};
use sfu::media::Source;
use simulcast::Bitrate;

use crate::name::PersonName;

/// What somebody may do, and for how long.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Grant {
    /// Which media may be sent and received.
    pub media: MediaGrant,
    /// May silence and remove others.
    pub moderate: bool,
    /// May look at the whole server.
    pub admin: bool,
    /// How others see them, whatever they say of themselves.
    pub name: Option<PersonName>,
    /// What an application says of them to everybody in the channel.
    pub metadata: Option<Map<String, Value>>,
    /// Bounds of their own.
    pub limits: GrantLimits,
    /// How long from now on; `None` for ever, which no token grants.
    pub lasts: Option<Duration>,
}

/// Which media may be sent and received.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "four rights, each independent of the others")]
pub struct MediaGrant {
    /// A microphone may be sent.
    pub sound: bool,
    /// A camera may be sent.
    pub picture: bool,
    /// A screen may be sent, and its sound.
    pub screen: bool,
    /// Others may be heard and seen.
    pub subscribe: bool,
}

/// Bounds of one participant, beside those of the server; `None` for none.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct GrantLimits {
    /// The most bits a second from the client.
    pub bitrate_up: Option<Bitrate>,
    /// The most bits a second to the client.
    pub bitrate_down: Option<Bitrate>,
    /// The most tracks at once.
    pub publications: Option<usize>,
}

impl MediaGrant {
    /// Everything.
    pub const ALL: Self = Self { sound: true, picture: true, screen: true, subscribe: true };

    /// Whether a track of `source` may be sent.
    #[must_use]
    pub const fn may_send(self, source: Source) -> bool {
        match source {
            Source::Microphone => self.sound,
            Source::Camera => self.picture,
            Source::Screen | Source::ScreenSound => self.screen,
        }
    }

    /// Whether it grants all that `other` does.
    #[must_use]
    pub const fn covers(self, other: Self) -> bool {
        (self.sound || !other.sound)
            && (self.picture || !other.picture)
            && (self.screen || !other.screen)
            && (self.subscribe || !other.subscribe)
    }
}

impl GrantLimits {
    /// Of each bound the narrower one.
    #[must_use]
    pub fn within(self, other: Self) -> Self {
        fn narrower<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
            one.into_iter().chain(other).min()
        }
        Self {
            bitrate_up: narrower(self.bitrate_up, other.bitrate_up),
            bitrate_down: narrower(self.bitrate_down, other.bitrate_down),
            publications: narrower(self.publications, other.publications),
        }
    }
}

impl Grant {
    /// Whatever there is, for ever: what everybody has in the open development mode.
    #[must_use]
    pub fn everything() -> Self {
        Self {
            media: MediaGrant::ALL,
            moderate: true,
            admin: true,
            name: None,
            metadata: None,
            limits: GrantLimits::default(),
            lasts: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_covers_another_where_it_has_all_of_its_rights() {
        let listener = MediaGrant { sound: false, picture: false, screen: false, subscribe: true };
        let speaker = MediaGrant { sound: true, ..listener };
        assert!(MediaGrant::ALL.covers(speaker) && speaker.covers(listener));
        assert!(!listener.covers(speaker) && speaker.covers(speaker));
        assert!(!MediaGrant { subscribe: false, ..MediaGrant::ALL }.covers(listener));
    }

    #[test]
    fn of_two_bounds_the_narrower_holds() {
        let none = GrantLimits::default();
        let one = GrantLimits { publications: Some(3), bitrate_up: Some(Bitrate::kbps(9)), ..none };
        let other =
            GrantLimits { publications: Some(2), bitrate_down: Some(Bitrate::kbps(8)), ..none };
        let both = GrantLimits { bitrate_up: Some(Bitrate::kbps(9)), ..other };
        assert_eq!((one.within(other), other.within(one), one.within(none)), (both, both, one));
    }

    #[test]
    fn a_screens_sound_is_granted_with_the_screen() {
        let screen = MediaGrant { sound: false, picture: false, ..MediaGrant::ALL };
        let may = |source| screen.may_send(source);
        assert!(may(Source::Screen) && may(Source::ScreenSound));
        assert!(!may(Source::Microphone) && !may(Source::Camera));
    }
}
