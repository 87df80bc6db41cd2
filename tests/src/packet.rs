//! RTP packets as RFC 3550 and RFC 8285 lay them out: written and read apart from the code under test.

/// An RTP packet in plain text, without padding.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Rtp {
    /// For video: the last packet of its frame.
    pub marker: bool,
    /// 0 to 127.
    pub payload_type: u8,
    /// Wraps.
    pub sequence: u16,
    /// In ticks of the codec's clock; wraps.
    pub timestamp: u32,
    /// Of the stream.
    pub ssrc: u32,
    /// At most 15.
    pub csrcs: Vec<u32>,
    /// Ids 1 to 14, each with at most 255 bytes: in the one-byte form, or in the two-byte form where one has more than 16.
    pub extensions: Vec<(u8, Vec<u8>)>,
    /// What it carries; empty in a packet of padding alone.
    pub payload: Vec<u8>,
}

impl Rtp {
    /// The bytes on the wire, before encryption.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let has_extensions = !self.extensions.is_empty();
        let count = u8::try_from(self.csrcs.len()).expect("at most 15 CSRCs");
        let mut out = vec![
            0x80 | (u8::from(has_extensions) << 4) | count,
            (u8::from(self.marker) << 7) | self.payload_type,
        ];
        out.extend(self.sequence.to_be_bytes());
        out.extend(self.timestamp.to_be_bytes());
        out.extend(self.ssrc.to_be_bytes());
        for csrc in &self.csrcs {
            out.extend(csrc.to_be_bytes());
        }
        if has_extensions {
            let is_short = self.extensions.iter().all(|(_, value)| value.len() <= 16);
            let mut elements = Vec::new();
            for (id, value) in &self.extensions {
                let length = u8::try_from(value.len()).expect("at most 255 bytes");
                if is_short {
                    elements.push((id << 4) | (length - 1));
                } else {
                    elements.extend([*id, length]);
                }
                elements.extend(value);
            }
            elements.resize(elements.len().next_multiple_of(4), 0);
            out.extend(if is_short { [0xbe, 0xde] } else { [0x10, 0x00] });
            out.extend(u16::try_from(elements.len() / 4).expect("short").to_be_bytes());
            out.extend(elements);
        }
        out.extend(&self.payload);
        out
    }

    /// Reads a whole packet; `None` where it is cut short or of another version.
    #[must_use]
    pub fn read(packet: &[u8]) -> Option<Self> {
        let first = *packet.first()?;
        let second = *packet.get(1)?;
        if first >> 6 != 2 {
            return None;
        }
        let csrcs_end = 12 + usize::from(first & 0x0f) * 4;
        let csrcs = packet.get(12..csrcs_end)?.chunks_exact(4).map(|csrc| be32(csrc, 0)).collect();
        let mut rest = packet.get(csrcs_end..)?;
        let mut extensions = Vec::new();
        if first & 0x10 != 0 {
            let profile = rest.get(..2)?;
            let length = usize::from(be16(rest.get(2..4)?, 0)) * 4;
            let elements = rest.get(4..4 + length)?;
            if profile == [0xbe, 0xde] {
                extensions = one_byte_elements(elements)?;
            } else if profile == [0x10, 0x00] {
                extensions = two_byte_elements(elements)?;
            }
            rest = rest.get(4 + length..)?;
        }
        if first & 0x20 != 0 {
            let padding = usize::from(*rest.last()?);
            rest = rest.get(..rest.len().checked_sub(padding)?)?;
        }
        Some(Self {
            marker: second & 0x80 != 0,
            payload_type: second & 0x7f,
            sequence: be16(packet, 2),
            timestamp: be32(packet, 4),
            ssrc: be32(packet, 8),
            csrcs,
            extensions,
            payload: rest.to_vec(),
        })
    }

    /// The value of an extension.
    #[must_use]
    pub fn extension(&self, id: u8) -> Option<&[u8]> {
        self.extensions.iter().find(|(found, _)| *found == id).map(|(_, value)| value.as_slice())
    }
}

/// Whether a datagram is RTP or RTCP (RFC 7983), and which (RFC 5761, section 4).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// STUN.
    Stun,
    /// RTP or SRTP.
    Rtp,
    /// RTCP or SRTCP.
    Rtcp,
    /// DTLS, or nothing known.
    Other,
}

