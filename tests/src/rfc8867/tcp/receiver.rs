//! The receiving end: puts bytes in order, acknowledges every segment.

use std::collections::BTreeMap;

use super::segment::{Acknowledgement, Segment};

/// What is here of a stream.
#[derive(Clone, Debug, Default)]
pub struct Receiver {
    next: u64,
    /// Ahead of a gap: from where to where.
    ahead: BTreeMap<u64, u64>,
}

impl Receiver {
    /// Takes a segment in.
    pub fn receive(&mut self, segment: Segment) -> Acknowledgement {
        let end = self.ahead.entry(segment.from).or_insert(segment.to);
        *end = segment.to.max(*end);
        while let Some(first) = self.ahead.first_entry().filter(|first| *first.key() <= self.next) {
            self.next = self.next.max(first.remove());
        }
        let Segment { connection, stamp, .. } = segment;
        Acknowledgement { connection, next: self.next, stamp }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acknowledgement_names_the_first_missing_byte() {
        let mut receiver = Receiver::default();
        let mut next = |from: u64, to: u64| {
            receiver.receive(Segment { connection: 0, from, to, stamp: 9 }).next
        };
        assert_eq!(next(0, 10), 10);
        assert_eq!(next(20, 30), 10, "a gap");
        assert_eq!(next(30, 40), 10);
        assert_eq!(next(10, 20), 40, "filled");
        assert_eq!(next(0, 10), 40, "old");
    }
}
