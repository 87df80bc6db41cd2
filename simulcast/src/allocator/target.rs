//! What a receiver gets, why it is not more, and what the next decision must remember.

use std::time::{Duration, Instant};

use smallvec::SmallVec;

use super::past::{BudgetPast, WINDOW_MAX};
use super::want::WantId;
use crate::layer::LayerId;
use crate::units::Bitrate;

/// The outcome of [`allocate`](super::allocate), which the next call is handed as `previous`: all the memory there is.
///
/// The default is that of a receiver to whom nothing was allocated yet.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[must_use]
pub struct Targets {
    /// One for each want, in the order of the wants.
    pub targets: Vec<Target>,
    /// What they cost together.
    pub total: Bitrate,
    /// What all wants would cost in full: more than this need not be probed for.
    pub desired: Bitrate,
    /// What the first step that was not taken would add to `total`: what probing aims at. `None` where nothing is missing.
    pub next_step: Option<Bitrate>,
    /// When there first was anything to allocate.
    pub(super) begun: Option<Instant>,
    /// Whether the network ever took a step back.
    pub(super) reduced: bool,
    pub(super) past: BudgetPast,
}

impl Targets {
    /// The target of the want `id`.
    #[must_use]
    pub fn get(&self, id: WantId) -> Option<&Target> {
        self.targets.iter().find(|target| target.id == id)
    }
}

/// What one want gets.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Target {
    /// The want.
    pub id: WantId,
    /// The layer; none for no picture.
    pub layer: Option<LayerId>,
    /// The layer that its view could use, whatever the network, the person or the server allow; none where it is not seen.
    pub wanted: Option<LayerId>,
    /// The layer that its next step leads to; none where it has all that it could have.
    pub next: Option<LayerId>,
    /// Why it is this and not more.
    pub reason: Reason,
    /// What it costs. At least the measured rate: a layer counts as much as any below it.
    pub cost: Bitrate,
    /// By how much the budget would have to grow for this want's next step; zero where none is missing, or where only
    /// time is.
    pub short_by: Bitrate,
    pub(super) memory: Memory,
}

/// Why a want gets what it gets, as the receiver is told.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Reason {
    /// It is as sharp as its view shows, or as its publisher sends.
    Full,
    /// The network has no room for the next layer.
    Budget,
    /// The network has no room for the lowest layer.
    Paused,
    /// The first seconds: the budget is still being learnt.
    Starting,
    /// The person chose less, or set a limit that has no room for more.
    Chosen,
    /// Nobody sees it.
    Hidden,
    /// The server has too much to do ([`Shed`](super::Shed)).
    Server,
}

/// Times and counts of a want's last steps.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Memory {
    /// When it last gave way to the network, or to another want.
    reduced: Option<Instant>,
    /// Since when it has nothing of what it could have.
    starved: Option<Instant>,
    trials: SmallVec<[Trial; 2]>,
}

/// A step up that has not proved itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Trial {
    layer: LayerId,
    /// The most room there was when it was taken.
    room: Bitrate,
    /// How often it was undone before it could.
    failures: u8,
    state: State,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Up(Instant),
    Undone(Instant),
}

/// A want that gave way does not step up for this long: rfc8867 case S2 flaps without it.
const REST: Duration = Duration::from_secs(2);
/// A want counts as new for this long: as long as it could not have the past that others need. A want for which there is no room
/// for longer would flicker at each half second of luck.
const JOINING: Duration = WINDOW_MAX;
/// A step that holds for this long has proved itself.
const PROVED: Duration = Duration::from_secs(10);
/// How long a step waits after it was undone for the first, second, … time.
const WAITS: [Duration; 5] = [
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(20),
    Duration::from_secs(40),
    Duration::from_secs(60),
];
/// So many times the room at which a step failed, it does not wait: what was learnt then is of another link. rfc8867 case S5, where
/// 0.3 Mbit/s become 3, without it shows nothing for 20 s.
const ANOTHER_LINK: u64 = 2;
/// Three spatial layers with three temporal ones have nine steps. Beyond, the oldest trial is forgotten.
const TRIALS_MAX: usize = 9;

impl Memory {
    /// Forgets what has no bearing any more; `starved` tells that the want has nothing of what it could have.
    pub(super) fn tidy(&mut self, now: Instant, starved: bool) {
        if self.has_rested(now) {
            self.reduced = None;
        }
        self.starved = starved.then(|| self.starved.unwrap_or(now));
        self.trials.retain(|trial| match trial.state {
            State::Up(since) => now.saturating_duration_since(since) <= PROVED,
            State::Undone(_) => true,
        });
    }

