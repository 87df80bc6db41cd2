//! One decision in the making: every want with its ladder, its level and its memory.

use std::cmp::Reverse;
use std::time::Instant;

use super::budget::Budget;
use super::ladder::Ladder;
use super::target::{Memory, Reason, Target, Targets};
use super::want::{Choice, Class, Want};
use crate::layer::Layer;
use crate::units::Bitrate;

/// All wants of a receiver on their ladders. A level counts rungs: 0 is no picture.
#[derive(Debug)]
pub(super) struct Plan {
    now: Instant,
    budget: Budget,
    /// In the order of the wants.
    climbers: Vec<Climber>,
    /// All steps in their one order.
    steps: Vec<Step>,
}

#[derive(Clone, Debug)]
struct Climber {
    class: Class,
    ladder: Ladder,
    level: usize,
    memory: Memory,
}

#[derive(Clone, Copy, Debug)]
struct Step {
    /// Whose: a place among the climbers.
    climber: usize,
    class: Class,
    /// The level that it leads to.
    level: usize,
    cost: Bitrate,
}

/// Who has no room for a step any more.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Cause {
    /// The step was tried too soon.
    Network,
    /// Nothing is to be learnt from it.
    Person,
}

/// How much may be spent once a step up is taken.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ceilings {
    /// The first allocation: all of the budget, and no memory counts.
    Free(Bitrate),
    /// None where the budget's past is not known that far.
    Careful {
        /// For new wants, of which nothing flows yet.
        joining: Option<Bitrate>,
        /// For the others.
        flowing: Option<Bitrate>,
    },
}

/// Costs of steps held, by class.
#[derive(Clone, Copy, Debug, Default)]
struct Held {
    pinned: Bitrate,
    speaker: Bitrate,
    visible: Bitrate,
    thumbnail: Bitrate,
}

/// A climb may free room that an earlier step can use, so climbing is repeated until nothing changes. Each repetition takes an
/// earlier step at later ones' cost, so it ends. Of 79,000 calls of the property tests 34 needed two repetitions and none more; what
/// this many leave undone is left to the next call.
const CLIMBS_MAX: usize = 16;

impl Plan {
    pub(super) fn new(
        now: Instant,
        budget: Budget,
        wants: &[Want],
        layers: &[&[Layer]],
        previous: &Targets,
    ) -> Self {
        let mut known: Vec<&Target> = previous.targets.iter().collect();
        known.sort_by_key(|target| target.id);
        let all_layers = layers.iter().copied().chain(std::iter::repeat(&[][..]));
        let climbers: Vec<Climber> = wants
            .iter()
            .zip(all_layers)
            .map(|(want, layers)| {
                let place = known.binary_search_by_key(&want.id, |target| target.id).ok();
                let before = place.and_then(|place| known.get(place));
                let mut ladder = Ladder::new(want, layers);
                let level =
                    before.and_then(|target| target.layer).map_or(0, |layer| ladder.level(layer));
                let most = budget.shed.most(want.class, level);
                ladder.truncate(most, Reason::Server);
                let level = level.min(ladder.height());
                let mut memory =
                    before.map_or_else(Memory::default, |target| target.memory.clone());
                memory.tidy(now, level == 0 && ladder.height() > 0);
                Climber { class: want.class, ladder, level, memory }
            })
            .collect();
        let steps = order(wants, &climbers);
        Self { now, budget, climbers, steps }
    }

    /// Whether there is anything to take.
    pub(super) fn has_steps(&self) -> bool {
        !self.steps.is_empty()
    }

    /// Takes back what `budget` has no room for; whether that was anything.
    pub(super) fn reduce(&mut self, budget: Bitrate, cause: Cause) -> bool {
        if self.total() <= budget {
            return false;
        }
        let mut taken = vec![0; self.climbers.len()];
        let mut used = Bitrate::ZERO;
        for step in &self.steps {
            let (Some(level), Some(climber)) =
                (taken.get_mut(step.climber), self.climbers.get(step.climber))
            else {
                continue;
            };
            let held = step.level <= climber.level && *level + 1 == step.level;
            if held && used + step.cost <= budget {
                used = used + step.cost;
                *level = step.level;
            }
        }
        for (climber, level) in self.climbers.iter_mut().zip(taken) {
            if level >= climber.level {
                continue;
            }
            match cause {
                Cause::Network => {
                    climber.memory.reduce(self.now, level == 0);
                    for undone in level + 1..=climber.level {
                        if let Some(layer) = climber.ladder.layer(undone) {
                            climber.memory.undo(self.now, layer);
                        }
                    }
                }
                Cause::Person => climber.memory.limit(self.now, level == 0),
            }
            climber.level = level;
        }
        true
    }

