//! Events that a channel's task had no room for: kept in order, the newest state instead of every state.

use std::collections::VecDeque;

use sfu::event::Event;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

/// What waits for one channel.
///
/// It is bounded without losing what matters: of states that replace each other (speakers of the channel; slots and wishes of a
/// participant, what is wanted of a track) only the newest is kept, answers are no more than the commands the channel sent, and whoever is connected or lost is
/// so once.
#[derive(Debug, Default)]
pub struct Backlog {
    events: VecDeque<Event>,
}

impl Backlog {
    /// Hands `event` to `channel`, after all that waits; keeps it where there is no room.
    pub fn offer(&mut self, event: Event, channel: &mpsc::Sender<Event>) {
        self.events.retain(|earlier| !replaces(&event, earlier));
        self.events.push_back(event);
        self.flush(channel);
    }

    /// Hands on as much as there is room for.
    pub fn flush(&mut self, channel: &mpsc::Sender<Event>) {
        while let Some(event) = self.events.pop_front() {
            match channel.try_send(event) {
                Ok(()) => {}
                Err(TrySendError::Full(event)) => {
                    self.events.push_front(event);
                    return;
                }
                // The channel ended: nobody is left to tell.
                Err(TrySendError::Closed(_)) => self.events.clear(),
            }
        }
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }
}

/// Whether `later` makes `earlier` worthless.
fn replaces(later: &Event, earlier: &Event) -> bool {
    match (later, earlier) {
        (Event::Assigned(later, _), Event::Assigned(earlier, _)) => later == earlier,
        (
            Event::SlotsNeeded { participant: later, .. },
            Event::SlotsNeeded { participant: earlier, .. },
        ) => later == earlier,
        (Event::Publishing(_, later), Event::Publishing(_, earlier)) => later == earlier,
        (Event::Wanted { publication: later, .. }, Event::Wanted { publication: earlier, .. }) => {
            later == earlier
        }
        (Event::Outlook(later, _), Event::Outlook(earlier, _)) => later == earlier,
        (Event::Speakers(..), Event::Speakers(..)) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sfu::command::CommandId;
    use sfu::media::{ChannelId, ParticipantId};

    fn assigned(participant: u64) -> Event {
        Event::Assigned(ParticipantId(participant), Vec::new())
    }

    #[test]
    fn a_full_channel_gets_the_newest_state_and_every_answer_in_order() {
        let (sender, mut receiver) = mpsc::channel(1);
        let mut backlog = Backlog::default();
        backlog.offer(Event::Done(CommandId(1)), &sender);
        for _ in 0..1_000 {
            backlog.offer(assigned(1), &sender);
            backlog.offer(Event::Speakers(ChannelId(1), Vec::new()), &sender);
        }
        backlog.offer(Event::Done(CommandId(2)), &sender);
        assert_eq!(backlog.events.len(), 3);
        let mut seen = Vec::new();
        while let Ok(event) = receiver.try_recv() {
            seen.push(format!("{event:?}"));
            backlog.flush(&sender);
        }
        let expected = [
            "Done(CommandId(1))",
            "Assigned(ParticipantId(1), [])",
            "Speakers(ChannelId(1), [])",
            "Done(CommandId(2))",
        ];
        assert_eq!(seen, expected);
        assert!(backlog.is_empty());
    }

    #[test]
    fn an_ended_channel_costs_nothing() {
        let (sender, _) = mpsc::channel(1);
        let mut backlog = Backlog::default();
        backlog.offer(assigned(1), &sender);
        assert!(backlog.is_empty());
    }
}
