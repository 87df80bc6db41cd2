//! Quantities with their units.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, Sub};

/// A rate in bits per second. Arithmetic saturates: a rate is never negative and never wraps.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Bitrate(u64);

impl Bitrate {
    /// Nothing at all.
    pub const ZERO: Self = Self(0);
    /// More than any link: "no limit".
    pub const MAX: Self = Self(u64::MAX);

    /// A rate of `bits` per second.
    #[must_use]
    pub const fn bps(bits: u64) -> Self {
        Self(bits)
    }

    /// A rate of `kilobits` (1,000 bits) per second.
    #[must_use]
    pub const fn kbps(kilobits: u64) -> Self {
        Self(kilobits.saturating_mul(1_000))
    }

    /// This rate in bits per second.
    #[must_use]
    pub const fn as_bps(self) -> u64 {
        self.0
    }

    /// This rate in bits per second, for models that compute with fractions.
    #[must_use]
    pub const fn as_f64(self) -> f64 {
        self.0 as f64
    }

    /// A rate of so many bits per second, rounded down; zero where that is negative or no number.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates on both sides, and makes zero of what is no number"
    )]
    pub const fn from_f64(bits: f64) -> Self {
        Self(bits as u64)
    }

    /// This rate times `numerator / denominator`, rounded down; [`Bitrate::MAX`] where it would overflow.
    ///
    /// A `denominator` of 0 counts as 1.
    #[must_use]
    pub const fn scaled(self, numerator: u64, denominator: u64) -> Self {
        let divisor = if denominator == 0 { 1 } else { denominator };
        match self.0.checked_mul(numerator) {
            Some(product) => Self(product / divisor),
            None => Self((self.0 / divisor).saturating_mul(numerator)),
        }
    }
}

impl Add for Bitrate {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Bitrate {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Sum for Bitrate {
    fn sum<I: Iterator<Item = Self>>(rates: I) -> Self {
        rates.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for Bitrate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} kbit/s", self.0 / 1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_instead_of_wrapping() {
        assert_eq!(Bitrate::bps(1) - Bitrate::bps(2), Bitrate::ZERO);
        assert_eq!(Bitrate::MAX + Bitrate::bps(1), Bitrate::MAX);
        assert_eq!(Bitrate::MAX.scaled(2, 1), Bitrate::MAX);
        assert_eq!(Bitrate::kbps(3).scaled(1, 0), Bitrate::kbps(3));
        assert_eq!(Bitrate::from_f64(-1.0), Bitrate::ZERO);
        assert_eq!(Bitrate::from_f64(f64::NAN), Bitrate::ZERO);
        assert_eq!(Bitrate::from_f64(f64::INFINITY), Bitrate::MAX);
        assert_eq!(Bitrate::from_f64(Bitrate::kbps(300).as_f64()), Bitrate::kbps(300));
    }
}
