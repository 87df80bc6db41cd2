//! Which way media flows in a session by HTTP: WHIP publishes, WHEP plays.

/// Which of both.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Role {
    /// `/whip/…`: the client sends (RFC 9725).
    Publish,
    /// `/whep/…`: the client receives (draft-ietf-wish-whep).
    Play,
}

impl Role {
    /// The first part of its paths, and of the name of whoever has none.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Publish => "whip",
            Self::Play => "whep",
        }
    }
}
