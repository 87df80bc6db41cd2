//! Who gets which layer: the budget of one receiver, shared among what it wants.
//!
//! ```text
//!                       ┌─ reduce: what no longer fits goes, now
//!   previous, wants ────┤
//!                       └─ climb: what fits with care comes ──► Targets (layer, reason, memory) ──► previous
//! ```
//!
//! Everything is a *step*: one want from one rung of its ladder of layers to the next. Steps have one order. First the lowest layer of
//! every visible want, by class and size; then those of pinned wants to the top, want by want; then round by round one step for each
//! want, by class and size. What is given, given nothing before, is the steps in that order, each taken if the one below is and if it
//! fits; so more budget never gives a lexicographically smaller choice, and nothing that fits is left untaken.
//!
//! What was given before is kept while it fits (*reduce*), and stepping up takes care (*climb*): the budget of the last
//! two seconds must have had room for it with a tenth to spare, the want must not just have given way, and the step must not just have
//! failed with half of that room. All that is about what the network carries; a limit that the person sets is obeyed at once, both ways, and a step that
//! it takes back has not failed ([`Budget`]); nor has one for which the server had no power ([`Shed`]). A want may take room at once from wants of lower class, and any want from others' higher steps for its lowest layer.
//!
//! Left out on purpose: an `oversend` for one screen share. The sum is never above the budget.

use std::time::{Duration, Instant};

use crate::layer::Layer;

mod budget;
mod ladder;
mod past;
mod plan;
mod shed;
mod target;
mod want;

pub use budget::Budget;
use plan::{Cause, Ceilings, Plan};
pub use shed::Shed;
pub use target::{Reason, Target, Targets};
pub use want::{Choice, Class, Kind, Want, WantId};

/// Shares `budget` among `wants`.
///
/// `layers` holds the layers of each want's publication, in the order of `wants`; where it is shorter, the rest have none. The budget is
/// what remains for pictures: the estimate and the limit less sound, retransmission and FEC. `previous` is the last result for this
/// receiver, or the default. Ids of wants must be unique; with two of the same id both get something that fits, not more is promised.
///
/// Pure: the same arguments give the same result, whatever the order of wants and layers. Meant to be called whenever an
/// argument changes and at least each 100 ms, since a step up comes with the first call after its time. Costs O(steps · log wants).
pub fn allocate(
    now: Instant,
    budget: Budget,
    wants: &[Want],
    layers: &[&[Layer]],
    previous: &Targets,
) -> Targets {
    let mut past = previous.past.clone();
    past.tell(now, budget.estimate);
    let mut plan = Plan::new(now, budget, wants, layers, previous);
    let reduced = plan.reduce(budget.estimate, Cause::Network) || previous.reduced;
    plan.reduce(budget.limit, Cause::Person);
    let begun = previous.begun.or_else(|| plan.has_steps().then_some(now));
    let starting =
        !reduced && begun.is_some_and(|begun| now.saturating_duration_since(begun) < STARTING);
    let careful =
        |window| past.least(now, window).map(|least| least.scaled(10, 11).min(budget.limit));
    let quick = careful(QUICK);
    plan.climb(&if previous.begun.is_none() {
        Ceilings::Free(budget.least())
    } else if starting {
        Ceilings::Careful { joining: quick, flowing: quick }
    } else {
        Ceilings::Careful { joining: quick, flowing: careful(past::WINDOW_MAX) }
    });
    plan.into_targets(wants, Targets { begun, reduced, past, ..Targets::default() }, starting)
}

/// For this long after the first allocation, unless something was reduced, steps up come quickly: rfc8867 case S1 asks for
/// the top layer within 3 s.
const STARTING: Duration = Duration::from_secs(5);
/// The budget's past that a quick step needs: two rounds of transport-wide feedback at its slowest (250 ms).
const QUICK: Duration = Duration::from_millis(500);

#[cfg(test)]
#[path = "allocator_tests.rs"]
mod tests;
