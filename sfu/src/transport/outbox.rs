//! Control messages on their way out: DTLS records and RTCP.

use std::collections::VecDeque;

/// A message that waits to be sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Message {
    /// A DTLS datagram, sent as it is.
    Dtls(Vec<u8>),
    /// An RTCP packet in plaintext, sealed as it is sent.
    Rtcp(Vec<u8>),
}

/// A bounded queue. When full, the oldest is dropped: DTLS repeats by itself, and newer feedback says more.
#[derive(Debug, Default)]
pub struct Outbox {
    waiting: VecDeque<Message>,
}

impl Outbox {
    /// Adds a message.
    pub fn push(&mut self, message: Message) {
        if self.waiting.len() >= WAITING_MAX {
            self.waiting.pop_front();
        }
        self.waiting.push_back(message);
    }

    /// The oldest message.
    pub fn pop(&mut self) -> Option<Message> {
        self.waiting.pop_front()
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// What a DTLS engine writes its datagrams to.
    pub fn dtls_sender(&mut self) -> impl FnMut(&[u8]) {
        |packet| self.push(Message::Dtls(packet.to_vec()))
    }
}

/// A flight of a DTLS handshake is up to 5 datagrams; feedback leaves at the end of each turn.
const WAITING_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_outbox_drops_the_oldest() {
        let mut outbox = Outbox::default();
        for n in 0..=WAITING_MAX {
            outbox.push(Message::Rtcp(vec![u8::try_from(n).unwrap()]));
        }
        assert_eq!(outbox.pop(), Some(Message::Rtcp(vec![1])));
    }
}
