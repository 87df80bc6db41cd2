//! Why the media plane dropped something: every early return of a packet's way is a value here, and that value is its counter.

use crate::fault::Fault;
use crate::metrics::Label;
use crate::packet::feedback::FeedbackError;
use crate::packet::header::HeaderError;
use crate::packet::stun::StunError;
use crate::transport::ice::Refusal;

/// Writes the enum, its list and its two columns from one table, so that no reason can lack a name or a fault.
macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal, $fault:ident;)+) => {
        /// Why a datagram or a packet was dropped. Dropping is normal: a packet nobody wants is dropped too.
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        pub enum DropReason {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl DropReason {
            /// Every reason, in the order of a packet's way.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// How many reasons there are.
            pub const COUNT: usize = Self::ALL.len();

            /// The reason as a metric's label and a log field: `snake_case`, stable.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// Whose doing it is.
            #[must_use]
            pub const fn fault(self) -> Fault {
                match self { $(Self::$variant => Fault::$fault,)+ }
            }
        }
    };
}

reasons! {
    // Sockets, on the way in.
    /// Longer than any datagram Confab takes ([`DATAGRAM_MAX`](crate::net::batch::DATAGRAM_MAX)).
    DatagramTooLong = "datagram_too_long", Peer;
    /// Neither STUN, DTLS, RTP nor RTCP (RFC 7983).
    DatagramUnknown = "datagram_unknown", Peer;

    // ICE.
    /// No STUN message (RFC 8489, section 5), or one without an attribute it must have.
    StunMalformed = "stun_malformed", Peer;
    /// A STUN request for a user name fragment nobody here has.
    StunUnknownUfrag = "stun_unknown_ufrag", Peer;
    /// MESSAGE-INTEGRITY or FINGERPRINT does not fit.
    StunIntegrity = "stun_integrity", Peer;
    /// The client takes itself to be the controlled agent, as we are (RFC 8445, section 7.3.1.1).
    StunRoleConflict = "stun_role_conflict", Peer;
    /// A STUN response or indication: an ICE-lite agent asks nothing, so nothing answers it.
    StunNotARequest = "stun_not_a_request", Peer;
    /// One remote address more than a transport may have.
    TooManyAddresses = "too_many_addresses", Peer;
    /// An answer, or a goodbye, beyond those that may wait; a client asks again.
    FarewellsFull = "farewells_full", Confab;

    // DTLS.
    /// DTLS from an address that no checked STUN request came from.
    DtlsUnknownPath = "dtls_unknown_path", Peer;
    /// DTLS that the handshake refuses.
    DtlsMalformed = "dtls_malformed", Peer;
    /// More handshake datagrams than one turn carries out; the client repeats them.
    DtlsTooMany = "dtls_too_many", Confab;

    // SRTP and SRTCP.
    /// RTP from an address that no checked STUN request came from.
    RtpUnknownPath = "rtp_unknown_path", Peer;
    /// RTCP from an address that no checked STUN request came from.
    RtcpUnknownPath = "rtcp_unknown_path", Peer;
    /// RTP before the keys were agreed: its first packets may overtake the handshake.
    RtpBeforeKeys = "rtp_before_keys", Peer;
    /// RTCP before the keys were agreed.
    RtcpBeforeKeys = "rtcp_before_keys", Peer;
    /// The authentication tag does not fit (RFC 3711, RFC 7714).
    SrtpAuthentication = "srtp_authentication", Peer;
    /// The index was seen before, or lies behind the replay window (RFC 3711, section 3.3.2).
    SrtpReplay = "srtp_replay", Peer;
    /// One SSRC more than a transport may have.
    SrtpTooManySsrcs = "srtp_too_many_ssrcs", Peer;

    // RTP and RTCP.
    /// No RTP header, or one that promises more than there is (RFC 3550, section 5.1).
    RtpMalformed = "rtp_malformed", Peer;
    /// No RTCP compound, or one that promises more than there is (RFC 3550, section 6).
    RtcpMalformed = "rtcp_malformed", Peer;
    /// RTCP about an SSRC that is no slot and no publication of this participant.
    RtcpUnknownSsrc = "rtcp_unknown_ssrc", Peer;
    /// Neither SSRC, RID nor mid names a publication.
    UnknownStream = "unknown_stream", Peer;
    /// A payload type the answer did not accept.
    PayloadTypeNotNegotiated = "payload_type_not_negotiated", Peer;
    /// The codec's descriptor ends early or contradicts itself.
    DescriptorMalformed = "descriptor_malformed", Peer;
    /// A retransmission too short to hold the number it stands for (RFC 4588, section 4).
    RtxMalformed = "rtx_malformed", Peer;
    /// Nothing but padding: a probe. It is acknowledged and goes no further.
    PaddingOnly = "padding_only", Peer;
    /// The publication has this packet already.
    Duplicate = "duplicate", Peer;
    /// Older than what the publication still remembers, or than what may still be resent.
    TooOld = "too_old", Peer;
    /// The m-line is inactive in the last answer.
    Inactive = "inactive", Peer;

    // Who may be heard.
    /// The publisher is muted.
    Muted = "muted", Peer;
    /// The receiver is deafened.
    Deafened = "deafened", Peer;
    /// Not among the loudest people of the channel.
    NotAmongTheLoudest = "not_among_the_loudest", Confab;

    // Between shards.
    /// The ring to another shard of this node was full: that shard is behind.
    RelayFull = "relay_full", Confab;
    /// A packet of another shard's publication that has ended here, or is not known yet.
    RelayUnknown = "relay_unknown", Confab;

    // Which layer, to whom.
    /// The receiver's transport is not connected yet.
    ReceiverNotConnected = "receiver_not_connected", Confab;
    /// The slot carries nothing, or something else than when the packet was queued for it.
    SlotChanged = "slot_changed", Confab;
    /// The slot's receiver can decode none of the publication's formats.
    NoCommonCodec = "no_common_codec", Peer;
    /// The receiver gets none of this publication at present.
    Paused = "paused", Confab;
    /// The layer is the right one, but joining it must wait for a keyframe.
    NotAKeyframe = "not_a_keyframe", Confab;
    /// The receiver gets another layer of this publication.
    OtherLayer = "other_layer", Confab;
    /// It belongs before the point where the receiver switched, and has no number in its stream.
    BeforeSwitch = "before_switch", Confab;

    // The way out.
    /// The receiver's pacer holds as much as it may.
    PacerFull = "pacer_full", Confab;
    /// The payload left the history before it was sent.
    HistoryOverrun = "history_overrun", Confab;
    /// A packet that was asked for again was resent less than a round trip ago.
    ResentJustNow = "resent_just_now", Peer;
    /// The sent log no longer holds, or never held, a packet that was asked for again.
    ResendUnknown = "resend_unknown", Peer;
    /// The receiver asks for more packets again than are looked up for it.
    NackTooMany = "nack_too_many", Peer;
    /// What was sent again of late takes so much of the estimate that more would crowd out what it repairs; asked for again if it matters.
    RepairTooMuch = "repair_too_much", Confab;
    /// The receiver did not negotiate retransmissions for this slot (RFC 4588).
    RtxNotNegotiated = "rtx_not_negotiated", Peer;
    /// Sealing failed: the key's last index, or a mistake of ours.
    SealFailed = "seal_failed", Confab;
    /// Too long for the way (EMSGSIZE).
    SendTooLong = "send_too_long", Operator;
    /// No way to that address (ENETUNREACH, EHOSTUNREACH, EADDRNOTAVAIL and their like).
    SendUnreachable = "send_unreachable", Operator;
    /// A firewall of this machine says no (EPERM, EACCES).
    SendForbidden = "send_forbidden", Operator;
    /// A TCP connection backs up: a frame, or sound that would be late.
    StreamFull = "stream_full", Peer;
    /// The TCP connection that it was to go over has ended.
    StreamGone = "stream_gone", Peer;
    /// The kernel refused the datagram for any other reason.
    SendFailed = "send_failed", Operator;
}

