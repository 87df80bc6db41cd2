//! Between a participant and its dialect: a bounded queue of notices, or nothing while the socket is lost.

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::notice::Notice;

/// The sending end of a dialect's queue.
#[derive(Debug)]
pub struct Outbox {
    notices: mpsc::Sender<Notice>,
    ending: oneshot::Sender<Ending>,
}

/// The receiving end: notices in order, and beside them, past a full queue, the end.
#[derive(Debug)]
pub struct Inbox {
    /// What to tell the client.
    pub notices: mpsc::Receiver<Notice>,
    /// That there will be nothing more.
    pub ending: oneshot::Receiver<Ending>,
}

/// Why a link is ended from this side.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ending {
    /// The participant resumed elsewhere.
    Replaced,
    /// The participant left.
    Left,
    /// Notices were not taken away.
    Slow,
    /// A moderator removed the participant.
    Removed,
    /// The participant's token expired and was not renewed.
    Expired,
}

impl Outbox {
    /// Both ends.
    #[must_use]
    pub fn new() -> (Self, Inbox) {
        let (notices, incoming) = mpsc::channel(NOTICES_MAX);
        let (ending, end) = oneshot::channel();
        (Self { notices, ending }, Inbox { notices: incoming, ending: end })
    }

    /// Ends it.
    pub fn end(self, why: Ending) {
        // The other end may be gone already.
        let _gone = self.ending.send(why);
    }
}

/// Which of a channel's links a message came through: a replaced one has nothing more to say.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LinkId(pub u64);

/// A participant's way to its client.
#[derive(Debug)]
pub enum Link {
    /// There is one.
    Attached {
        /// Which.
        id: LinkId,
        /// Its queue.
        outbox: Outbox,
    },
    /// It was lost; the participant's place is kept.
    Lost {
        /// Since when.
        since: Instant,
    },
    /// Its queue is full or gone: it is lost as soon as the channel looks.
    Overrun {
        /// Which.
        id: LinkId,
    },
}

impl Link {
    /// Tells the client something. A client that does not read is cut off ([`Ending::Slow`]): it comes back by resuming, and then
    /// gets the full state, which is less than what it missed.
    pub fn tell(&mut self, notice: Notice) {
        let Self::Attached { id, outbox } = self else { return };
        let id = *id;
        match outbox.notices.try_send(notice) {
            Ok(()) => {}
            // Closed: the dialect ended by itself, and need not even have said so.
            Err(TrySendError::Full(_) | TrySendError::Closed(_)) => {
                if let Self::Attached { outbox, .. } = std::mem::replace(self, Self::Overrun { id })
                {
                    outbox.end(Ending::Slow);
                }
            }
        }
    }

    /// Ends the link, where there is one, and puts `next` in its place.
    pub fn replace(&mut self, next: Self, why: Ending) {
        match std::mem::replace(self, next) {
            Self::Attached { outbox, .. } => outbox.end(why),
            Self::Lost { .. } | Self::Overrun { .. } => {}
        }
    }

    /// Whether there is a client to hear.
    #[must_use]
    pub const fn is_attached(&self) -> bool {
        match self {
            Self::Attached { .. } => true,
            Self::Lost { .. } | Self::Overrun { .. } => false,
        }
    }

    /// Whether this is link `other`.
    #[must_use]
    pub fn is(&self, other: LinkId) -> bool {
        match self {
            Self::Attached { id, .. } | Self::Overrun { id } => *id == other,
            Self::Lost { .. } => false,
        }
    }
}

/// Notices on their way to one client: two for each person of a large channel that all come in at once. Each is some hundred bytes.
const NOTICES_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_does_not_read_is_cut_off_and_costs_no_more() {
        let (outbox, mut inbox) = Outbox::new();
        let mut link = Link::Attached { id: LinkId(1), outbox };
        for _ in 0..NOTICES_MAX {
            link.tell(Notice::Speakers(Vec::new()));
        }
        assert!(link.is_attached());
        link.tell(Notice::Speakers(Vec::new()));
        assert!(!link.is_attached() && link.is(LinkId(1)));
        assert_eq!(inbox.ending.try_recv(), Ok(Ending::Slow));
        link.tell(Notice::Speakers(Vec::new()));
    }

    #[test]
    fn a_replaced_link_hears_why() {
        let (outbox, mut inbox) = Outbox::new();
        let mut link = Link::Attached { id: LinkId(1), outbox };
        let (next, _) = Outbox::new();
        link.replace(Link::Attached { id: LinkId(2), outbox: next }, Ending::Replaced);
        assert_eq!(inbox.ending.try_recv(), Ok(Ending::Replaced));
        assert!(link.is(LinkId(2)) && !link.is(LinkId(1)));
    }
}
