//! ICE-lite (RFC 8445, appendix A): answers connectivity checks, learns addresses from them, and follows nominations.
//!
//! A lite agent sends no checks: it is always the controlled one, and whoever keeps checking consents to be sent to
//! (RFC 7675). Left out on purpose: candidates of the other side, which are learnt from its checks; its user name fragment,
//! which libwebrtc changes before our answer can know; tie-breakers, which two lite agents would need.

use std::time::{Duration, Instant};

use arrayvec::{ArrayString, ArrayVec};
use thiserror::Error;

use crate::command::IceCredentials;
use crate::fault::Fault;
use crate::net::ahead;
use crate::net::batch::Path;
use crate::packet::stun::{BindingRequest, ErrorCode, Role, write_error, write_success};

/// The ICE agent of one transport.
#[derive(Clone, Debug)]
pub struct Ice {
    credentials: Credentials,
    consent: Duration,
    /// When the last authenticated request came, or the agent was made.
    heard: Instant,
    addresses: ArrayVec<Address, ADDRESSES_MAX>,
    selection: Selection,
}

/// What requests are checked against.
#[derive(Clone, Debug)]
enum Credentials {
    Settled(IceCredentials),
    /// Both are good until a request with the new ones was authenticated.
    Restarting {
        old: IceCredentials,
        new: IceCredentials,
    },
}

/// Where to send.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Selection {
    Nothing,
    /// The first path that was authenticated: good enough until a nomination.
    First(Path),
    Nominated(Path),
}

/// A path on which a request was authenticated.
#[derive(Clone, Copy, Debug)]
struct Address {
    path: Path,
    heard: Instant,
}

/// What became of a request.
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use]
pub struct Verdict {
    /// Bytes of the reply; `None` where there is nothing to say.
    pub reply: Option<usize>,
    /// What changed, or why nothing did.
    pub result: Result<Accepted, Refusal>,
}

/// What an authenticated request changed; mostly nothing.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Accepted {
    /// Its path is known from now on.
    pub learnt: bool,
    /// A path that is no longer known, for this one took its place.
    pub forgotten: Option<Path>,
    /// [`Ice::path`] is another one now.
    pub switched: bool,
    /// Our user name fragment that is no longer good: the first request after a restart came.
    pub retired: Option<ArrayString<32>>,
}

/// Why a request was refused.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum Refusal {
    /// Without USERNAME or MESSAGE-INTEGRITY: answered with 400.
    #[error("STUN request without credentials")]
    NoCredentials,
    /// For another user: answered with 401.
    #[error("STUN request for an unknown user")]
    UnknownUser,
    /// Signed with another password: answered with 401.
    #[error("STUN request with a wrong integrity")]
    WrongIntegrity,
    /// With attributes that must be understood and are not: answered with 420.
    #[error("STUN request with unknown attributes")]
    UnknownAttribute,
    /// From an agent that takes itself to be controlled, as we are: answered with 487.
    #[error("STUN request from a controlled agent")]
    RoleConflict,
}

impl Refusal {
    /// Always the sender's.
    #[must_use]
    pub const fn fault(self) -> Fault {
        match self {
            Self::NoCredentials
            | Self::UnknownUser
            | Self::WrongIntegrity
            | Self::UnknownAttribute
            | Self::RoleConflict => Fault::Peer,
        }
    }
}

impl Ice {
    /// An agent with the credentials `local`, which requests must carry. Without a valid one for as long as `consent` the
    /// transport may be sent nothing more (RFC 7675 asks for 30 s).
    #[must_use]
    pub const fn new(local: IceCredentials, consent: Duration, now: Instant) -> Self {
        Self {
            credentials: Credentials::Settled(local),
            consent,
            heard: now,
            addresses: ArrayVec::new_const(),
            selection: Selection::Nothing,
        }
    }

    /// Takes new credentials (RFC 8445, section 9). The old ones stay good until a request with the new ones was
    /// authenticated, the addresses until others take their place. A second restart before that replaces the first.
    ///
    /// Returns the user name fragment of a restart that was replaced: nobody will use it.
    pub fn restart(&mut self, local: IceCredentials) -> Option<ArrayString<32>> {
        let (old, replaced) = match &self.credentials {
            Credentials::Settled(old) => (old.clone(), None),
            Credentials::Restarting { old, new } => (old.clone(), Some(new.ufrag)),
        };
        self.credentials = Credentials::Restarting { old, new: local };
        replaced
    }

    /// Our user name fragments that are good now: one, or two during a restart.
    pub fn local_ufrags(&self) -> impl Iterator<Item = &str> {
        let (first, second) = match &self.credentials {
            Credentials::Settled(only) => (only, None),
            Credentials::Restarting { old, new } => (new, Some(old)),
        };
        std::iter::once(first).chain(second).map(|credentials| credentials.ufrag.as_str())
    }

    /// Has the memory fetched that [`Self::path`] reads.
    #[inline]
    pub fn fetch(&self) {
        ahead::fetch(&self.selection);
    }

