//! Who is heard: the loudest of a channel, chosen so that nobody flaps.

use std::cmp::Reverse;
use std::time::{Duration, Instant};

use arrayvec::ArrayVec;

/// Follows how loud each person of a channel is, and gives places to the loudest.
///
/// With N voices there are N + 1 places: N that everybody hears, and a reserve that those among the N hear instead of
/// themselves ([`Selection::for_listener`]). Silence costs next to nothing to forward, so no place is empty while there is
/// somebody to take it: the first to be heard at all take the first places, and their first words are not clipped. After
/// that a place changes hands only
///
/// - when its holder has had it for [`HOLD`], and
/// - somebody without a place (or with the reserve, for one of the N) has been [`MARGIN`] louder for [`CHALLENGE`], or is
///   audible while the holder is not.
///
/// So a place changes at most once in [`HOLD`], and between two equally loud people hardly ever. All ties are broken by
/// `K`, and nothing depends on the order of equal times. `K` names a voice: a publication, or a person with one.
///
/// Memory is one entry for each person ever heard and not removed: bounded by those in the channel.
#[derive(Debug)]
pub struct Speakers<K: Copy + Ord> {
    /// Sorted by `who`.
    people: Vec<Person<K>>,
    selection: Selection<K>,
    places_max: usize,
    /// How many have been heard before: the `order` of the next one.
    heard: u64,
    chosen: Option<Instant>,
    told: ArrayVec<Speaking<K>, ACTIVE_MAX>,
    told_at: Option<Instant>,
}

/// Who has the places: the N that everybody hears, then the reserve.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Selection<K> {
    places: ArrayVec<Place<K>, PLACES_MAX>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Place<K> {
    who: K,
    since: Instant,
}

/// Somebody who is audible.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Speaking<K> {
    /// Who.
    pub who: K,
    /// How loud, in −dBov: 0 is loudest.
    pub level: u8,
}

/// Smoothed loudness in 1/16 dB above the floor of −[`FLOOR`] dBov; 0 is silence.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
struct Loudness(u32);

#[derive(Clone, Copy, Debug)]
struct Person<K> {
    who: K,
    /// The how-many-th of all who were heard.
    order: u64,
    loudness: Loudness,
    heard_at: Instant,
    /// Since when louder than the weakest of the N, and than the reserve.
    louder_since: [Option<Instant>; 2],
}

impl<K: Copy + Ord> Speakers<K> {
    /// Nobody was heard yet. `voices` is N, clamped to 1 to [`VOICES_MAX`].
    #[must_use]
    pub fn new(voices: u8) -> Self {
        Self {
            people: Vec::new(),
            selection: Selection { places: ArrayVec::new() },
            places_max: usize::from(voices).clamp(1, VOICES_MAX) + 1,
            heard: 0,
            chosen: None,
            told: ArrayVec::new(),
            told_at: None,
        }
    }

    /// A packet of `who` arrived: with the level of its extension (−dBov, 0 to 127, RFC 6464), or without, and with
    /// `payload` bytes of sound. Not to be called for the packets of somebody who is muted.
    pub fn heard(&mut self, now: Instant, who: K, level: Option<u8>, payload: usize) {
        let loudness = Loudness::of(level, payload);
        match self.people.binary_search_by_key(&who, |person| person.who) {
            Ok(place) => {
                if let Some(person) = self.people.get_mut(place) {
                    person.loudness =
                        person.loudness_at(now).towards(loudness, now - person.heard_at.min(now));
                    person.heard_at = now;
                }
            }
            Err(place) => {
                let order = self.heard;
                self.heard += 1;
                let person =
                    Person { who, order, loudness, heard_at: now, louder_since: [None; 2] };
                self.people.insert(place, person);
                if self.selection.places.len() < self.places_max {
                    self.chosen = None;
                }
            }
        }
    }

    /// `who` has left, or was muted: forgotten until heard again. The place is free at once.
    pub fn removed(&mut self, who: K) {
        self.people.retain(|person| person.who != who);
        let before = self.selection.places.len();
        self.selection.places.retain(|place| place.who != who);
        if self.selection.places.len() < before {
            self.chosen = None;
        }
    }

    /// Who has the places now. Chosen anew at most each [`STEP`], and at once where a place is free: cheap enough to ask
    /// per packet. Cost of choosing: O(people).
    pub fn select(&mut self, now: Instant) -> &Selection<K> {
        if self.chosen.is_none_or(|chosen| now >= chosen + STEP) {
            self.chosen = Some(now);
            self.fill(now);
            let voices = self.places_max - 1;
            self.challenge(now, 0, voices);
            self.challenge(now, voices, self.places_max);
        }
        &self.selection
    }