impl Label for DropReason {
    const KEY: &'static str = "reason";
    const ALL: &'static [Self] = Self::ALL;

    fn name(self) -> &'static str {
        self.name()
    }

    fn index(self) -> usize {
        self as usize
    }
}

impl From<simulcast::selector::DropReason> for DropReason {
    fn from(reason: simulcast::selector::DropReason) -> Self {
        match reason {
            simulcast::selector::DropReason::Paused => Self::Paused,
            simulcast::selector::DropReason::NotAKeyframe => Self::NotAKeyframe,
            simulcast::selector::DropReason::OtherLayer => Self::OtherLayer,
        }
    }
}

impl From<HeaderError> for DropReason {
    fn from(error: HeaderError) -> Self {
        match error {
            HeaderError::Truncated(_) | HeaderError::Version(_) | HeaderError::Padding(_) => {
                Self::RtpMalformed
            }
        }
    }
}

impl From<FeedbackError> for DropReason {
    fn from(error: FeedbackError) -> Self {
        match error {
            FeedbackError::Truncated(_)
            | FeedbackError::Version(_)
            | FeedbackError::Padding(_)
            | FeedbackError::Malformed(_)
            | FeedbackError::TooMany(_) => Self::RtcpMalformed,
        }
    }
}

impl From<Refusal> for DropReason {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NoCredentials | Refusal::UnknownAttribute => Self::StunMalformed,
            Refusal::UnknownUser => Self::StunUnknownUfrag,
            Refusal::WrongIntegrity => Self::StunIntegrity,
            Refusal::RoleConflict => Self::StunRoleConflict,
        }
    }
}

impl From<StunError> for DropReason {
    fn from(error: StunError) -> Self {
        match error {
            StunError::NotStun | StunError::Malformed(_) | StunError::NoFingerprint => {
                Self::StunMalformed
            }
            StunError::WrongFingerprint => Self::StunIntegrity,
            StunError::Indication | StunError::Response | StunError::Method(_) => {
                Self::StunNotARequest
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_reason_has_a_name_of_its_own_that_is_a_snake_case_word() {
        let names: BTreeSet<_> = DropReason::ALL.iter().map(|reason| reason.name()).collect();
        assert_eq!(names.len(), DropReason::COUNT);
        for name in names {
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
        }
    }

    #[test]
    fn the_index_of_a_reason_is_its_place_among_all() {
        for (place, reason) in DropReason::ALL.iter().enumerate() {
            assert_eq!(reason.index(), place);
        }
    }
}
