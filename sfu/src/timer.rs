//! Deadlines of many keys, one each, in a hashed wheel.

use std::time::{Duration, Instant};

/// One deadline for each of many keys: O(1) to arm, arm again and disarm.
///
/// A wheel of [`SLOTS`] slots of [`SLOT`] each covers the block of time that contains the present; what is due in a later
/// block waits in one list, from which the next block is filled when it begins. A key is in exactly one list, and each
/// list is doubly linked through the table of keys: arming again moves it, so nothing stale is ever left behind. Memory
/// is one entry per index ever used.
#[derive(Debug)]
pub struct Wheel<K> {
    start: Instant,
    nodes: Vec<Option<Node<K>>>,
    lists: Box<[List]>,
    /// A bit for each slot that holds something.
    occupied: [u64; SLOTS / 64],
    /// The slot up to which everything has expired, counted from `start`.
    current: u64,
}

#[derive(Clone, Copy, Debug)]
struct Node<K> {
    key: K,
    /// Time since the start.
    at: Duration,
    list: usize,
    before: Option<u32>,
    after: Option<u32>,
}

#[derive(Clone, Copy, Debug, Default)]
struct List {
    first: Option<u32>,
    last: Option<u32>,
}

impl<K: Copy + Eq> Wheel<K> {
    /// An empty wheel. All times it is told later are at or after `start`.
    #[must_use]
    pub fn new(start: Instant) -> Self {
        Self {
            start,
            nodes: Vec::new(),
            lists: vec![List::default(); SLOTS + 1].into_boxed_slice(),
            occupied: [0; SLOTS / 64],
            current: 0,
        }
    }

    /// Sets the one deadline of `key`, in place of the one it had.
    ///
    /// `index` is the key's place in its owner's table, such as a slot map's: small numbers that are used again. Where
    /// another key had it, that key's deadline is gone. A deadline that has passed expires with the next call.
    pub fn arm(&mut self, index: u32, key: K, at: Instant) {
        self.unlink(index);
        let place = index as usize;
        if self.nodes.len() <= place {
            self.nodes.resize(place + 1, None);
        }
        let at = at.saturating_duration_since(self.start);
        self.link(index, key, at);
    }

    /// Takes away the deadline of `key`. Nothing happens where it has none, or `index` is another key's by now.
    pub fn disarm(&mut self, index: u32, key: K) {
        if self.node(index).is_some_and(|node| node.key == key) {
            self.unlink(index);
        }
    }

    /// Adds to `out` each key whose deadline is at or before `now`, and forgets its deadline: slot after slot, and
    /// within a slot in the order in which they were armed. Nothing expires early.
    ///
    /// Cost: O(keys that expire), and once in a block (1 s) O(keys due in later ones).
    pub fn expired(&mut self, now: Instant, out: &mut Vec<K>) {
        let now = now.saturating_duration_since(self.start);
        let until = slot(now).max(self.current);
        loop {
            let block_end = block(self.current) + SLOTS as u64;
            while let Some(due) = self.first_occupied().filter(|due| *due < until) {
                self.drain(due, Duration::MAX, out);
                self.current = due;
            }
            if until < block_end {
                break;
            }
            let first_later = self.iterate(FAR).map(|(_, node)| slot(node.at)).min();
            self.current = first_later.map_or(until, |first| block(first.min(until)));
            self.fill_block();
        }
        self.current = until;
        self.drain(until, now, out);
    }

