//! On which shard somebody who joins is placed: pure.

use sfu::relay::ShardIndex;

/// A shard as the placement sees it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Load {
    /// Participants of all channels.
    pub participants: usize,
    /// Of those, members of the channel in question.
    pub members: usize,
    /// Its thread has ended.
    pub ended: bool,
}

/// Where a new member of a channel goes; `None` where every shard has ended.
///
/// A channel stays together as long as that is fair: its members' packets are then stored once and cross no relay. It grows
/// to the least loaded shard once the one with most of its members holds `spread` participants more than that.
#[must_use]
pub fn place(loads: &[Load], spread: usize) -> Option<ShardIndex> {
    let running = || (0u8..).zip(loads).filter(|(_, load)| !load.ended);
    let (least, least_load) = running().min_by_key(|(_, load)| load.participants)?;
    let home = running()
        .filter(|(_, load)| load.members > 0)
        .filter(|(_, load)| load.participants < least_load.participants.saturating_add(spread))
        .max_by_key(|(index, load)| (load.members, std::cmp::Reverse(*index)));
    Some(ShardIndex(home.map_or(least, |(home, _)| home)))
}

/// Participants by which a shard may be ahead before its channels grow to another: a channel of friends stays on one thread, an
/// audience of a hundred is shared.
pub const SPREAD: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn load(participants: usize, members: usize) -> Load {
        Load { participants, members, ended: false }
    }

    #[test]
    fn a_new_channel_starts_where_there_is_least_to_do() {
        let loads = [load(5, 0), load(3, 0), load(3, 0)];
        assert_eq!(place(&loads, SPREAD), Some(ShardIndex(1)));
    }

    #[test]
    fn a_channel_stays_together_until_its_shard_is_ahead_by_the_spread() {
        assert_eq!(place(&[load(0, 0), load(15, 3)], SPREAD), Some(ShardIndex(1)));
        assert_eq!(place(&[load(0, 0), load(16, 3)], SPREAD), Some(ShardIndex(0)));
        assert_eq!(place(&[load(4, 2), load(4, 3)], SPREAD), Some(ShardIndex(1)));
    }

    #[test]
    fn a_shard_that_has_ended_gets_nobody() {
        let gone = Load { ended: true, ..load(0, 9) };
        assert_eq!(place(&[gone, load(90, 0)], SPREAD), Some(ShardIndex(1)));
        assert_eq!(place(&[gone, gone], SPREAD), None);
        assert_eq!(place(&[], SPREAD), None);
    }

    proptest! {
        /// Whatever the channels are: with members placed one by one, no shard is ever ahead by more than the spread.
        #[test]
        fn no_shard_is_ahead_by_more_than_the_spread(
            channels in proptest::collection::vec(0usize..6, 1..400), shards in 1usize..9, spread in 1usize..40,
        ) {
            let mut members = vec![[0usize; 6]; shards];
            for channel in channels {
                let loads: Vec<_> = members.iter().map(|of| load(of.iter().sum(), of[channel])).collect();
                let shard = place(&loads, spread).unwrap();
                members[usize::from(shard.0)][channel] += 1;
                let totals: Vec<usize> = members.iter().map(|of| of.iter().sum()).collect();
                let (least, most) = (totals.iter().min().unwrap(), totals.iter().max().unwrap());
                prop_assert!(most - least <= spread, "{totals:?}");
            }
        }
    }
}