    /// Takes what may be taken.
    pub(super) fn climb(&mut self, ceilings: &Ceilings) {
        for _ in 0..CLIMBS_MAX {
            let taken = self.climbed(ceilings);
            if self.climbers.iter().map(|climber| climber.level).eq(taken.iter().copied()) {
                return;
            }
            for (climber, level) in self.climbers.iter_mut().zip(taken) {
                let room = ceilings.of(climber, self.now).unwrap_or(Bitrate::ZERO);
                for raised in climber.level + 1..=level {
                    if let Some(layer) = climber.ladder.layer(raised) {
                        climber.memory.raise(self.now, layer, room);
                    }
                }
                if level < climber.level {
                    climber.memory.reduce(self.now, level == 0);
                }
                climber.level = level;
            }
            if matches!(ceilings, Ceilings::Free(_)) {
                return;
            }
        }
    }

    /// The levels after one way through all steps.
    fn climbed(&self, ceilings: &Ceilings) -> Vec<usize> {
        let mut taken = vec![0; self.climbers.len()];
        let mut used = Bitrate::ZERO;
        // With a step up, all must fit below its ceiling: what is less important makes room for the tenth to spare too.
        let mut limit = self.budget.least();
        // What is held and comes later in the order: lowest layers, and all above them.
        let (mut lowest, mut above) = (Held::default(), Held::default());
        for step in &self.steps {
            if self.climbers.get(step.climber).is_some_and(|climber| step.level <= climber.level) {
                let held = if step.level == 1 { &mut lowest } else { &mut above };
                held.add(step);
            }
        }
        for step in &self.steps {
            let (Some(level), Some(climber)) =
                (taken.get_mut(step.climber), self.climbers.get(step.climber))
            else {
                continue;
            };
            let held = if step.level == 1 { &mut lowest } else { &mut above };
            let is_held = step.level <= climber.level;
            if is_held {
                held.remove(step);
            }
            let reserved = held.not_below(step.class);
            if *level + 1 != step.level {
                continue;
            }
            if is_held {
                if used + step.cost <= limit {
                    used = used + step.cost;
                    *level = step.level;
                }
            } else if let Some(ceiling) = self.ceiling(climber, step.level, ceilings)
                && used + step.cost + reserved <= ceiling.min(limit)
            {
                used = used + step.cost;
                *level = step.level;
                limit = limit.min(ceiling);
            }
        }
        taken
    }

    /// How much may be spent in all once `climber` steps up to `level`; `None` where it must not yet.
    fn ceiling(&self, climber: &Climber, level: usize, ceilings: &Ceilings) -> Option<Bitrate> {
        let ceiling = ceilings.of(climber, self.now)?;
        let layer = climber.ladder.layer(level)?;
        let is_free = matches!(ceilings, Ceilings::Free(_));
        (is_free || climber.memory.permits(self.now, layer, ceiling)).then_some(ceiling)
    }

    fn total(&self) -> Bitrate {
        self.climbers.iter().map(|climber| climber.ladder.cost(climber.level)).sum()
    }

