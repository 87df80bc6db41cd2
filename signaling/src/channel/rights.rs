//! What follows from rights: another token, and what moderators decide.

use sfu::media::ParticipantId;
use tokio::time::Instant;

use super::{Outcome, Room};
use crate::fault::Error;
use crate::link::Ending;
use crate::notice::{Departure, Notice};
use crate::token::grant::Grant;
use crate::token::refusal::Refusal;

impl Room {
    /// What another token of somebody's grants holds from here on.
    pub(super) async fn renew(&mut self, participant: ParticipantId, grant: Grant) -> Outcome {
        let Some(session) = self.sessions.get_mut(&participant) else { return Ok(()) };
        let before = session.person();
        let commands = session.renew(grant, Instant::now());
        let person = session.person();
        if person != before {
            self.tell_all(&Notice::Changed(person));
        }
        for command in commands {
            self.command(command).await?;
        }
        Ok(())
    }

    /// That `whom` is not heard, or is again, where `moderator` may decide it.
    pub(super) async fn silence(
        &mut self,
        moderator: ParticipantId,
        whom: ParticipantId,
        silenced: bool,
    ) -> Outcome {
        self.check_moderator(moderator, whom)?;
        let Some(session) = self.sessions.get_mut(&whom) else { return Ok(()) };
        if std::mem::replace(&mut session.rights.silenced, silenced) == silenced {
            return Ok(());
        }
        let (person, command) = (session.person(), session.silence());
        tracing::info!(
            channel = self.founding.id.0,
            participant = whom.0,
            moderator = moderator.0,
            silenced,
            "silenced by a moderator"
        );
        self.tell_all(&Notice::Changed(person));
        self.commands(command).await
    }

    /// That `whom` goes, where `moderator` may decide it.
    pub(super) async fn send_away(
        &mut self,
        moderator: ParticipantId,
        whom: ParticipantId,
    ) -> Outcome {
        self.check_moderator(moderator, whom)?;
        tracing::info!(
            channel = self.founding.id.0,
            participant = whom.0,
            moderator = moderator.0,
            "removed by a moderator"
        );
        self.remove(whom, Departure::Removed, Ending::Removed).await;
        Ok(())
    }

    fn check_moderator(&self, moderator: ParticipantId, whom: ParticipantId) -> Outcome {
        let may = self.sessions.get(&moderator).is_some_and(|it| it.rights.grant.moderate);
        if !may {
            return Err((Error::Denied(Refusal::NotGranted("moderate")), None));
        }
        if self.sessions.contains_key(&whom) {
            Ok(())
        } else {
            Err((Error::NoSuchParticipant, None))
        }
    }
}