    /// Who is audible now, loudest first, at most [`ACTIVE_MAX`]; `None` where that is what was told last, give or take
    /// [`LEVEL_STEP`], or was told less than [`TELL`] ago.
    pub fn active(&mut self, now: Instant) -> Option<&[Speaking<K>]> {
        if self.told_at.is_some_and(|told_at| now < told_at + TELL) {
            return None;
        }
        let active = self.loudest(now);
        let same = active.len() == self.told.len()
            && active.iter().all(|speaking| {
                self.told.iter().any(|told| {
                    told.who == speaking.who && told.level.abs_diff(speaking.level) < LEVEL_STEP
                })
            });
        if same {
            return None;
        }
        self.told = active;
        self.told_at = Some(now);
        Some(&self.told)
    }

    /// When to call [`Self::active`] though nobody is heard any more: when the first of those last told to be audible will
    /// have fallen silent, unless heard again before.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let earliest = self.told_at? + TELL;
        let silent = self.told.iter().map(|told| match self.person(Some(told.who)) {
            Some(person) => earliest.max(person.heard_at + SILENT_AFTER),
            None => earliest,
        });
        silent.min()
    }

    /// The audible people, loudest first.
    fn loudest(&self, now: Instant) -> ArrayVec<Speaking<K>, ACTIVE_MAX> {
        let mut active = ArrayVec::<Speaking<K>, ACTIVE_MAX>::new();
        for person in self.people.iter().filter(|person| person.loudness_at(now).is_audible()) {
            let level = person.loudness_at(now).level();
            let place =
                active.partition_point(|other| (other.level, other.who) < (level, person.who));
            if place < ACTIVE_MAX {
                active.truncate(ACTIVE_MAX - 1);
                active.insert(place, Speaking { who: person.who, level });
            }
        }
        active
    }

    /// Gives free places to the loudest audible people without one, else to those who were heard first. A free one of
    /// the N may go to the reserve, whose place is free then.
    fn fill(&mut self, now: Instant) {
        while self.selection.places.len() < self.places_max {
            let free = self.people.iter().filter(|person| !self.selection.has(person.who));
            let best = free.max_by_key(|person| {
                let loudness = person.loudness_at(now);
                (if loudness.is_audible() { loudness } else { Loudness(0) }, Reverse(person.order))
            });
            let Some(best) = best else { return };
            self.selection.places.push(Place { who: best.who, since: now });
        }
    }

    /// Lets the loudest of those outside places `from..to` take one of them, where the rule allows it.
    fn challenge(&mut self, now: Instant, from: usize, to: usize) {
        let Some(weakest) = self.weakest(now, from, to) else { return };
        let Some(weakest_loudness) = self.person(self.holder(weakest)).map(|p| p.loudness_at(now))
        else {
            return;
        };
        let which = usize::from(from > 0);
        let mut winner: Option<(Loudness, Reverse<K>)> = None;
        for person in &mut self.people {
            let place = self.selection.place_of(person.who);
            let outside = place.is_none_or(|place| place >= to);
            let loudness = person.loudness_at(now);
            let louder = outside && loudness >= weakest_loudness.plus(MARGIN);
            let Some(louder_since) = person.louder_since.get_mut(which) else { return };
            if !louder {
                *louder_since = None;
                continue;
            }
            let since = *louder_since.get_or_insert(now);
            let over_silence = loudness.is_audible() && !weakest_loudness.is_audible();
            if over_silence || now >= since + CHALLENGE {
                winner = winner.max(Some((loudness, Reverse(person.who))));
            }
        }
        if let Some((_, Reverse(who))) = winner {
            self.take(now, weakest, who);
        }
    }

    /// Puts `who` into a place; whoever had it gets the place that `who` had, if any.
    fn take(&mut self, now: Instant, place: usize, who: K) {
        let had = self.selection.place_of(who);
        let Some(taken) = self.selection.places.get_mut(place) else { return };
        let before = std::mem::replace(taken, Place { who, since: now });
        if let Some(left) = had.and_then(|had| self.selection.places.get_mut(had)) {
            *left = Place { who: before.who, since: now };
        }
    }

    /// Which of places `from..to` may change hands and has the quietest holder.
    fn weakest(&self, now: Instant, from: usize, to: usize) -> Option<usize> {
        let held = self.selection.places.iter().enumerate().take(to).skip(from);
        held.filter(|(_, place)| now >= place.since + HOLD)
            .filter_map(|(index, place)| Some((index, self.person(Some(place.who))?)))
            .min_by_key(|(_, person)| (person.loudness_at(now), Reverse(person.who)))
            .map(|(index, _)| index)
    }

    fn holder(&self, place: usize) -> Option<K> {
        self.selection.places.get(place).map(|place| place.who)
    }

    fn person(&self, who: Option<K>) -> Option<&Person<K>> {
        let place = self.people.binary_search_by_key(&who?, |person| person.who).ok()?;
        self.people.get(place)
    }
}