    /// The result, of which `frame` holds what is not per want.
    pub(super) fn into_targets(self, wants: &[Want], frame: Targets, starting: bool) -> Targets {
        let total = self.total();
        let next = self.steps.iter().find(|step| {
            self.climbers.get(step.climber).is_some_and(|climber| climber.level + 1 == step.level)
        });
        let next_step = next.map(|step| step.cost);
        let ladders = self.climbers.iter().map(|climber| &climber.ladder);
        let desired = ladders.map(|ladder| ladder.cost(ladder.height())).sum();
        let budget = self.budget;
        let targets = wants
            .iter()
            .zip(self.climbers)
            .map(|(want, Climber { ladder, level, memory, .. })| {
                let needed = total + ladder.step(level + 1);
                let missing = level < ladder.height();
                let short = needed.scaled(11, 10) - budget.estimate;
                let short = short.max(needed - budget.limit);
                let limited = needed > budget.limit;
                Target {
                    id: want.id,
                    layer: ladder.layer(level),
                    wanted: ladder.top,
                    next: ladder.layer(level + 1),
                    reason: reason(want, &ladder, level, starting, limited),
                    cost: ladder.cost(level),
                    short_by: if missing { short } else { Bitrate::ZERO },
                    memory,
                }
            })
            .collect();
        Targets { targets, total, desired, next_step, ..frame }
    }
}

/// `limited` tells that the person's limit has no room for the next step.
fn reason(want: &Want, ladder: &Ladder, level: usize, starting: bool, limited: bool) -> Reason {
    if want.height == 0 {
        Reason::Hidden
    } else if want.choice == Choice::Paused {
        Reason::Chosen
    } else if level < ladder.height() {
        match (limited, starting, level) {
            (true, _, _) => Reason::Chosen,
            (false, true, _) => Reason::Starting,
            (false, false, 0) => Reason::Paused,
            (false, false, _) => Reason::Budget,
        }
    } else {
        ladder.cut.unwrap_or(Reason::Full)
    }
}

/// All steps in their one order.
fn order(wants: &[Want], climbers: &[Climber]) -> Vec<Step> {
    let mut ranked: Vec<(&Want, usize, &Climber)> = wants
        .iter()
        .zip(climbers)
        .enumerate()
        .filter(|(_, (_, climber))| climber.ladder.height() > 0)
        .map(|(place, (want, climber))| (want, place, climber))
        .collect();
    ranked.sort_by_key(|(want, ..)| (Reverse(want.class), Reverse(want.size), **want));
    let step = |&(_, place, climber): &(&Want, usize, &Climber), level| Step {
        climber: place,
        class: climber.class,
        level,
        cost: climber.ladder.step(level),
    };
    let mut steps = Vec::with_capacity(climbers.iter().map(|one| one.ladder.height()).sum());
    steps.extend(ranked.iter().map(|one| step(one, 1)));
    for one in ranked.iter().filter(|one| one.2.class == Class::Pinned) {
        steps.extend((2..=one.2.ladder.height()).map(|level| step(one, level)));
    }
    ranked.retain(|one| one.2.class != Class::Pinned);
    let mut level = 2;
    while !ranked.is_empty() {
        ranked.retain(|one| one.2.ladder.height() >= level);
        steps.extend(ranked.iter().map(|one| step(one, level)));
        level += 1;
    }
    steps
}

impl Ceilings {
    fn of(&self, climber: &Climber, now: Instant) -> Option<Bitrate> {
        match *self {
            Self::Free(budget) => Some(budget),
            Self::Careful { joining, .. } if climber.memory.is_joining(now) => joining,
            Self::Careful { flowing, .. } => flowing,
        }
    }
}

impl Held {
    const fn of(&mut self, class: Class) -> &mut Bitrate {
        match class {
            Class::Pinned => &mut self.pinned,
            Class::Speaker => &mut self.speaker,
            Class::Visible => &mut self.visible,
            Class::Thumbnail => &mut self.thumbnail,
        }
    }

    fn add(&mut self, step: &Step) {
        let sum = self.of(step.class);
        *sum = *sum + step.cost;
    }

    fn remove(&mut self, step: &Step) {
        let sum = self.of(step.class);
        *sum = *sum - step.cost;
    }

    /// What a step of `class` must leave alone: all that is as important as itself.
    fn not_below(&self, class: Class) -> Bitrate {
        let from_visible = self.pinned + self.speaker + self.visible;
        match class {
            Class::Pinned => self.pinned,
            Class::Speaker => self.pinned + self.speaker,
            Class::Visible => from_visible,
            Class::Thumbnail => from_visible + self.thumbnail,
        }
    }
}
