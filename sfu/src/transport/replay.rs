//! Which packets of a stream have arrived, so that none is accepted twice.

/// The highest index that arrived, and which of the [`WINDOW`] up to it did (RFC 3711, section 3.3.2).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct ReplayWindow {
    /// The first index has not arrived while `arrived` is 0.
    highest: u64,
    /// Bit n: `highest - n` has arrived.
    arrived: u128,
}

/// Why an index is not acceptable.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stale {
    /// It has arrived.
    Repeated,
    /// It is so old that nobody remembers whether it has.
    TooOld,
}

impl ReplayWindow {
    /// The index of a packet whose low 16 bits are `sequence`: of those possible, the nearest to the highest that arrived
    /// (RFC 3711, section 3.3.1). `None` where that would lie before 0 or above [`INDEX_MAX`].
    pub(super) fn index(&self, sequence: u16) -> Option<u64> {
        if self.arrived == 0 {
            return Some(u64::from(sequence));
        }
        let [.., high, low] = self.highest.to_be_bytes();
        let ahead = sequence.wrapping_sub(u16::from_be_bytes([high, low])).cast_signed();
        self.highest.checked_add_signed(i64::from(ahead)).filter(|index| *index <= INDEX_MAX)
    }

    /// Whether `index` may be accepted, as far as is known before authentication.
    pub(super) fn check(&self, index: u64) -> Result<(), Stale> {
        let Some(age) = self.highest.checked_sub(index) else { return Ok(()) };
        if self.arrived == 0 {
            return Ok(());
        }
        match u32::try_from(age) {
            Ok(age) if age < WINDOW => {
                if self.arrived >> age & 1 == 0 {
                    Ok(())
                } else {
                    Err(Stale::Repeated)
                }
            }
            Ok(_) | Err(_) => Err(Stale::TooOld),
        }
    }

    /// Remembers `index`, which was authenticated.
    pub(super) fn accept(&mut self, index: u64) {
        if let Some(age) = self.highest.checked_sub(index)
            && self.arrived != 0
        {
            let bit = u32::try_from(age).ok().and_then(|age| 1_u128.checked_shl(age));
            self.arrived |= bit.unwrap_or(0);
            return;
        }
        let step = u32::try_from(index - self.highest).ok();
        self.arrived = step.and_then(|step| self.arrived.checked_shl(step)).unwrap_or(0) | 1;
        self.highest = index;
    }
}

/// How many packets may arrive in between and a late one is still accepted: 128 packets are 50 ms of a 25 Mbit/s stream
/// and 2.5 s of a voice. RFC 3711 asks for 64 at least.
const WINDOW: u32 = u128::BITS;

/// 48 bits: a rollover counter of 32 and a sequence number of 16 (RFC 3711, section 3.3.1).
pub(super) const INDEX_MAX: u64 = (1 << 48) - 1;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn an_index_is_the_nearest_to_the_highest() {
        let mut window = ReplayWindow::default();
        assert_eq!(window.index(40_000), Some(40_000));
        window.accept(65_530);
        assert_eq!(window.index(3), Some(65_539));
        window.accept(65_539);
        assert_eq!(window.index(65_535), Some(65_535));
        let mut window = ReplayWindow::default();
        window.accept(5);
        // Before the first roll-over there is nothing that 65,000 could be late for.
        assert_eq!(window.index(65_000), None);
        window.accept(INDEX_MAX);
        assert_eq!(window.index(0), None);
    }

    proptest! {
        #[test]
        fn an_index_is_accepted_once_and_only_while_it_is_remembered(
            steps in prop::collection::vec(0_u64..300, 1..200),
        ) {
            let mut window = ReplayWindow::default();
            let mut arrived = BTreeSet::new();
            for index in steps {
                let highest = arrived.last().copied().unwrap_or(0);
                let expected = if arrived.contains(&index) && highest - index < 128 {
                    Err(Stale::Repeated)
                } else if index + 128 <= highest {
                    Err(Stale::TooOld)
                } else {
                    Ok(())
                };
                prop_assert_eq!(window.check(index), expected);
                if expected.is_ok() {
                    window.accept(index);
                    arrived.insert(index);
                }
            }
        }
    }
}
