//! ICE-lite, DTLS, SRTP and RTCP towards one remote.
//!
//! ```text
//!            ┌─ ice: which addresses are the client's, is it still there
//! datagram ──┼─ dtls: handshake ─► keys ─► srtp: Opener, Sealer
//!            └─ srtp: opened in place ─► arrivals (what transport-wide feedback tells the publisher)
//! to send ───── pacer ─► Sealer ─► sent (what feedback and NACKs refer to)
//!                 ▲ rate, probes     │
//!               bandwidth ◄──────────┴── feedback
//! ```

pub mod arrivals;
pub mod bandwidth;
pub mod burst;
mod cipher;
pub mod dtls;
pub mod ice;
pub mod outbox;
pub mod pacer;
mod replay;
pub mod sent;
mod spent;
pub mod srtp;
mod stamp;

use std::net::IpAddr;
use std::time::{Duration, Instant};

use simulcast::estimator::Settings;

use crate::command::{Join, Keying};
use crate::config::ShardConfig;
use crate::drop::DropReason;
use crate::event::LostReason;
use crate::media::{PublicationId, Ssrc};
use crate::net::ahead;
use crate::net::batch::Path;
use crate::packet::header::Header;
use crate::packet::twcc;
use crate::subscription::forward::Outgoing;
use arrivals::Arrivals;
use bandwidth::Bandwidth;
use dtls::{Dtls, DtlsError, Progress};
use ice::Ice;
use outbox::{Message, Outbox};
use pacer::Pacer;
use sent::Sent;
pub use spent::Spending;
use srtp::{KeyingMaterial, OpenError, Opener, Sealer};

/// Everything between a participant's media and its addresses.
#[derive(Debug)]
pub struct Transport {
    /// Addresses and consent.
    pub ice: Ice,
    /// What waits to be sent.
    pub pacer: Pacer<Outgoing>,
    /// What was sent.
    pub sent: Sent<PublicationId>,
    /// What the link carries.
    pub bandwidth: Bandwidth,
    /// What arrived, for transport-wide feedback.
    pub arrivals: Arrivals,
    /// Control messages that wait to be sent.
    pub outbox: Outbox,
    /// Round trip, from the client's receiver reports.
    pub round_trip: Option<Duration>,
    security: Security,
    feedback_count: u8,
    /// The first of the client's media SSRCs that was heard.
    pub heard: Option<Ssrc>,
}

/// How far a transport is with its keys.
#[derive(Debug)]
enum Security {
    Handshaking(Box<Dtls>),
    Secured { dtls: Option<Box<Dtls>>, opener: Box<Opener>, sealer: Sealer },
}

/// What a handshake message led to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Handshake {
    /// Nothing yet.
    Going,
    /// The keys are there: media can flow.
    Secured,
}

impl Transport {
    /// A transport that waits for its first STUN request.
    ///
    /// # Errors
    /// [`LostReason::HandshakeFailed`] where keys that were handed in do not fit their profile: Confab's fault.
    pub fn new(
        now: Instant,
        join: &Join,
        config: &ShardConfig,
        estimator: Settings,
    ) -> Result<Self, LostReason> {
        let security = match &join.keying {
            Keying::Dtls { fingerprint, role } => Security::Handshaking(Box::new(Dtls::new(
                &config.certificate,
                *role,
                *fingerprint,
                now,
            ))),
            Keying::Given(keys) => Security::secured(None, keys)?,
        };
        Ok(Self {
            ice: Ice::new(join.local.clone(), join.consent, now),
            pacer: Pacer::new(now),
            sent: Sent::new(now),
            bandwidth: Bandwidth::new(estimator),
            arrivals: Arrivals::new(now),
            outbox: Outbox::default(),
            round_trip: None,
            security,
            feedback_count: 0,
            heard: None,
        })
    }

    /// Where to send, once an address is known.
    #[must_use]
    pub fn path(&self) -> Option<Path> {
        self.ice.path()
    }

    /// Bytes that IP and UDP add to each datagram.
    #[must_use]
    pub fn overhead(&self) -> usize {
        let remote = self.path().map(|path| path.remote.ip().to_canonical());
        if matches!(remote, Some(IpAddr::V6(_))) { IPV6_OVERHEAD } else { IPV4_OVERHEAD }
    }

