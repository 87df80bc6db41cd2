//! The keys of a participant: first none, then those of a handshake or given ones.

use std::time::Instant;

use sfu::command::DtlsRole;
use sfu::transport::dtls::{Certificate, Dtls, Fingerprint, Progress};
use sfu::transport::srtp::{KeyingMaterial, Opener, Sealer};

/// How far a transport is.
#[derive(Debug)]
pub(super) enum Security {
    /// A handshake, of which nothing is sent before the server has answered a check.
    Handshaking(Box<Dtls>),
    /// Keys.
    Open(Box<Open>),
    /// It failed or was closed.
    Ended,
}

/// A transport with keys.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) sealer: Sealer,
    pub(super) opener: Opener,
    /// Answers what the server repeats.
    dtls: Option<Box<Dtls>>,
}

impl Security {
    /// A handshake that we begin, with a server whose certificate has this fingerprint.
    pub(super) fn handshake(
        certificate: &Certificate,
        expected: Fingerprint,
        now: Instant,
    ) -> Self {
        Self::Handshaking(Box::new(Dtls::new(certificate, DtlsRole::Client, expected, now)))
    }

    /// Keys that were given; ended where they do not fit their profile.
    pub(super) fn given(keys: &KeyingMaterial) -> Self {
        Self::keyed(keys, None)
    }

    fn keyed(keys: &KeyingMaterial, dtls: Option<Box<Dtls>>) -> Self {
        let ciphers =
            (Sealer::new(keys.profile, &keys.local), Opener::new(keys.profile, &keys.remote));
        match ciphers {
            (Ok(sealer), Ok(opener)) => Self::Open(Box::new(Open { sealer, opener, dtls })),
            (Err(_), _) | (_, Err(_)) => Self::Ended,
        }
    }

    pub(super) fn open(&mut self) -> Option<&mut Open> {
        match self {
            Self::Open(open) => Some(open),
            Self::Handshaking(_) | Self::Ended => None,
        }
    }

    pub(super) const fn is_open(&self) -> bool {
        matches!(self, Self::Open(_))
    }

    pub(super) const fn has_ended(&self) -> bool {
        matches!(self, Self::Ended)
    }

    /// When [`Self::advance`] is due without a datagram.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Handshaking(dtls) => dtls.deadline(),
            Self::Open(_) | Self::Ended => None,
        }
    }

    /// Takes in a record of DTLS, or does what is due.
    pub(super) fn advance(&mut self, now: Instant, record: Option<&[u8]>, out: &mut Vec<Vec<u8>>) {
        let mut send = |record: &[u8]| out.push(record.to_vec());
        let mut step = |dtls: &mut Dtls| match record {
            Some(record) => dtls.handle(now, record, &mut send),
            None => dtls.handle_timeout(now, &mut send),
        };
        let progress = match self {
            Self::Handshaking(dtls) => step(dtls),
            Self::Open(open) => match &mut open.dtls {
                Some(dtls) => step(dtls),
                None => return,
            },
            Self::Ended => return,
        };
        match progress {
            Ok(Progress::Pending) => {}
            Ok(Progress::Keys(keys)) => {
                if let Self::Handshaking(dtls) = std::mem::replace(self, Self::Ended) {
                    *self = Self::keyed(&keys, Some(dtls));
                }
            }
            Ok(Progress::Closed) | Err(_) => *self = Self::Ended,
        }
    }
}
