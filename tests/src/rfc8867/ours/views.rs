//! How large the receiver sees what it receives, over time; and whether it gets what that allows.

use std::time::Duration;

use sfu::SlotId;
use sfu::command::View;
use tools::simnet::random::Random;
use tools::simnet::time::SimTime;

use crate::rfc8867::case::{FlowPlan, Picture};

/// What is looked at.
#[derive(Debug)]
pub struct Views {
    /// From when on, in order of time.
    changes: Vec<(SimTime, Vec<u8>)>,
    next: usize,
    slots: Vec<Watched>,
    violations: u32,
    blank: Duration,
}

/// A slot.
#[derive(Clone, Copy, Debug)]
struct Watched {
    /// Which of [`SIZES`]; the highest layer that it allows is one less, and 0 allows none.
    size: u8,
    since: SimTime,
    shown: Option<SimTime>,
}

/// Nothing, and the sizes of the three layers.
const SIZES: [(u16, u16); 4] = [(0, 0), (320, 180), (640, 360), (1280, 720)];

/// Between two changes of many views.
const CHANGE: Duration = Duration::from_secs(5);

/// So many of many are seen at once at most: their lowest layers fit 3 Mbit/s.
const SEEN_MAX: u64 = 12;

/// How long after a change of view something may still come as before.
const GRACE: Duration = Duration::from_secs(1);

/// The first slot is the voice's.
const FIRST: u8 = 1;

impl Views {
    /// Of a flow that begins at `now`.
    #[must_use]
    pub fn new(plan: &FlowPlan, now: SimTime, random: &mut Random) -> Self {
        let changes = match &plan.picture {
            Picture::Adaptive => vec![(now, vec![3])],
            Picture::Simulcast { wanted } => {
                wanted.iter().map(|(at, layer)| (*at, vec![layer + 1])).collect()
            }
            Picture::Many(count) => {
                let mut changes = Vec::new();
                let mut at = now;
                while at < plan.end {
                    changes.push((at, draw(*count, random)));
                    at = at + CHANGE;
                }
                changes
            }
        };
        let first = changes.first().map(|(_, sizes)| sizes.clone()).unwrap_or_default();
        let slots = first.into_iter().map(|size| Watched { size, since: now, shown: None });
        Self { changes, next: 1, slots: slots.collect(), violations: 0, blank: Duration::ZERO }
    }

    /// When [`Self::poll`] has something to say.
    #[must_use]
    pub fn next(&self) -> Option<SimTime> {
        self.changes.get(self.next).map(|(at, _)| *at)
    }

    /// The present views.
    #[must_use]
    pub fn all(&self) -> Vec<View> {
        let slots = (FIRST..).zip(&self.slots);
        slots
            .map(|(slot, watched)| {
                let (width, height) = SIZES[usize::from(watched.size)];
                View {
                    slot: SlotId(slot),
                    width,
                    height,
                    priority: if watched.size == 3 { 2 } else { 1 },
                }
            })
            .collect()
    }

    /// The views that hold from now on, where they change.
    pub fn poll(&mut self, now: SimTime) -> Option<Vec<View>> {
        let (_, sizes) = self.changes.get(self.next).filter(|(at, _)| *at <= now)?.clone();
        self.next += 1;
        for (slot, size) in sizes.into_iter().enumerate() {
            self.look(now, slot);
            let watched = &mut self.slots[slot];
            if watched.size != size {
                *watched = Watched { size, since: now, shown: watched.shown };
            }
        }
        Some(self.all())
    }

    /// A whole frame of a layer was there.
    pub fn shown(&mut self, now: SimTime, slot: usize, layer: u8) {
        self.look(now, slot);
        let Some(watched) = self.slots.get_mut(slot) else { return };
        watched.shown = Some(now);
        if layer >= watched.size && now.since(watched.since) > GRACE {
            self.violations += 1;
        }
    }

    /// How long something visible has had no picture until now.
    fn look(&mut self, now: SimTime, slot: usize) {
        if let Some(watched) = self.slots.get(slot).filter(|watched| watched.size > 0) {
            let from = watched.shown.map_or(watched.since, |shown| shown.max(watched.since));
            self.blank = self.blank.max(now.since(from));
        }
    }

    /// How many frames came of a layer above what its view allowed, after `GRACE`.
    #[must_use]
    pub fn violations(&self) -> f64 {
        f64::from(self.violations)
    }

    /// The longest time in which something visible had no picture.
    #[must_use]
    pub const fn blank(&self) -> Duration {
        self.blank
    }
}

/// Sizes of many: a few large, some small, the rest unseen; the first one is always seen.
fn draw(count: u8, random: &mut Random) -> Vec<u8> {
    let mut sizes = vec![0; usize::from(count)];
    sizes[0] = 1;
    for _ in 0..SEEN_MAX {
        let place = usize::try_from(random.below(u64::from(count))).expect("a small number");
        sizes[place] =
            [1, 1, 1, 1, 2, 2, 3][usize::try_from(random.below(7)).expect("a small number")];
    }
    sizes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rfc8867::cases;

    #[test]
    fn what_is_above_its_view_is_a_violation_after_a_second() {
        let case = cases::all().into_iter().find(|case| case.name == "S4").expect("S4");
        let mut views = Views::new(&case.flows[0], SimTime::ZERO, &mut Random::new(1));
        assert_eq!(views.all()[0].height, 180);
        let ms = SimTime::milliseconds;
        views.shown(ms(900), 0, 2);
        views.shown(ms(1_100), 0, 0);
        assert!(views.violations().abs() < 0.5);
        views.shown(ms(1_200), 0, 1);
        assert!((views.violations() - 1.0).abs() < 0.5);
        assert_eq!(views.blank(), Duration::from_millis(900));
        assert_eq!(views.next(), Some(ms(60_000)));
        assert_eq!(views.poll(ms(59_999)), None);
        assert_eq!(views.poll(ms(60_000)).expect("a change")[0].height, 720);
        assert_eq!(views.blank(), Duration::from_millis(58_800));
    }

    #[test]
    fn of_many_a_dozen_are_seen_and_the_first_always() {
        let mut random = Random::new(3);
        for _ in 0..100 {
            let sizes = draw(25, &mut random);
            assert!(sizes[0] > 0);
            assert!((2..=13).contains(&sizes.iter().filter(|size| **size > 0).count()));
        }
    }
}
