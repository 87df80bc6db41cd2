//! Session descriptions: a client's offer becomes the media plane's types, and our answer becomes text.
//!
//! ```text
//! text ─► read ─► Offer ─┐
//! tracks, policy ────────┼─► negotiate ─► PublicationSpec, SlotSpec ─► media plane
//! what was agreed before ┘            └─► Answer ─► write ─► text
//! ```
//!
//! Reading parses once and keeps only what Confab understands; [`negotiate`](negotiate::negotiate) is pure and total; writing
//! cannot fail. Every send m-line of the client is a publication, every receive m-line a slot. The client's own payload types and
//! extension ids are kept.
//!
//! RFC 8829 (JSEP), RFC 8843 (BUNDLE), RFC 8853 (simulcast), RFC 8839 (ICE). Left out on purpose: anything not bundled, RTCP
//! on a port of its own, data channels for now (answered with port 0), `ssrc-group:SIM`, FlexFEC and ULPFEC.

mod encoding;
pub mod format;
pub mod negotiate;
pub mod preference;
pub mod read;
pub mod section;
pub mod write;

use std::fmt;

use sfu::media::Mid;
use thiserror::Error;

/// The longest offer. Chromium 156 with 25 slots writes 92 KiB, without the codecs that Confab does not carry (`setCodecPreferences`),
/// and some 135 KiB with them. As JSON these 112 KiB stay below the 128 KiB of a message: each line end takes two bytes more there.
pub const SDP_BYTES_MAX: usize = 112 * 1024;

/// The most m-lines: 25 pictures, 8 sounds and 4 to send, with as many again that were rejected or recycled.
pub const SECTIONS_MAX: usize = 80;

/// The most payload types that are read of one m-line: RFC 3551 leaves 96 after those that RTCP takes away.
pub const PAYLOADS_MAX: usize = 96;

/// The most SSRCs of one m-line: three encodings with retransmission are six; the rest is room for other clients.
pub const SSRCS_MAX: usize = 32;

/// The most encodings of a publication: browsers send three at most; more are left out of the answer.
pub const ENCODINGS_MAX: usize = 3;

/// Why an offer got no answer. Always the client's mistake.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum SdpError {
    /// Longer than [`SDP_BYTES_MAX`].
    #[error("the offer is longer than 112 KiB; fewer codecs (setCodecPreferences) make it shorter")]
    TooLong,
    /// Not SDP (RFC 8866).
    #[error("the offer is no session description: {0}")]
    Syntax(String),
    /// More of something than is read.
    #[error("the offer has more than {bound} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many are allowed.
        bound: usize,
    },
    /// A line without which no answer is possible.
    #[error("the offer has no {0}")]
    Missing(&'static str),
    /// A line that breaks a rule.
    #[error("{rule}: {line}")]
    Line {
        /// The rule.
        rule: &'static str,
        /// The line's beginning.
        line: String,
    },
    /// An m-line that breaks a rule.
    #[error("m-line {mid}: {rule}")]
    Section {
        /// Which, by its mid, or its place where it has none.
        mid: String,
        /// The rule.
        rule: &'static str,
    },
    /// An entry of `tracks` that fits no m-line.
    #[error("tracks: mid {mid:?} {rule}")]
    Track {
        /// Which entry.
        mid: String,
        /// What is wrong.
        rule: &'static str,
    },
    /// Nothing in it that Confab can carry.
    #[error("nothing in the offer can be carried")]
    NothingToCarry,
    /// Each slot keeps its number and SSRC for the session, and there are 256.
    #[error("this connection has had 256 receive m-lines; make a new one")]
    SlotsUsedUp,
    /// Earlier offers wait for their answers.
    #[error("earlier offers are still being answered")]
    Busy,
}

impl SdpError {
    /// That `line` breaks `rule`; a long line is cut, since it comes back in a message.
    fn line(rule: &'static str, line: impl fmt::Display) -> Self {
        Self::Line { rule, line: line.to_string().chars().take(LINE_SHOWN_MAX).collect() }
    }

    /// That the m-line `mid` breaks `rule`.
    fn section(mid: &Mid, rule: &'static str) -> Self {
        Self::Section { mid: mid.0.as_str().to_owned(), rule }
    }
}

/// The most characters of a wrong line that are shown: enough to find it.
const LINE_SHOWN_MAX: usize = 80;

/// Which way media flows (RFC 8866, section 6.7), seen from whoever wrote it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Direction {
    /// Both ways.
    SendReceive,
    /// From the writer.
    SendOnly,
    /// To the writer.
    ReceiveOnly,
    /// Neither.
    Inactive,
}

impl Direction {
    /// The attribute's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SendReceive => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::ReceiveOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    /// The direction of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::SendReceive, Self::SendOnly, Self::ReceiveOnly, Self::Inactive]
            .into_iter()
            .find(|direction| direction.name() == name)
    }

    /// The same flow, seen from the other side.
    #[must_use]
    pub const fn reversed(self) -> Self {
        match self {
            Self::SendReceive => Self::SendReceive,
            Self::SendOnly => Self::ReceiveOnly,
            Self::ReceiveOnly => Self::SendOnly,
            Self::Inactive => Self::Inactive,
        }
    }

    /// Whether the writer sends.
    #[must_use]
    pub const fn sends(self) -> bool {
        match self {
            Self::SendReceive | Self::SendOnly => true,
            Self::ReceiveOnly | Self::Inactive => false,
        }
    }

    /// Whether the writer receives.
    #[must_use]
    pub const fn receives(self) -> bool {
        self.reversed().sends()
    }
}