    /// When to call [`Self::expired`] next; `None` while no key has a deadline.
    ///
    /// Exactly the earliest deadline where it lies in the present block; otherwise the end of the block, which is
    /// earlier: a wheel with nothing due soon wakes its owner once a second. Never later than the earliest deadline,
    /// except for one that had passed when it was armed: then it is not later than the last call of `expired`.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        let after_start = match self.first_occupied() {
            Some(due) => self.iterate(wheel_place(due)).map(|(_, node)| node.at).min()?,
            None => {
                self.lists.get(FAR)?.first?;
                let slots = block(self.current) + SLOTS as u64;
                Duration::from_nanos(slots.saturating_mul(SLOT_NANOS))
            }
        };
        Some(self.start + after_start)
    }

    fn node(&self, index: u32) -> Option<&Node<K>> {
        self.nodes.get(index as usize)?.as_ref()
    }

    fn node_mut(&mut self, index: Option<u32>) -> Option<&mut Node<K>> {
        self.nodes.get_mut(index? as usize)?.as_mut()
    }

    fn iterate(&self, list: usize) -> impl Iterator<Item = (u32, &Node<K>)> {
        let mut following = self.lists.get(list).and_then(|list| list.first);
        std::iter::from_fn(move || {
            let index = following?;
            let node = self.node(index)?;
            following = node.after;
            Some((index, node))
        })
    }

    /// The first slot of the present block that holds something, counted from the start.
    fn first_occupied(&self) -> Option<u64> {
        let words = self.occupied.iter().zip(0u64..);
        let (word, before) = words.into_iter().find(|(word, _)| **word != 0)?;
        Some(block(self.current) + before * 64 + u64::from(word.trailing_zeros()))
    }

    /// Takes the keys out of a slot that are due at `now`.
    fn drain(&mut self, due: u64, now: Duration, out: &mut Vec<K>) {
        let mut following = self.lists.get(wheel_place(due)).and_then(|list| list.first);
        while let Some(index) = following {
            let Some(&Node { key, at, after, .. }) = self.node(index) else { return };
            following = after;
            if at <= now {
                self.unlink(index);
                out.push(key);
            }
        }
    }

    /// Moves what is due in the present block from the list of later ones into the wheel, in the order of arming.
    fn fill_block(&mut self) {
        let end = block(self.current) + SLOTS as u64;
        let mut following = self.lists.get(FAR).and_then(|list| list.first);
        while let Some(index) = following {
            let Some(&Node { key, at, after, .. }) = self.node(index) else { return };
            following = after;
            if slot(at) < end {
                self.unlink(index);
                self.link(index, key, at);
            }
        }
    }

    /// Appends to the list where `at` belongs.
    fn link(&mut self, index: u32, key: K, at: Duration) {
        let due = slot(at).max(self.current);
        let place = if due < block(self.current) + SLOTS as u64 { wheel_place(due) } else { FAR };
        let Some(list) = self.lists.get_mut(place) else { return };
        let before = list.last.replace(index);
        if before.is_none() {
            list.first = Some(index);
            if let Some(word) = self.occupied.get_mut(place / 64) {
                *word |= 1 << (place % 64);
            }
        }
        if let Some(neighbour) = self.node_mut(before) {
            neighbour.after = Some(index);
        }
        if let Some(node) = self.nodes.get_mut(index as usize) {
            *node = Some(Node { key, at, list: place, before, after: None });
        }
    }

    fn unlink(&mut self, index: u32) {
        let Some(node) = self.nodes.get_mut(index as usize).and_then(Option::take) else { return };
        let Node { list: place, before, after, .. } = node;
        if let Some(neighbour) = self.node_mut(before) {
            neighbour.after = after;
        }
        if let Some(neighbour) = self.node_mut(after) {
            neighbour.before = before;
        }
        let Some(list) = self.lists.get_mut(place) else { return };
        if before.is_none() {
            list.first = after;
        }
        if after.is_none() {
            list.last = before;
        }
        if list.first.is_none()
            && let Some(word) = self.occupied.get_mut(place / 64)
        {
            *word &= !(1 << (place % 64));
        }
    }
}

/// Which slot a time since the start falls into.
fn slot(at: Duration) -> u64 {
    let second = at.as_secs().saturating_mul(SLOTS_PER_SECOND);
    second.saturating_add(u64::from(at.subsec_nanos()) / SLOT_NANOS)
}

/// The first slot of the block around a slot.
const fn block(slot: u64) -> u64 {
    slot - slot % SLOTS as u64
}

#[expect(clippy::cast_possible_truncation, reason = "the remainder is below SLOTS")]
const fn wheel_place(slot: u64) -> usize {
    (slot % SLOTS as u64) as usize
}

/// How fine the wheel is: deadlines of media are milliseconds apart (a pacer's burst lasts 5), and keys that share a slot
/// are walked through in [`Wheel::next`]; 10,000 keys due within 50 ms are 50 a slot.
pub const SLOT: Duration = Duration::from_nanos(SLOT_NANOS);

const SLOT_NANOS: u64 = 250_000;

const SLOTS_PER_SECOND: u64 = 1_000_000_000 / SLOT_NANOS;

/// Slots in the wheel: 1.024 s, longer than any deadline of media that flows; 32 KiB of list heads, and an occupation map
/// of one cache line in eight.
pub const SLOTS: usize = 4096;

