//! What people switch on and off, as far as the channel has room for it.

use sfu::command::Voice;
use sfu::media::ParticipantId;

use super::{Outcome, Room};
use crate::fault::Error;
use crate::limited::Limit;
use crate::notice::Notice;
use crate::token::grant::MediaGrant;
use crate::token::refusal::Refusal;

impl Room {
    /// Switches as asked, as far as may be; what may not be stays as it was.
    pub(super) async fn voice(&mut self, participant: ParticipantId, asked: Voice) -> Outcome {
        let Some(session) = self.sessions.get(&participant) else { return Ok(()) };
        let others = self.sessions.values().filter(|session| session.id != participant);
        let room =
            self.founding.pictures_max.saturating_sub(others.map(|it| it.voice.pictures()).sum());
        let mut voice = asked;
        if voice.pictures() > room {
            voice.camera &= session.voice.camera;
            voice.screen &= session.voice.screen;
        }
        let mut refused = None;
        if voice != asked {
            refused = Some((self.founding.presence.at(Limit::Pictures, Error::PicturesFull), None));
        }
        let MediaGrant { sound, picture, screen, .. } = session.rights.grant.media;
        if (asked.camera && !picture) || (asked.screen && !screen) {
            refused = Some((Error::Denied(Refusal::NotGranted("publish")), None));
        }
        voice.camera &= picture;
        voice.screen &= screen;
        // No mistake: clients that can only listen say what they always say.
        voice.muted |= !sound;
        self.switch(participant, voice).await?;
        if let Some(refused) = refused {
            // The client believes otherwise.
            if let Some(session) = self.sessions.get_mut(&participant) {
                let person = session.person();
                session.link.tell(Notice::Changed(person));
            }
            return Err(refused);
        }
        Ok(())
    }

    async fn switch(&mut self, participant: ParticipantId, voice: Voice) -> Outcome {
        let Some(session) =
            self.sessions.get_mut(&participant).filter(|session| session.voice != voice)
        else {
            return Ok(());
        };
        let command = session.set_voice(voice);
        let person = session.person();
        self.tell_all(&Notice::Changed(person));
        self.commands(command).await
    }
}