impl Kind {
    /// Of a datagram, by its first bytes.
    #[must_use]
    pub fn of(datagram: &[u8]) -> Self {
        match datagram {
            [0..=3, ..] => Self::Stun,
            [128..=191, 192..=223, ..] => Self::Rtcp,
            [128..=191, _, ..] if datagram.len() >= 12 => Self::Rtp,
            _ => Self::Other,
        }
    }
}

/// The 16 bits at `at`, which exist.
#[must_use]
pub fn be16(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

/// The 32 bits at `at`, which exist.
#[must_use]
pub fn be32(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Follows a number of 16 bits that wraps: the index nearest to the newest one seen.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwrapped {
    newest: Option<i64>,
}

impl Unwrapped {
    /// The index of `number`; the first one keeps its value and one whole turn before it, so that none is negative.
    pub fn index(&mut self, number: u16) -> i64 {
        let Some(newest) = self.newest else {
            let first = i64::from(number) + (1 << 16);
            self.newest = Some(first);
            return first;
        };
        let low = u16::try_from(newest.rem_euclid(1 << 16)).expect("a remainder");
        let index = newest + i64::from(number.wrapping_sub(low).cast_signed());
        self.newest = Some(newest.max(index));
        index
    }
}

/// RFC 8285, section 4.3; an id of 0 is padding.
fn two_byte_elements(mut elements: &[u8]) -> Option<Vec<(u8, Vec<u8>)>> {
    let mut found = Vec::new();
    while let Some((id, rest)) = elements.split_first() {
        elements = rest;
        if *id != 0 {
            let (length, rest) = rest.split_first()?;
            let (value, rest) = rest.split_at_checked(usize::from(*length))?;
            found.push((*id, value.to_vec()));
            elements = rest;
        }
    }
    Some(found)
}

/// Reads elements of the one-byte form (RFC 8285, section 4.2).
fn one_byte_elements(mut elements: &[u8]) -> Option<Vec<(u8, Vec<u8>)>> {
    let mut found = Vec::new();
    while let Some((&head, rest)) = elements.split_first() {
        if head == 0 {
            elements = rest;
            continue;
        }
        if head >> 4 == 15 {
            break;
        }
        let length = usize::from(head & 0x0f) + 1;
        found.push((head >> 4, rest.get(..length)?.to_vec()));
        elements = &rest[length..];
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand from the figures of RFC 3550 (section 5.1) and RFC 8285 (section 4.2).
    const PACKET: [u8; 32] = [
        0xb1, 0xe0, 0x12, 0x34, 0, 0, 0, 7, 0, 0, 0, 9, 0, 0, 0,
        5, // P, X, CC 1; M, 96; CSRC 5
        0xbe, 0xde, 0, 1, 0x31, 0xaa, 0xbb, 0, // id 3, two bytes, padding
        1, 2, 3, 4, 0, 0, 0, 4, // payload and four bytes of padding
    ];

    #[test]
    fn a_packet_is_read_as_the_rfcs_draw_it() {
        let packet = Rtp::read(&PACKET).expect("whole");
        assert!(packet.marker);
        assert_eq!((packet.payload_type, packet.sequence), (96, 0x1234));
        assert_eq!((packet.timestamp, packet.ssrc, packet.csrcs.as_slice()), (7, 9, &[5][..]));
        assert_eq!(packet.extension(3), Some(&[0xaa, 0xbb][..]));
        assert_eq!(packet.payload, [1, 2, 3, 4]);
    }

    #[test]
    fn a_packet_is_written_as_the_rfcs_draw_it() {
        let mut expected = PACKET[..28].to_vec();
        expected[0] = 0x91; // without padding
        assert_eq!(Rtp::read(&PACKET).expect("whole").write(), expected);
    }

    #[test]
    fn no_prefix_of_a_packet_is_read_beyond_its_end() {
        for length in 0..25 {
            assert_eq!(Rtp::read(&PACKET[..length]), None, "{length}");
        }
    }

    #[test]
    fn an_index_follows_a_number_across_its_wrap() {
        let mut unwrapped = Unwrapped::default();
        let first = unwrapped.index(65_534);
        assert_eq!(
            [65_535, 1, 0, 65_533].map(|number| unwrapped.index(number) - first),
            [1, 3, 2, -1]
        );
    }

    #[test]
    fn long_extensions_take_the_two_byte_form() {
        let packet = Rtp { extensions: vec![(2, vec![9; 3]), (5, vec![7; 40])], ..Rtp::default() };
        let bytes = packet.write();
        assert_eq!(bytes[12..19], [0x10, 0x00, 0, 12, 2, 3, 9]);
        assert_eq!(Rtp::read(&bytes), Some(packet));
    }
}