    /// Takes in transport-wide feedback.
    pub fn feedback(&mut self, now: Instant, feedback: &twcc::Feedback<'_>) {
        let overhead = u32::try_from(self.overhead()).unwrap_or(0);
        let Self { sent, bandwidth, .. } = self;
        bandwidth.feedback(now, sent.told(now, feedback, overhead));
    }

    /// Whether keys are there and an address is known.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        matches!(self.security, Security::Secured { .. }) && self.path().is_some()
    }

    /// Has the memory fetched that sending a packet will touch.
    #[inline]
    pub fn fetch(&self) {
        self.ice.fetch();
        ahead::fetch(&self.pacer);
        ahead::fetch(&self.outbox);
        ahead::fetch(&self.sent);
        ahead::fetch(&self.security);
    }

    /// As [`Self::fetch`], for what that points to.
    #[inline]
    pub fn fetch_log(&self) {
        self.sent.fetch();
    }

    /// What seals outgoing packets, once keys are there.
    #[must_use]
    pub fn sealer(&mut self) -> Option<&mut Sealer> {
        match &mut self.security {
            Security::Handshaking(_) => None,
            Security::Secured { sealer, .. } => Some(sealer),
        }
    }

    /// Opens an RTP packet in place; returns where its plaintext ends.
    ///
    /// # Errors
    /// Keys are not there yet, or the packet is forged, replayed or damaged.
    pub fn open_rtp(&mut self, header: &Header, packet: &mut [u8]) -> Result<usize, DropReason> {
        let opened = self.opener(DropReason::RtpBeforeKeys)?.open_rtp(header, packet)?;
        Ok(opened.length)
    }

    /// Opens an RTCP packet in place; returns where its plaintext ends.
    ///
    /// # Errors
    /// Keys are not there yet, or the packet is forged, replayed or damaged.
    pub fn open_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, DropReason> {
        Ok(self.opener(DropReason::RtcpBeforeKeys)?.open_rtcp(packet)?)
    }

    fn opener(&mut self, reason: DropReason) -> Result<&mut Opener, DropReason> {
        match &mut self.security {
            Security::Handshaking(_) => Err(reason),
            Security::Secured { opener, .. } => Ok(opener),
        }
    }

    /// Takes in a DTLS datagram.
    ///
    /// # Errors
    /// Why the transport has ended.
    pub fn handshake(&mut self, now: Instant, packet: &[u8]) -> Result<Handshake, LostReason> {
        let Some(dtls) = self.security.dtls() else { return Ok(Handshake::Going) };
        let progress = dtls.handle(now, packet, &mut self.outbox.dtls_sender());
        self.progress(progress)
    }

    /// Lets DTLS send again what was lost.
    ///
    /// # Errors
    /// Why the transport has ended.
    pub fn handshake_timeout(&mut self, now: Instant) -> Result<Handshake, LostReason> {
        let Some(dtls) = self.security.dtls() else { return Ok(Handshake::Going) };
        if dtls.deadline().is_none_or(|deadline| deadline > now) {
            return Ok(Handshake::Going);
        }
        let progress = dtls.handle_timeout(now, &mut self.outbox.dtls_sender());
        self.progress(progress)
    }

    fn progress(&mut self, progress: Result<Progress, DtlsError>) -> Result<Handshake, LostReason> {
        match progress {
            Ok(Progress::Pending) => Ok(Handshake::Going),
            Ok(Progress::Keys(keys)) => {
                let dtls = self.security.take_dtls();
                self.security = Security::secured(dtls, &keys)?;
                Ok(Handshake::Secured)
            }
            Ok(Progress::Closed) => Err(LostReason::Closed),
            Err(error) => Err(error.into()),
        }
    }

    /// Says goodbye, where a handshake was made.
    pub fn close(&mut self) {
        if let Some(dtls) = self.security.dtls() {
            dtls.close(&mut self.outbox.dtls_sender());
        }
    }

    /// Queues the RTCP packets that `write` appends; nothing where it appends none.
    pub fn send_rtcp(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut packet = Vec::new();
        write(&mut packet);
        debug_assert!(packet.len() <= RTCP_MAX, "a compound of {} bytes", packet.len());
        if !packet.is_empty() {
            self.outbox.push(Message::Rtcp(packet));
        }
    }

    /// When [`Self::tell_arrivals`] has something to say.
    #[must_use]
    pub fn feedback_deadline(&self) -> Option<Instant> {
        self.arrivals.deadline().filter(|_| self.heard.is_some())
    }

    /// Queues transport-wide feedback about what arrived, where that is due; `sender` is who tells.
    ///
    /// It is about the whole transport, but libwebrtc takes it only where it names an SSRC that it sends
    /// (`modules/rtp_rtcp/source/rtcp_receiver.cc`), so it names the first that was heard.
    pub fn tell_arrivals(&mut self, now: Instant, sender: Ssrc) {
        let Some(media) = self.heard else { return };
        let micros = |at: Duration| i64::try_from(at.as_micros()).unwrap_or(i64::MAX);
        while let Some(span) = self.arrivals.poll(now) {
            let packets: Vec<_> =
                span.packets().map(|(number, at)| (number.0, at.map(micros))).collect();
            let mut rest = packets.as_slice();
            while !rest.is_empty() {
                let count = self.feedback_count;
                let mut told = 0;
                self.send_rtcp(|out| {
                    told = twcc::write(out, sender, media, count, rest.iter().copied())
                });
                self.feedback_count = count.wrapping_add(1);
                rest = rest.get(told.max(1)..).unwrap_or_default();
            }
        }
    }

    /// Writes one control message into `out`, sealed if it must be; returns its length.
    pub fn write_control(&mut self, out: &mut [u8]) -> Option<usize> {
        match self.outbox.pop()? {
            Message::Dtls(packet) => {
                out.get_mut(..packet.len())?.copy_from_slice(&packet);
                Some(packet.len())
            }
            Message::Rtcp(packet) => {
                let sealer = self.sealer()?;
                out.get_mut(..packet.len())?.copy_from_slice(&packet);
                sealer.seal_rtcp(out, packet.len()).ok()
            }
        }
    }

    /// When something is due, feedback and pacing aside.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        let dtls = match &self.security {
            Security::Handshaking(dtls) => dtls.deadline(),
            Security::Secured { dtls, .. } => dtls.as_ref().and_then(|dtls| dtls.deadline()),
        };
        dtls.into_iter().chain([self.ice.expires()]).min().unwrap_or_else(|| self.ice.expires())
    }
}

