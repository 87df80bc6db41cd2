//! The client's ICE: binding requests by `rtc-stun` until one is answered, then often enough to keep consent (RFC 7675).

use std::net::SocketAddr;
use std::time::Duration;

use tools::peer::check::{self, Ask};
use tools::simnet::random::Random;
use tools::simnet::time::SimTime;

use super::session::Session;

/// The connectivity checks of a client.
#[derive(Debug)]
pub struct Consent {
    username: String,
    /// Of the server: both directions are checked with it.
    password: String,
    is_granted: bool,
    /// When the next request is due.
    pub next_request: SimTime,
}

/// Until the first answer (RFC 8445, section 14: Ta is 50 ms).
const EAGER: Duration = Duration::from_millis(50);

/// Afterwards, between 0.8 and 1.2 times this (RFC 7675, section 5.1).
const PATIENT: Duration = Duration::from_secs(5);

impl Consent {
    /// Begins at once.
    #[must_use]
    pub fn new(now: SimTime, session: &Session) -> Self {
        let (server, client) = &session.credentials;
        Self {
            username: format!("{}:{}", server.ufrag, client.ufrag),
            password: server.password.to_string(),
            is_granted: false,
            next_request: now,
        }
    }

    /// Whether the server has answered.
    #[must_use]
    pub const fn is_granted(&self) -> bool {
        self.is_granted
    }

    /// A binding request that nominates.
    pub fn request(&mut self, now: SimTime, random: &mut Random) -> Vec<u8> {
        let wait = if self.is_granted { PATIENT.mul_f64(0.8 + 0.4 * random.unit()) } else { EAGER };
        self.next_request = now + wait;
        check::request(&self.username, &self.password, Ask::Nominate, random)
            .expect("STUN can be written")
    }

    /// Takes in an answer.
    ///
    /// # Errors
    /// Where it is none, is not signed rightly, or names another address than `own`: the server's fault.
    pub fn handle(
        &mut self,
        _now: SimTime,
        datagram: &[u8],
        own: SocketAddr,
    ) -> Result<(), String> {
        let seen = check::answer(datagram, &self.password).map_err(|error| error.to_string())?;
        if seen != own {
            return Err(format!("the server sees {seen} instead of {own}"));
        }
        self.is_granted = true;
        Ok(())
    }
}