/// The list of what is due in later blocks.
const FAR: usize = SLOTS;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[expect(
        clippy::disallowed_methods,
        reason = "any instant serves as the start of virtual time"
    )]
    fn wheel() -> (Wheel<u32>, Instant) {
        let now = Instant::now();
        (Wheel::new(now), now)
    }

    fn us(us: u64) -> Duration {
        Duration::from_micros(us)
    }

    fn expired(wheel: &mut Wheel<u32>, now: Instant) -> Vec<u32> {
        let mut out = Vec::new();
        wheel.expired(now, &mut out);
        out
    }

    #[test]
    fn a_deadline_expires_once_and_never_early() {
        let (mut wheel, now) = wheel();
        wheel.arm(3, 30, now + us(1100));
        assert_eq!(wheel.next(), Some(now + us(1100)));
        assert_eq!(expired(&mut wheel, now + us(1099)), []);
        assert_eq!(expired(&mut wheel, now + us(1100)), [30]);
        assert_eq!(expired(&mut wheel, now + us(9000)), []);
        assert_eq!(wheel.next(), None);
    }

    #[test]
    fn the_last_arming_counts() {
        let (mut wheel, now) = wheel();
        wheel.arm(0, 1, now + us(500));
        wheel.arm(0, 1, now + us(5000));
        assert_eq!(expired(&mut wheel, now + us(4000)), []);
        wheel.disarm(0, 2);
        wheel.arm(1, 7, now + us(5000));
        wheel.disarm(1, 7);
        assert_eq!(expired(&mut wheel, now + us(5000)), [1]);
    }

    #[test]
    fn slots_come_in_order_and_keys_in_the_order_of_arming() {
        let (mut wheel, now) = wheel();
        for (index, at) in [(4, 5_000_010), (1, 9_000), (0, 400), (3, 5_000_000), (2, 260)] {
            wheel.arm(index, index, now + us(at));
        }
        assert_eq!(expired(&mut wheel, now + us(60_000_000)), [0, 2, 1, 4, 3]);
    }

    #[test]
    fn a_passed_deadline_expires_with_the_next_call() {
        let (mut wheel, now) = wheel();
        assert_eq!(expired(&mut wheel, now + us(10_000)), []);
        wheel.arm(0, 0, now + us(10));
        assert!(wheel.next().unwrap() <= now + us(10_000));
        assert_eq!(expired(&mut wheel, now + us(10_000)), [0]);
    }

    #[test]
    fn arming_again_needs_no_memory() {
        let (mut wheel, now) = wheel();
        (0..100).for_each(|index| wheel.arm(index, index, now));
        let mut out = Vec::with_capacity(100);
        let counted = allocation_counter::measure(|| {
            for round in 0u64..10_000 {
                out.clear();
                let at = now + us(round * 130);
                wheel.expired(at, &mut out);
                for index in 0..100 {
                    wheel.arm(index, index, at + us(u64::from(index) * 30_000));
                }
            }
        });
        assert_eq!(counted.count_total, 0);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Arm { index: u32, after: u64 },
        Disarm(u32),
        Pass(u64),
    }

    fn any_step() -> impl Strategy<Value = Step> {
        let microseconds = prop_oneof![0u64..3000, 0u64..2_000_000, 0u64..40_000_000];
        prop_oneof![
            4 => (0u32..6, microseconds.clone())
                .prop_map(|(index, after)| Step::Arm { index, after }),
            1 => (0u32..6).prop_map(Step::Disarm),
            3 => microseconds.prop_map(Step::Pass),
        ]
    }

    proptest! {
        /// The model: key to (slot at or after the arming, order of arming, deadline).
        #[test]
        fn a_wheel_does_what_a_sorted_map_does(steps in prop::collection::vec(any_step(), 1..120)) {
            let (mut wheel, start) = wheel();
            let mut model: BTreeMap<u32, (u64, usize, u64)> = BTreeMap::new();
            let mut now = 0;
            for (order, step) in steps.into_iter().enumerate() {
                match step {
                    // A third of them lie in the past.
                    Step::Arm { index, after } => {
                        let at = (now + after).saturating_sub(1000);
                        wheel.arm(index, index, start + us(at));
                        model.insert(index, (at.max(now / 250 * 250) / 250, order, at));
                    }
                    Step::Disarm(index) => {
                        wheel.disarm(index, index);
                        model.remove(&index);
                    }
                    Step::Pass(time) => {
                        now += time;
                        let mut due: Vec<_> =
                            model.iter().filter(|(_, (_, _, at))| *at <= now).collect();
                        due.sort_by_key(|(_, (slot, order, _))| (*slot, *order));
                        let due: Vec<u32> = due.into_iter().map(|(index, _)| *index).collect();
                        model.retain(|_, (_, _, at)| *at > now);
                        prop_assert_eq!(expired(&mut wheel, start + us(now)), due);
                    }
                }
                let earliest = model.values().map(|(_, _, at)| *at).min();
                prop_assert_eq!(wheel.next().is_some(), earliest.is_some());
                if let (Some(next), Some(earliest)) = (wheel.next(), earliest) {
                    prop_assert!(next <= start + us(earliest.max(now)));
                    // It is early only at the end of a block.
                    let block = us(1_024_000).as_nanos();
                    let exact = next == start + us(earliest);
                    prop_assert!(exact || (next - start).as_nanos().is_multiple_of(block) || earliest <= now);
                }
            }
        }
    }
}