    /// Whether the want has nothing because it is new, and not because there was no room for it.
    pub(super) fn is_joining(&self, now: Instant) -> bool {
        self.starved.is_some_and(|since| now.saturating_duration_since(since) < JOINING)
    }

    /// Whether the step to `layer` may be tried, for which there has been `room` for long enough.
    pub(super) fn permits(&self, now: Instant, layer: LayerId, room: Bitrate) -> bool {
        self.has_rested(now)
            && self.trials.iter().all(|trial| match trial.state {
                State::Undone(at) if trial.layer == layer => {
                    let wait = WAITS.get(usize::from(trial.failures).saturating_sub(1));
                    let [.., longest] = WAITS;
                    now.saturating_duration_since(at) >= wait.copied().unwrap_or(longest)
                        || room >= trial.room.scaled(ANOTHER_LINK, 1)
                }
                State::Undone(_) | State::Up(_) => true,
            })
    }

    fn has_rested(&self, now: Instant) -> bool {
        self.reduced.is_none_or(|at| now.saturating_duration_since(at) >= REST)
    }

    /// The step to `layer` is taken, for which there is `room`.
    pub(super) fn raise(&mut self, now: Instant, layer: LayerId, room: Bitrate) {
        self.starved = None;
        let state = State::Up(now);
        if let Some(trial) = self.trials.iter_mut().find(|trial| trial.layer == layer) {
            trial.state = state;
            trial.room = trial.room.max(room);
            return;
        }
        if self.trials.len() >= TRIALS_MAX {
            self.trials.remove(0);
        }
        self.trials.push(Trial { layer, room, failures: 0, state });
    }

    /// The want gives way; `starved` tells that nothing is left to it.
    pub(super) fn reduce(&mut self, now: Instant, starved: bool) {
        self.reduced = Some(now);
        self.limit(now, starved);
    }

    /// The person wants less; `starved` tells that nothing is left to the want.
    pub(super) fn limit(&mut self, now: Instant, starved: bool) {
        self.starved = starved.then_some(now);
    }

    /// The network takes the step to `layer` back.
    pub(super) fn undo(&mut self, now: Instant, layer: LayerId) {
        for trial in self.trials.iter_mut().filter(|trial| trial.layer == layer) {
            trial.failures = trial.failures.saturating_add(1);
            trial.state = State::Undone(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::some_instant;
    use super::*;

    #[test]
    fn a_step_undone_within_ten_seconds_waits_ever_longer_and_alone() {
        let (mut memory, mut now) = (Memory::default(), some_instant());
        let (tried, below) = (LayerId::spatial(2), LayerId::spatial(1));
        let room = Bitrate::kbps(1_000);
        for wait in [5, 10, 20, 40, 60, 60] {
            memory.raise(now, tried, room);
            now += Duration::from_secs(9);
            memory.tidy(now, false);
            memory.undo(now, tried);
            now += Duration::from_secs(wait) - Duration::from_millis(1);
            memory.tidy(now, false);
            assert!(
                !memory.permits(now, tried, room) && memory.permits(now, below, room),
                "{wait}"
            );
            now += Duration::from_millis(1);
            assert!(memory.permits(now, tried, room));
        }
        memory.raise(now, tried, room);
        now += Duration::from_millis(10_001);
        memory.tidy(now, false);
        memory.undo(now, tried);
        assert!(memory.permits(now, tried, room), "it had proved itself");
    }

    #[test]
    fn a_step_that_failed_does_not_wait_on_another_link() {
        let (mut memory, mut now) = (Memory::default(), some_instant());
        let tried = LayerId::spatial(0);
        for room in [200, 180, 100] {
            memory.raise(now, tried, Bitrate::kbps(room));
            memory.undo(now, tried);
            now += Duration::from_secs(40);
        }
        memory.raise(now, tried, Bitrate::kbps(180));
        memory.undo(now, tried);
        assert!(!memory.permits(now, tried, Bitrate::kbps(399)), "twice of 200");
        assert!(memory.permits(now, tried, Bitrate::kbps(400)));
    }

    #[test]
    fn a_want_that_gave_way_rests_two_seconds_and_is_not_new_then() {
        let (mut memory, now) = (Memory::default(), some_instant());
        memory.tidy(now, true);
        let (lowest, room) = (LayerId::spatial(0), Bitrate::kbps(1_000));
        assert!(memory.is_joining(now) && memory.permits(now, lowest, room));
        memory.raise(now, lowest, room);
        memory.reduce(now, true);
        let almost = now + Duration::from_millis(1_999);
        memory.tidy(almost, true);
        assert!(!memory.permits(almost, lowest, room));
        let rested = now + Duration::from_secs(2);
        memory.tidy(rested, true);
        assert!(memory.permits(rested, lowest, room) && !memory.is_joining(rested));
    }
}
