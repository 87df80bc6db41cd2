//! Whole channels with bad networks in virtual time: one module a behaviour.
//!
//! Each plan also ends in what holds always: no undecodable frame, no sequence gap of ours, no timestamp that jumps
//! back, no packet under a wrong source, no refused command. A seed that once found a bug is added to its plan's seeds
//! and never removed.

mod address;
mod blackout;
mod churn;
mod codecs;
mod consent;
mod conversation;
mod demand;
mod descent;
mod determinism;
mod estimate;
mod faults;
mod figures;
mod flicker;
mod keyframes;
mod layers;
mod overload;
mod pressure;
mod reaction;
mod reasons;
mod redundancy;
mod repair;
mod scale;
mod shards;
mod silence;
mod svc;
mod timestamps;
mod upload;
mod voices;

use tests::client::Person;

const ALICE: Person = Person(1);
const BOB: Person = Person(2);
const CAROL: Person = Person(3);
const DAVE: Person = Person(4);

/// Seeds of plans that are cheap to run.
const SEEDS: [u64; 3] = [1, 2, 3];

/// People with the numbers 1 to `count`.
fn people(count: u8) -> impl Iterator<Item = Person> {
    (1..=count).map(Person)
}

/// Everybody but `who` of `count` people.
fn others(who: Person, count: u8) -> impl Iterator<Item = Person> {
    people(count).filter(move |other| *other != who)
}
