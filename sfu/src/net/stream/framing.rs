//! Datagrams in a stream of bytes (RFC 4571): each behind its length, in two bytes.

use thiserror::Error;

use crate::net::batch::DATAGRAM_MAX;

/// Bytes of the length before each datagram.
pub(super) const LENGTH_BYTES: usize = 2;

/// Bytes of the longest datagram with its length.
pub(super) const FRAME_MAX: usize = LENGTH_BYTES + DATAGRAM_MAX;

/// A datagram that is longer than any that Confab takes: nothing behind it can be trusted to be where it should.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("a frame of {0} bytes")]
pub(super) struct FrameTooLong(pub(super) usize);

/// The length to be written before a datagram; `None` for one that is too long to have one.
pub(super) fn prefix(length: usize) -> Option<[u8; LENGTH_BYTES]> {
    u16::try_from(length).ok().map(u16::to_be_bytes)
}

/// Hands the whole datagrams that `bytes` begins with to `take`, in order; returns how many bytes they had. Empty ones, which some
/// send to keep the connection alive, are passed over.
///
/// # Errors
/// [`FrameTooLong`]: the sender's fault; what came before it was handed on.
pub(super) fn split(bytes: &[u8], mut take: impl FnMut(&[u8])) -> Result<usize, FrameTooLong> {
    let mut used = 0;
    while let Some((prefix, rest)) = bytes.get(used..).and_then(<[u8]>::split_first_chunk) {
        let length = usize::from(u16::from_be_bytes(*prefix));
        if length > DATAGRAM_MAX {
            return Err(FrameTooLong(length));
        }
        let Some(datagram) = rest.get(..length) else { break };
        if !datagram.is_empty() {
            take(datagram);
        }
        used += LENGTH_BYTES + length;
    }
    Ok(used)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(bytes: &[u8]) -> (Vec<Vec<u8>>, Result<usize, FrameTooLong>) {
        let mut taken = Vec::new();
        let used = split(bytes, |datagram| taken.push(datagram.to_vec()));
        (taken, used)
    }

    /// The figure of RFC 4571, section 2: LENGTH, an unsigned integer of 16 bits in network byte order, then the packet.
    #[test]
    fn a_datagram_stands_behind_its_length() {
        assert_eq!(all(&[0, 3, 7, 8, 9, 0, 1, 5]), (vec![vec![7, 8, 9], vec![5]], Ok(8)));
        assert_eq!(prefix(0x1234), Some([0x12, 0x34]));
        assert_eq!(prefix(65_536), None);
    }

    #[test]
    fn what_is_not_whole_stays_and_what_is_empty_is_passed_over() {
        assert_eq!(all(&[0, 0, 0, 1, 5, 0, 2, 6]), (vec![vec![5]], Ok(5)));
        assert_eq!(all(&[0]), (vec![], Ok(0)));
        assert_eq!(all(&[]), (vec![], Ok(0)));
    }

    #[test]
    fn a_frame_that_is_too_long_ends_it() {
        let longest = [&[0x05, 0xdc][..], &[1; 1_500], &[0x05, 0xdd]].concat();
        let (taken, used) = all(&longest);
        assert_eq!((taken.len(), used), (1, Err(FrameTooLong(1_501))));
    }

    proptest! {
        /// However a stream is cut, the same datagrams come out of it.
        #[test]
        fn where_a_stream_is_cut_does_not_matter(
            datagrams in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..300), 0..8),
            cuts in proptest::collection::vec(1..200_usize, 1..40),
        ) {
            let mut bytes = Vec::new();
            for datagram in &datagrams {
                bytes.extend(prefix(datagram.len()).unwrap());
                bytes.extend(datagram);
            }
            let (mut kept, mut taken, mut at) = (Vec::new(), Vec::new(), 0);
            for cut in cuts.iter().cycle() {
                if at >= bytes.len() { break }
                let end = (at + cut).min(bytes.len());
                kept.extend_from_slice(&bytes[at..end]);
                at = end;
                let used = split(&kept, |datagram| taken.push(datagram.to_vec())).unwrap();
                kept.drain(..used);
            }
            prop_assert_eq!(taken, datagrams);
            prop_assert!(kept.is_empty());
        }

        #[test]
        fn anything_is_read_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..4_000)) {
            if let (_, Ok(used)) = all(&bytes) {
                prop_assert!(used <= bytes.len());
            }
        }
    }
}