    /// Answers a request that came on `path` into `reply`, and follows it.
    ///
    /// An address beyond [`ADDRESSES_MAX`] takes the place of the one not heard from for longest, but never of the one in
    /// use. A refusal before authentication is never longer than the request, so that nobody can be flooded through us.
    pub fn handle_request(
        &mut self,
        now: Instant,
        path: Path,
        request: &BindingRequest<'_>,
        reply: &mut [u8],
    ) -> Verdict {
        let (password, retired) = match self.authenticate(request) {
            Ok(authenticated) => authenticated,
            Err(refusal) => {
                let room = reply.len().min(request.length());
                let room = reply.get_mut(..room).unwrap_or_default();
                let reply = write_error(room, request.transaction, refusal.code(request), None);
                return Verdict { reply, result: Err(refusal) };
            }
        };
        let password = password.as_bytes();
        let refusal = if !request.unknown.is_empty() {
            Some(Refusal::UnknownAttribute)
        } else if matches!(request.role, Some(Role::Controlled(_))) {
            Some(Refusal::RoleConflict)
        } else {
            None
        };
        if let Some(refusal) = refusal {
            let code = refusal.code(request);
            let reply = write_error(reply, request.transaction, code, Some(password));
            return Verdict { reply, result: Err(refusal) };
        }
        if let (Some(_), Credentials::Restarting { new, .. }) = (retired, &self.credentials) {
            self.credentials = Credentials::Settled(new.clone());
        }
        self.heard = now;
        let before = self.path();
        let (learnt, forgotten) = self.learn(now, path);
        self.select(now, path, request.use_candidate);
        let reply = write_success(reply, request.transaction, path.remote, password);
        let switched = self.path() != before;
        Verdict { reply, result: Ok(Accepted { learnt, forgotten, switched, retired }) }
    }

    /// Where to send: the path nominated last, before any nomination the first that was authenticated.
    #[must_use]
    pub const fn path(&self) -> Option<Path> {
        match self.selection {
            Selection::Nothing => None,
            Selection::First(path) | Selection::Nominated(path) => Some(path),
        }
    }

    /// Whether a request was authenticated on `path`: only then may anything else that comes there be read.
    #[must_use]
    pub fn knows(&self, path: &Path) -> bool {
        self.addresses.iter().any(|address| address.path == *path)
    }

    /// All known paths, in the order in which they were learnt.
    pub fn paths(&self) -> impl Iterator<Item = Path> {
        self.addresses.iter().map(|address| address.path)
    }

    /// When consent expires unless another request comes (RFC 7675, section 5.1).
    #[must_use]
    pub fn expires(&self) -> Instant {
        self.heard + self.consent
    }

    /// Whether consent has expired: nothing may be sent any more.
    #[must_use]
    pub fn is_expired(&self, now: Instant) -> bool {
        now >= self.expires()
    }

    /// The password that a request is signed with, and what it retires (RFC 8489, section 9.1.3).
    fn authenticate(
        &self,
        request: &BindingRequest<'_>,
    ) -> Result<(ArrayString<64>, Option<ArrayString<32>>), Refusal> {
        let Some(username) = request.username.filter(|_| request.is_signed()) else {
            return Err(Refusal::NoCredentials);
        };
        let is_for = |credentials: &IceCredentials| *credentials.ufrag == *username.addressed;
        let (password, retired) = match &self.credentials {
            Credentials::Settled(only) if is_for(only) => (only.password, None),
            Credentials::Restarting { old, new } if is_for(new) => (new.password, Some(old.ufrag)),
            Credentials::Restarting { old, .. } if is_for(old) => (old.password, None),
            Credentials::Settled(_) | Credentials::Restarting { .. } => {
                return Err(Refusal::UnknownUser);
            }
        };
        if request.authenticate(password.as_bytes()) {
            Ok((password, retired))
        } else {
            Err(Refusal::WrongIntegrity)
        }
    }

    /// Returns whether `path` was unknown, and the path that it replaced.
    fn learn(&mut self, now: Instant, path: Path) -> (bool, Option<Path>) {
        if let Some(known) = self.addresses.iter_mut().find(|address| address.path == path) {
            known.heard = now;
            return (false, None);
        }
        let mut forgotten = None;
        if self.addresses.is_full() {
            let in_use = self.path();
            let oldest = self
                .addresses
                .iter()
                .enumerate()
                .filter(|(_, address)| Some(address.path) != in_use)
                .min_by_key(|(_, address)| address.heard)
                .map(|(place, _)| place);
            forgotten = oldest.and_then(|place| self.addresses.pop_at(place)).map(|old| old.path);
        }
        let learnt = self.addresses.try_push(Address { path, heard: now }).is_ok();
        (learnt, forgotten)
    }

    fn select(&mut self, now: Instant, path: Path, nominated: bool) {
        self.selection = match self.selection {
            _ if nominated => Selection::Nominated(path),
            Selection::Nothing => Selection::First(path),
            Selection::First(current) if self.is_silent(now, current) => Selection::First(path),
            Selection::Nominated(current) if self.is_silent(now, current) => {
                Selection::Nominated(path)
            }
            Selection::First(_) | Selection::Nominated(_) => self.selection,
        };
    }

    /// Whether `path` has been silent while others were not: its NAT has moved it, or the client nominated all of its paths
    /// and stays on another.
    fn is_silent(&self, now: Instant, path: Path) -> bool {
        self.addresses
            .iter()
            .find(|address| address.path == path)
            .is_none_or(|address| now.saturating_duration_since(address.heard) >= SILENCE)
    }
}

impl Refusal {
    fn code<'a>(self, request: &'a BindingRequest<'_>) -> ErrorCode<'a> {
        match self {
            Self::NoCredentials => ErrorCode::BadRequest,
            Self::UnknownUser | Self::WrongIntegrity => ErrorCode::Unauthorized,
            Self::UnknownAttribute => ErrorCode::UnknownAttribute(&request.unknown),
            Self::RoleConflict => ErrorCode::RoleConflict,
        }
    }
}

/// Remote addresses of one transport. A laptop with two networks, both IP versions and a VPN checks from six.
pub const ADDRESSES_MAX: usize = 8;

/// Two intervals between consent checks at their longest, 6 s (RFC 7675, section 5.1).
const SILENCE: Duration = Duration::from_secs(12);

#[cfg(test)]
#[path = "ice_tests.rs"]
mod tests;