impl Security {
    fn secured(dtls: Option<Box<Dtls>>, keys: &KeyingMaterial) -> Result<Self, LostReason> {
        let opener =
            Opener::new(keys.profile, &keys.remote).map_err(|_| LostReason::HandshakeFailed)?;
        let sealer =
            Sealer::new(keys.profile, &keys.local).map_err(|_| LostReason::HandshakeFailed)?;
        Ok(Self::Secured { dtls, opener: Box::new(opener), sealer })
    }

    fn dtls(&mut self) -> Option<&mut Dtls> {
        match self {
            Self::Handshaking(dtls) => Some(dtls),
            Self::Secured { dtls, .. } => dtls.as_deref_mut(),
        }
    }

    fn take_dtls(&mut self) -> Option<Box<Dtls>> {
        match self {
            Self::Handshaking(_) => None,
            Self::Secured { dtls, .. } => dtls.take(),
        }
    }
}

impl From<OpenError> for DropReason {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::TooShort | OpenError::NotAuthentic | OpenError::NotEncrypted => {
                Self::SrtpAuthentication
            }
            OpenError::Repeated | OpenError::TooOld => Self::SrtpReplay,
            OpenError::TooManyStreams => Self::SrtpTooManySsrcs,
        }
    }
}

impl From<DtlsError> for LostReason {
    fn from(error: DtlsError) -> Self {
        match error {
            DtlsError::FingerprintMismatch => Self::FingerprintMismatch,
            DtlsError::NoProfile | DtlsError::TimedOut | DtlsError::Failed(_) | DtlsError::Dead => {
                Self::HandshakeFailed
            }
        }
    }
}

/// IPv4 without options, and UDP.
const IPV4_OVERHEAD: usize = 20 + 8;
/// IPv6 and UDP.
const IPV6_OVERHEAD: usize = 40 + 8;

/// Bytes of a datagram that Confab makes itself, at most: IPv6 asks of every link to carry 1,280 (RFC 8200, section 5), of which IPv6
/// and UDP take 48. DTLS keeps to less by its own bound.
pub const OWN_MAX: usize = 1_280 - 40 - 8;

/// Bytes of an RTCP compound before it is sealed: SRTCP adds an index of 4 and a tag of 16 (RFC 7714, section 9.1).
pub const RTCP_MAX: usize = OWN_MAX - 4 - 16;
