//! What a participant may do by now: what its token grants, until when, and what moderators decided.

use std::time::Duration;

use tokio::time::Instant;

use crate::token::grant::Grant;

/// What a participant may do.
#[derive(Clone, Debug)]
pub struct Rights {
    /// By its token.
    pub grant: Grant,
    /// Whether a moderator has silenced it.
    pub silenced: bool,
    until: Option<Instant>,
    /// Whether it was told that its token has expired.
    told: bool,
}

/// What is due for a participant whose token has expired.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Overdue {
    /// To be told.
    Tell,
    /// To go.
    End,
}

/// How long somebody stays whose token has expired: time for an application that was slow, or away for a moment, to renew it.
pub const GRACE: Duration = Duration::from_secs(30);

impl Rights {
    /// By a grant that was given at `now`.
    #[must_use]
    pub fn new(grant: Grant, now: Instant) -> Self {
        let until = until(&grant, now);
        Self { grant, silenced: false, until, told: false }
    }

    /// By another grant from `now` on. Whether it takes away media that the one before granted.
    pub fn renew(&mut self, grant: Grant, now: Instant) -> bool {
        let shrinks = !grant.media.covers(self.grant.media);
        *self = Self { silenced: self.silenced, ..Self::new(grant, now) };
        shrinks
    }

    /// How long the token is still good; `None` for ever.
    #[must_use]
    pub fn left(&self, now: Instant) -> Option<Duration> {
        self.until.map(|until| until.saturating_duration_since(now))
    }

    /// When time alone changes something.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        self.until
            .and_then(|until| until.checked_add(if self.told { GRACE } else { Duration::ZERO }))
    }

    /// What is due at `now`.
    pub fn on_time(&mut self, now: Instant) -> Option<Overdue> {
        if self.due()? > now {
            return None;
        }
        Some(if std::mem::replace(&mut self.told, true) { Overdue::End } else { Overdue::Tell })
    }
}

/// A time so far ahead that no clock reaches it is none.
fn until(grant: &Grant, now: Instant) -> Option<Instant> {
    grant.lasts.and_then(|lasts| now.checked_add(lasts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::grant::MediaGrant;

    fn lasting(seconds: u64) -> Grant {
        Grant { lasts: Some(Duration::from_secs(seconds)), ..Grant::everything() }
    }

    #[tokio::test(start_paused = true)]
    async fn an_expired_token_is_told_and_then_ends_unless_it_is_renewed() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut rights = Rights::new(lasting(60), start);
        assert_eq!((rights.due(), rights.on_time(at(59))), (Some(at(60)), None));
        assert_eq!(rights.on_time(at(60)), Some(Overdue::Tell));
        assert_eq!((rights.due(), rights.on_time(at(61))), (Some(at(90)), None));
        let mut renewed = rights.clone();
        assert_eq!(rights.on_time(at(90)), Some(Overdue::End));
        assert!(!renewed.renew(lasting(60), at(80)));
        assert_eq!((renewed.due(), renewed.on_time(at(90))), (Some(at(140)), None));
        assert_eq!(Rights::new(Grant::everything(), start).due(), None);
        assert_eq!(Rights::new(lasting(u64::MAX), start).due(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_renewal_that_takes_media_away_says_so() {
        let mut rights = Rights::new(Grant::everything(), Instant::now());
        rights.silenced = true;
        let media = MediaGrant { screen: false, ..MediaGrant::ALL };
        assert!(rights.renew(Grant { media, ..lasting(9) }, Instant::now()));
        assert!(!rights.renew(Grant { media, ..lasting(9) }, Instant::now()));
        assert!(!rights.renew(lasting(9), Instant::now()));
        assert!(rights.silenced, "that is no matter of the token");
    }
}
