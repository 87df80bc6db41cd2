//! Names that people type: of a channel and of themselves.

use std::fmt;

use crate::fault::Error;

/// A channel's name: 1 to 64 letters, digits, `-`, `_` and `.`, in any script, in lower case. Typed as it is shown it is the same
/// channel.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct ChannelName(String);

impl ChannelName {
    /// Reads a name.
    ///
    /// # Errors
    /// [`Error::BadChannel`] outside the bounds: the client's fault.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let allowed = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
        let length = text.chars().count();
        if (1..=CHANNEL_CHARACTERS_MAX).contains(&length) && text.chars().all(allowed) {
            // 'İ' is the one letter that becomes two characters: an 'i', and a dot above it that no name may have.
            Ok(Self(text.to_lowercase().chars().filter(|c| allowed(*c)).collect()))
        } else {
            Err(Error::BadChannel)
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A person's name: 1 to 32 characters after trimming, none of them a control character.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PersonName(String);

impl PersonName {
    /// Reads a name.
    ///
    /// # Errors
    /// [`Error::BadName`] outside the bounds: the client's fault.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        let length = text.chars().count();
        if (1..=PERSON_CHARACTERS_MAX).contains(&length) && !text.chars().any(char::is_control) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::BadName)
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Long enough for a sentence in a link, short enough for a title.
const CHANNEL_CHARACTERS_MAX: usize = 64;

/// What fits under a tile.
const PERSON_CHARACTERS_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_compared_in_lower_case_in_any_script() {
        let name = |text| ChannelName::parse(text).unwrap();
        assert_eq!(name("Kitchen-Table"), name("kitchen-table"));
        assert_eq!(name("ÄPFEL.1_a"), name("äpfel.1_a"));
        assert_eq!(name("会議室").as_str(), "会議室");
        assert_eq!(name("İSTANBUL"), name(name("İSTANBUL").as_str()));
    }

    #[test]
    fn channels_outside_their_bounds_are_refused() {
        for text in ["", "a b", "a/b", "a\n", "<b>", &"a".repeat(65)] {
            assert_eq!(ChannelName::parse(text), Err(Error::BadChannel), "{text:?}");
        }
        assert!(ChannelName::parse(&"ä".repeat(64)).is_ok());
    }

    #[test]
    fn names_are_trimmed_and_bounded() {
        assert_eq!(PersonName::parse("  Sam  ").unwrap().as_str(), "Sam");
        assert_eq!(PersonName::parse("Mira O'Neil 🎧").unwrap().as_str(), "Mira O'Neil 🎧");
        for text in ["", "   ", "a\u{7}b", &"a".repeat(33)] {
            assert_eq!(PersonName::parse(text), Err(Error::BadName), "{text:?}");
        }
        assert!(PersonName::parse(&"ä".repeat(32)).is_ok());
    }
}
