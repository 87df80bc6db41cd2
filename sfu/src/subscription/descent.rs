//! A step down to a smaller encoding that a link asks for: what flows is let go of in two steps.

use std::time::{Duration, Instant};

use simulcast::selector::Selector;

/// Where such a step stands.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Descent {
    /// There is none.
    #[default]
    None,
    /// Only the lowest temporal layer of what flows goes on, until then.
    Until(Instant),
    /// The smaller encoding's keyframe did not come in time: the picture waits for it.
    GivenUp,
}

impl Descent {
    /// Lets go of what flows while `selector` waits for a smaller encoding and it `is_urgent`: the link does not carry what flows. A view
    /// that became smaller, or a person's own setting, is no such haste.
    pub fn follow(
        &mut self,
        now: Instant,
        selector: &mut Selector,
        is_urgent: bool,
        round_trip: Duration,
    ) {
        if is_urgent && selector.descends() {
            selector.thin_out();
            let until = self.deadline().unwrap_or(now + round_trip + LONGEST);
            *self = Self::Until(until);
            if until <= now {
                selector.interrupt();
                *self = Self::GivenUp;
            }
        } else if !(self.has_given_up() && selector.waits()) {
            *self = Self::None;
        }
    }

    /// When what flows is given up.
    #[must_use]
    pub const fn deadline(self) -> Option<Instant> {
        match self {
            Self::Until(until) => Some(until),
            Self::None | Self::GivenUp => None,
        }
    }

    /// Whether nothing of what flowed is to be sent any more, since the link does not carry it, and nothing of what it carries is here.
    #[must_use]
    pub const fn has_given_up(self) -> bool {
        matches!(self, Self::GivenUp)
    }
}

/// Beside a round trip, for a keyframe: what an encoder needs until its next picture, with some queue on the way. By then a link that
/// does not carry even the lowest temporal layer of what flows has a queue of as much.
const LONGEST: Duration = Duration::from_millis(150);
