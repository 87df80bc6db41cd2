//! How datagrams are marked for the network: `Dscp`.

/// A differentiated services code point, 0 to 63 (RFC 2474, section 3).
///
/// A socket has one for all it sends. Sound and picture of a participant share addresses, ports and one rate control, and networks
/// that serve two marks differently reorder what one rate control measures (RFC 7657, sections 5.1 and 6); a run of datagrams that
/// the kernel takes apart has one header besides.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Dscp(u8);

impl Dscp {
    /// As without any marking.
    pub const DEFAULT: Self = Self(0);

    /// AF42: what RFC 8837 (section 5, table 1) gives to interactive video that may have sound with it, at medium priority. Expedited
    /// forwarding would be for sound alone: networks police it to a few voices' rate, and drop the pictures above that.
    pub const INTERACTIVE: Self = Self(36);

    /// `value`, where six bits carry it.
    #[must_use]
    pub const fn new(value: u8) -> Option<Self> {
        if value <= MAX { Some(Self(value)) } else { None }
    }

    /// The number.
    #[must_use]
    pub const fn value(self) -> u8 {
        self.0
    }

    /// The traffic class octet: the code point above two bits for congestion marks, which stay clear: Confab's datagrams are not
    /// ECN-capable (RFC 3168, section 5).
    #[must_use]
    pub const fn traffic_class(self) -> u8 {
        self.0 << 2
    }
}

const MAX: u8 = 63;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_six_bits_above_those_for_congestion() {
        assert_eq!(Dscp::new(64), None);
        // Expedited forwarding (RFC 3246): 46, as an octet 0xb8.
        let expedited = Dscp::new(46).unwrap();
        assert_eq!((expedited.value(), expedited.traffic_class()), (46, 0xb8));
        // AF42 (RFC 2597, section 6): 100100.
        assert_eq!(Dscp::INTERACTIVE.value(), 0b10_0100);
        assert_eq!(Dscp::DEFAULT.traffic_class(), 0);
    }
}