impl<K: Copy + Ord> Selection<K> {
    /// Everyone with a place: the N that everybody hears, then the reserve.
    pub fn all(&self) -> impl Iterator<Item = K> {
        self.places.iter().map(|place| place.who)
    }

    /// The `voices` people whom `listener` hears, never himself: whoever is among them gets the reserve instead.
    /// `voices` is N, or less for a listener with fewer slots.
    pub fn for_listener(&self, listener: K, voices: u8) -> impl Iterator<Item = K> {
        self.all().filter(move |who| *who != listener).take(voices.into())
    }

    fn has(&self, who: K) -> bool {
        self.place_of(who).is_some()
    }

    fn place_of(&self, who: K) -> Option<usize> {
        self.places.iter().position(|place| place.who == who)
    }
}

impl<K> Person<K> {
    /// As last heard, or silence where that is too long ago.
    fn loudness_at(&self, now: Instant) -> Loudness {
        let silent = now.saturating_duration_since(self.heard_at) >= SILENT_AFTER;
        if silent { Loudness::default() } else { self.loudness }
    }
}

impl Loudness {
    fn of(level: Option<u8>, payload: usize) -> Self {
        let assumed = if payload > DTX_BYTES { LEVEL_ASSUMED } else { FLOOR };
        Self(u32::from(FLOOR.saturating_sub(level.unwrap_or(assumed))) * 16)
    }

    /// In −dBov.
    fn level(self) -> u8 {
        FLOOR.saturating_sub(u8::try_from(self.0 / 16).unwrap_or(FLOOR))
    }

    fn is_audible(self) -> bool {
        self.level() <= AUDIBLE
    }

    const fn plus(self, decibels: u8) -> Self {
        Self(self.0 + decibels as u32 * 16)
    }

    /// This loudness after `elapsed` at `target`: the first-order step `elapsed / (elapsed + time constant)`.
    fn towards(self, target: Self, elapsed: Duration) -> Self {
        let constant = if target > self { ATTACK } else { RELEASE };
        let elapsed = u32::try_from(elapsed.min(SILENT_AFTER).as_millis()).unwrap_or(0);
        let constant = u32::try_from(constant.as_millis()).unwrap_or(1);
        let step = self.0.abs_diff(target.0) * elapsed / (elapsed + constant);
        Self(if target > self { self.0 + step } else { self.0 - step })
    }
}

/// Voices that a channel may be set to: more at once are noise.
pub const VOICES_MAX: usize = 15;

const PLACES_MAX: usize = VOICES_MAX + 1;

/// How long a place is kept at least: longer than a short "yes", so that it is heard whole; shorter than the pause after
/// which somebody else has begun to speak. Bounds the changes of a place to 1.7 a second.
pub const HOLD: Duration = Duration::from_millis(600);

/// How much louder a challenger must be, in dB: the smallest difference that listeners notice with ease; smoothed levels
/// of equally loud voices rarely differ by it for long.
pub const MARGIN: u8 = 3;

/// For how long: half a syllable, so that a click or a cough takes no place.
pub const CHALLENGE: Duration = Duration::from_millis(100);

/// How often places are chosen anew: half a packet's time.
pub const STEP: Duration = Duration::from_millis(10);

/// Quieter than this is no speech, in −dBov: speech at a headset is −15 to −40, a quiet room −55 to −75.
pub const AUDIBLE: u8 = 50;

/// Quieter than this counts as silence, in −dBov, so that the first packet of a word is audible in spite of smoothing.
pub const FLOOR: u8 = 70;

/// What a voice without levels counts as, in −dBov: audible, but outdone by any voice that speaks up.
pub const LEVEL_ASSUMED: u8 = 40;

/// Opus packets of silence: DTX sends 1 to 3 bytes, with RED's headers up to 10. Speech at Opus's lowest rate
/// (6 kbit/s) is 15 bytes in 20 ms.
const DTX_BYTES: usize = 10;

/// Somebody who begins to speak: two thirds of the way with one packet of 20 ms.
const ATTACK: Duration = Duration::from_millis(10);

/// Somebody who pauses between words is still speaking: half of the loudness is left after 0.4 s.
const RELEASE: Duration = Duration::from_millis(400);

/// Nothing heard for so long is silence: DTX sends a packet each 400 ms.
const SILENT_AFTER: Duration = Duration::from_millis(500);

/// How often it is told who is audible: a ring around a face that changes ten times a second looks alive.
pub const TELL: Duration = Duration::from_millis(100);

/// A change of level that is worth telling, in dB.
pub const LEVEL_STEP: u8 = 3;

/// People told of at once: no page shows more of them speaking.
pub const ACTIVE_MAX: usize = 16;

#[cfg(test)]
#[path = "speakers_tests.rs"]
mod tests;
