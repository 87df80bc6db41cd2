//! What a datagram is.

use sfu::demux::{Kind, classify};

use crate::packet;

/// Sorts any datagram, and as the tests' own reading of RFC 7983 and RFC 5761 does.
///
/// # Panics
/// Where the two differ.
pub fn check_demux(data: &[u8]) {
    let expected = match packet::Kind::of(data) {
        packet::Kind::Stun => Kind::Stun,
        packet::Kind::Rtcp => Kind::Rtcp,
        packet::Kind::Rtp => Kind::Rtp,
        packet::Kind::Other => match data {
            [20..=63, ..] => Kind::Dtls,
            // The tests' reading calls nothing RTP that is shorter than its header; that is for the header's reader to say.
            [128..=191, _, ..] => Kind::Rtp,
            _ => Kind::Unknown,
        },
    };
    assert_eq!(classify(data), expected);
}
