//! What a datagram is, told by its first bytes.

/// The protocols that share a transport's addresses.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Kind {
    /// STUN (RFC 8489).
    Stun,
    /// A DTLS record.
    Dtls,
    /// RTP, sealed or not.
    Rtp,
    /// RTCP, sealed or not.
    Rtcp,
    /// Nothing that Confab speaks: ZRTP, TURN channels, QUIC, or noise.
    Unknown,
}

/// Tells `datagram` by its first byte (RFC 7983, section 7), and RTCP from RTP by the second: what would be a packet type
/// from 192 to 223 is none that RTP may use beside RTCP (RFC 5761, section 4).
///
/// It only sorts; whether the rest is well formed is for each protocol's reader to say.
#[must_use]
pub fn classify(datagram: &[u8]) -> Kind {
    match *datagram {
        [0..=3, ..] => Kind::Stun,
        [20..=63, ..] => Kind::Dtls,
        [128..=191, 192..=223, ..] => Kind::Rtcp,
        [128..=191, _, ..] => Kind::Rtp,
        [] | [..] => Kind::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_are_told_apart_as_rfc_7983_draws_its_figure() {
        for first in 0..=255_u8 {
            let expected = match first {
                0..=3 => Kind::Stun,
                20..=63 => Kind::Dtls,
                128..=191 => Kind::Rtp,
                4..=19 | 64..=127 | 192..=255 => Kind::Unknown,
            };
            assert_eq!(classify(&[first, 96]), expected, "{first}");
        }
    }

    #[test]
    fn rtcp_is_told_by_its_packet_type() {
        // Sender report, receiver report, transport feedback, payload feedback, extended report.
        for packet_type in [200, 201, 205, 206, 207, 192, 223] {
            assert_eq!(classify(&[0x80, packet_type]), Kind::Rtcp);
        }
        // Payload types 96 and 127 with and without marker, and 35, which is below the gap.
        for second in [96, 224, 127, 255, 35, 191] {
            assert_eq!(classify(&[0x80, second]), Kind::Rtp);
        }
    }

    #[test]
    fn too_short_to_tell_is_unknown() {
        assert_eq!(classify(&[]), Kind::Unknown);
        assert_eq!(classify(&[0x80]), Kind::Unknown);
    }
}
