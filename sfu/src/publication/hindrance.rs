//! What makes a picture less than a view could use before it comes to a receiver's network: its publisher sends no larger one, or
//! parts of it are lost on the way from there.

use std::time::{Duration, Instant};

use simulcast::{LayerId, Spread};

use super::{ENCODINGS_MAX, Publication};

/// What its publisher's client says it is short of: for want of that, it sends a smaller picture than it would.
///
/// Nothing here is concluded from what arrives: a picture may be small for many reasons, and only its sender knows.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Shortage {
    /// Of what its network carries.
    Upload,
    /// Of what its device can encode.
    Device,
}

/// What stands between a picture and its receivers, as all shards know it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Hindrance {
    /// What its publisher says.
    pub shortage: Option<Shortage>,
    /// Of each encoding, whether parts of it are missing for so long that it is seen.
    pub lossy: [bool; ENCODINGS_MAX],
}

/// What is known of an encoding's losses.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Loss {
    /// Something was given up, and no keyframe has come since.
    pub(super) is_broken: bool,
    /// When something was last missing for [`SEEN_AFTER`].
    seen: Option<Instant>,
}

/// What a view lacks of a picture that no network of its receiver could give it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Lack {
    /// Nothing, as far as is known.
    Nothing,
    /// This encoding, or a larger layer of it, which does not arrive.
    Larger {
        /// Its place.
        encoding: u8,
    },
    /// Lines: the largest picture that there is arrives, and has fewer.
    Lines,
}

impl Publication {
    /// What a view of so many lines lacks, where `top` is the largest layer that arrives and that it could use.
    #[must_use]
    pub fn lack(&self, now: Instant, top: Option<LayerId>, lines: u16) -> Lack {
        let Some(top) = top else { return Lack::Larger { encoding: 0 } };
        let (encoding, next) = match self.spread() {
            Spread::Encodings => (top.spatial, top.spatial.saturating_add(1)),
            Spread::Layers => (0, 0),
        };
        let Some(state) = self.encodings.get(usize::from(encoding)) else { return Lack::Nothing };
        let has_more = match self.spread() {
            Spread::Encodings => usize::from(next) < self.encodings.len(),
            Spread::Layers => state.has_larger(now, top.spatial),
        };
        match (state.lines(now, top.spatial, self.spread()), has_more) {
            (0, _) => Lack::Nothing,
            (sent, _) if sent >= lines => Lack::Nothing,
            (_, true) => Lack::Larger { encoding: next },
            (_, false) => Lack::Lines,
        }
    }

    /// Looks at what is missing of its encodings; whether anything of its [`Hindrance`] changed by that.
    pub fn follow_losses(&mut self, now: Instant) -> bool {
        let mut lossy = [false; ENCODINGS_MAX];
        for (encoding, lossy) in self.encodings.iter_mut().zip(&mut lossy) {
            let since = encoding.stream.as_ref().and_then(|stream| stream.missing_since());
            let is_long =
                since.is_some_and(|since| now.saturating_duration_since(since) >= SEEN_AFTER);
            if is_long || encoding.loss.is_broken {
                encoding.loss.seen = Some(now);
            }
            let seen = encoding.loss.seen;
            *lossy = seen.is_some_and(|at| now.saturating_duration_since(at) < TOLD_FOR);
        }
        std::mem::replace(&mut self.hindrance.lossy, lossy) != lossy
    }

    /// Whether receivers of `encoding` wait for parts of it, and have waited for so long that they see it.
    #[must_use]
    pub fn is_lossy(&self, encoding: u8) -> bool {
        self.hindrance.lossy.get(usize::from(encoding)).copied().unwrap_or(false)
    }
}

/// What is missing for this long stops the picture for everybody to see: at 30 pictures a second a freeze, as browsers count it, begins
/// 150 ms after the picture that should have come (W3C webrtc-stats, `freezeCount`), and decoders wait for less than that. Most
/// of what is lost is here again within a round trip, and nobody is told of it.
const SEEN_AFTER: Duration = Duration::from_millis(200);
/// A reason is told at least for as long as it takes to read it; so one loss after the other is one reason, too.
const TOLD_FOR: Duration = Duration::from_secs(1);

#[cfg(test)]
#[path = "hindrance_tests.rs"]
mod tests;
