//! Labels of metrics: closed lists, each value with its name.

use simulcast::allocator::{Reason, Shed};

use crate::media::MediaKind;

/// What a label can say: a closed list, so that an array holds one count for each.
pub trait Label: Copy + 'static {
    /// The label's name.
    const KEY: &'static str;
    /// All it can say.
    const ALL: &'static [Self];
    /// The label's value.
    fn name(self) -> &'static str;
    /// Its place in [`Self::ALL`].
    fn index(self) -> usize;
}

/// Which way something went, seen from the server.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Direction {
    /// From a client.
    Received,
    /// To a client.
    Sent,
}

/// What of a packet went to another media thread.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Relayed {
    /// All of it, and it is sound.
    Sound,
    /// All of it, and it is of a picture.
    Picture,
    /// How loud it is, and nothing else.
    Level,
}

impl Relayed {
    /// A whole packet of this kind.
    #[must_use]
    pub const fn of(kind: MediaKind) -> Self {
        match kind {
            MediaKind::Audio => Self::Sound,
            MediaKind::Video => Self::Picture,
        }
    }
}

/// Why a TCP connection for media ended.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum StreamEnd {
    /// The other side ended it, or the network did.
    Gone,
    /// It brought a frame that is longer than a datagram.
    TooLong,
    /// Nobody who belongs here proved to be behind it in time, or they have left.
    Unproved,
    /// There are as many as may be.
    Refused,
}

/// How a DTLS handshake ended.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Handshake {
    /// Keys were agreed, with the certificate the offer promised.
    Completed,
    /// It ended without keys.
    Failed,
    /// The certificate was not the one the offer promised.
    FingerprintMismatch,
}

/// What became of a probe.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum ProbeOutcome {
    /// It was decided on; what is counted under no other outcome found nothing, or not yet.
    Sent,
    /// It found that the link carries more than was believed.
    FoundMore,
    /// It found what was believed, or less.
    FoundLess,
}

/// Why a picture that flowed was paused, by the names of the protocol's reasons.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Pause {
    /// The network had no room for it.
    Paused,
    /// The person wanted none, or set a limit that had no room for it.
    Chosen,
    /// Nobody saw it.
    Hidden,
    /// The server had too much to do.
    Server,
}

impl Pause {
    /// The pause that a picture without a layer has for this reason; none where its publisher sends nothing.
    #[must_use]
    pub const fn of(reason: Reason) -> Option<Self> {
        match reason {
            Reason::Full => None,
            Reason::Budget | Reason::Paused | Reason::Starting => Some(Self::Paused),
            Reason::Chosen => Some(Self::Chosen),
            Reason::Hidden => Some(Self::Hidden),
            Reason::Server => Some(Self::Server),
        }
    }
}

/// What a full send path was full of.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Blocked {
    /// The socket's send buffer (EAGAIN).
    Socket,
    /// A queue behind it (ENOBUFS).
    Device,
}

/// Gives an enum its label key and its values.
macro_rules! label {
    ($label:ident, $key:literal, $($variant:ident = $name:literal),+) => {
        impl Label for $label {
            const KEY: &'static str = $key;
            const ALL: &'static [Self] = &[$(Self::$variant),+];

            fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            fn index(self) -> usize {
                self as usize
            }
        }
    };
}

label!(MediaKind, "kind", Audio = "audio", Video = "video");
label!(Direction, "direction", Received = "received", Sent = "sent");
label!(Relayed, "part", Sound = "sound", Picture = "picture", Level = "level");
label!(
    Handshake,
    "outcome",
    Completed = "completed",
    Failed = "failed",
    FingerprintMismatch = "fingerprint_mismatch"
);
label!(ProbeOutcome, "outcome", Sent = "sent", FoundMore = "found_more", FoundLess = "found_less");
label!(Pause, "reason", Paused = "paused", Chosen = "chosen", Hidden = "hidden", Server = "server");
label!(
    Shed,
    "sheds",
    Nothing = "nothing",
    New = "new",
    Layers = "layers",
    AllLayers = "all_layers",
    Pictures = "pictures"
);
label!(
    StreamEnd,
    "reason",
    Gone = "gone",
    TooLong = "too_long",
    Unproved = "unproved",
    Refused = "refused"
);
label!(Blocked, "queue", Socket = "socket", Device = "device");
