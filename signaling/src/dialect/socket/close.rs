//! How a socket ends: the last message and the close code.

use serde::{Deserialize, Serialize};

use crate::link::Ending;

/// Why the server closes a socket, as the protocol writes it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bye {
    /// The same participant resumed elsewhere.
    Replaced,
    /// No heartbeat.
    Silent,
    /// The server stops.
    Shutdown,
    /// More messages than a client needs.
    TooMany,
    /// The participant left.
    Left,
    /// Messages are not being read.
    Slow,
    /// A moderator removed the participant.
    Removed,
    /// The token expired and was not renewed.
    Expired,
}

impl Bye {
    /// The close code: of RFC 6455, section 7.4.1, where one fits, else from the private range.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Left => 1000,
            Self::Shutdown => 1001,
            Self::Replaced => 4001,
            Self::Silent => 4002,
            Self::Expired => 4003,
            Self::Removed => 4004,
            Self::TooMany => 4008,
            Self::Slow => 4009,
        }
    }

    /// For people.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::Replaced => "you came in on another device",
            Self::Silent => "nothing was heard from you for too long",
            Self::Shutdown => "the server stops",
            Self::TooMany => {
                "more messages in a second than a client needs, or than one address may send"
            }
            Self::Left => "you left",
            Self::Slow => "messages are not being read",
            Self::Removed => "a moderator removed you",
            Self::Expired => "your token has expired",
        }
    }
}

impl From<Ending> for Bye {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Replaced => Self::Replaced,
            Ending::Left => Self::Left,
            Ending::Slow => Self::Slow,
            Ending::Removed => Self::Removed,
            Ending::Expired => Self::Expired,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_codes_are_those_of_the_protocol() {
        let document = include_str!("../../../../docs/protocol.md");
        let list = document.lines().find(|line| line.contains("The last message before")).unwrap();
        let list = format!(
            "{list} {}",
            document.lines().find(|line| line.starts_with("(1001: the server")).unwrap()
        );
        let all = [Bye::Replaced, Bye::Silent, Bye::Shutdown, Bye::TooMany, Bye::Left, Bye::Slow];
        for bye in all.into_iter().chain([Bye::Removed, Bye::Expired]) {
            let name = serde_json::to_value(bye).unwrap();
            let (_, after) = list.split_once(&format!("`{}` (", name.as_str().unwrap())).unwrap();
            let code: String = after.chars().take_while(char::is_ascii_digit).collect();
            assert_eq!(code, bye.code().to_string(), "{bye:?}");
        }
    }
}
