//! Whose picture a player shows: the one it chose, or of those who have one the loudest, held long enough not to flap.

use std::collections::BTreeSet;
use std::time::Duration;

use sfu::command::Choice;
use sfu::media::ParticipantId;
use tokio::time::Instant;

use crate::notice::{Notice, Person};

/// Decides for one player. Memory is one entry for each participant with a picture, and the speakers told last.
#[derive(Debug)]
pub(super) struct Director {
    fixed: Option<ParticipantId>,
    with_pictures: BTreeSet<ParticipantId>,
    /// Loudest first.
    speaking: Vec<ParticipantId>,
    shown: Option<(ParticipantId, Instant)>,
}

impl Director {
    /// For somebody who finds `people` inside, and wants to see `fixed` alone, or whoever speaks.
    pub(super) fn new(fixed: Option<ParticipantId>, people: &[Person]) -> Self {
        let mut director =
            Self { fixed, with_pictures: BTreeSet::new(), speaking: Vec::new(), shown: None };
        people.iter().for_each(|person| director.learn(person));
        director
    }

    /// What to choose at present.
    pub(super) fn choice(&self) -> Choice {
        match (self.fixed, self.shown) {
            (Some(fixed), _) => Choice::Only(fixed),
            (None, Some((shown, _))) => Choice::First(shown),
            (None, None) => Choice::All,
        }
    }

    /// Takes in what is told; whether that, or the time since, changes the choice.
    pub(super) fn note(&mut self, now: Instant, notice: &Notice) -> bool {
        match notice {
            Notice::Joined(person) | Notice::Changed(person) => self.learn(person),
            Notice::Left(participant, _) => {
                self.with_pictures.remove(participant);
            }
            Notice::Speakers(speakers) => {
                self.speaking = speakers.iter().map(|speaker| speaker.participant).collect();
            }
            Notice::Welcome(_)
            | Notice::Answer { .. }
            | Notice::Slots(_)
            | Notice::SlotsNeeded(_)
            | Notice::Wanted(_)
            | Notice::Granted(_)
            | Notice::Link(_)
            | Notice::Failed { .. } => {}
        }
        self.decide(now)
    }

    /// When [`Self::decide`] is due though nothing is told.
    pub(super) fn due(&self) -> Option<Instant> {
        let (shown, since) = self.shown?;
        self.loudest().filter(|loudest| *loudest != shown).map(|_| since + HOLD)
    }

    /// Shows the loudest, where whoever is shown has been for [`HOLD`] or has no picture any more; whether that is another choice.
    pub(super) fn decide(&mut self, now: Instant) -> bool {
        let before = self.choice();
        self.shown = self.shown.filter(|(shown, _)| self.with_pictures.contains(shown));
        let is_held = self.shown.is_some_and(|(_, since)| now < since + HOLD);
        if let Some(loudest) = self.loudest().filter(|_| !is_held)
            && self.shown.is_none_or(|(shown, _)| shown != loudest)
        {
            self.shown = Some((loudest, now));
        }
        self.choice() != before
    }

    fn loudest(&self) -> Option<ParticipantId> {
        self.speaking.iter().copied().find(|speaker| self.with_pictures.contains(speaker))
    }

    fn learn(&mut self, person: &Person) {
        if person.voice.camera || person.voice.screen {
            self.with_pictures.insert(person.id);
        } else {
            self.with_pictures.remove(&person.id);
        }
    }
}

/// How long a picture stays at least: a switch costs a keyframe, and a word of agreement is no reason for one.
const HOLD: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use sfu::command::Voice;
    use sfu::event::Speaker;

    use super::*;
    use crate::name::PersonName;
    use crate::notice::Departure;

    fn person(id: u64, camera: bool) -> Person {
        let voice = Voice { camera, ..Voice::SILENT };
        let name = PersonName::parse("somebody").unwrap();
        Person {
            id: ParticipantId(id),
            name,
            voice,
            silenced: false,
            metadata: None,
            connected: true,
        }
    }

    fn speakers(ids: &[u64]) -> Notice {
        let speaker = |id: &u64| Speaker { participant: ParticipantId(*id), level: 20 };
        Notice::Speakers(ids.iter().map(speaker).collect())
    }

    const fn first(id: u64) -> Choice {
        Choice::First(ParticipantId(id))
    }

    #[test]
    fn the_loudest_with_a_picture_is_shown_and_held() {
        let now = Instant::now();
        let mut director =
            Director::new(None, &[person(1, true), person(2, false), person(3, true)]);
        assert_eq!(director.choice(), Choice::All);
        assert!(director.note(now, &speakers(&[2, 3])));
        assert_eq!((director.choice(), director.due()), (first(3), None));
        assert!(!director.note(now + HOLD / 2, &speakers(&[1, 3])));
        assert_eq!((director.choice(), director.due()), (first(3), Some(now + HOLD)));
        assert!(director.decide(now + HOLD));
        assert_eq!(director.choice(), first(1));
        assert!(!director.note(now + HOLD * 2, &speakers(&[])), "silence changes nothing");
    }

    #[test]
    fn whoever_goes_or_covers_the_camera_is_held_no_longer() {
        let now = Instant::now();
        let mut director = Director::new(None, &[person(1, true), person(3, true)]);
        assert!(director.note(now, &speakers(&[3, 1])));
        assert!(director.note(now, &Notice::Changed(person(3, false))));
        assert_eq!(director.choice(), first(1));
        assert!(director.note(now, &Notice::Left(ParticipantId(1), Departure::Left)));
        assert_eq!(director.choice(), Choice::All);
    }

    #[test]
    fn whoever_was_chosen_stays_whoever_speaks() {
        let mut director = Director::new(Some(ParticipantId(7)), &[person(1, true)]);
        assert!(!director.note(Instant::now(), &speakers(&[1])));
        assert_eq!(director.choice(), Choice::Only(ParticipantId(7)));
    }
}
