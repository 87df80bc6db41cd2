//! From a packet in the history to a packet for one receiver.

use std::time::Duration;

use simulcast::codec::PacketInfo;
use simulcast::rewriter::{Capture, Input, Rewrite};
use simulcast::selector::Verdict;
use simulcast::{LayerId, RtpTimestamp};

use super::slot::Slot;
use crate::drop::DropReason;
use crate::media::SlotId;
use crate::publication::PublicationKey;
use crate::publication::history::HistoryKey;

/// A packet as its publication offers it to its subscribers.
#[derive(Clone, Copy, Debug)]
pub struct Offered {
    /// From which publication.
    pub publication: PublicationKey,
    /// Where it stands in the history.
    pub key: HistoryKey,
    /// Which encoding it belongs to.
    pub encoding: u8,
    /// Index into the publication's payload maps.
    pub payload: u8,
    /// Its full sequence number.
    pub index: u64,
    /// Media time.
    pub timestamp: RtpTimestamp,
    /// Ticks a second of its clock.
    pub clock_rate: u32,
    /// What its payload says.
    pub info: PacketInfo,
    /// When it was captured: NTP in our clock where a sender report told, else when it arrived.
    pub capture: Capture,
    /// When it arrived, since the shard's start.
    pub arrival: Duration,
    /// The same in our NTP clock.
    pub capture_ntp: u64,
}

/// A packet for one receiver, on its way through the pacer.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing {
    /// Which slot sends it.
    pub slot: SlotId,
    /// Whether it was sent before and is repeated on the retransmission stream.
    pub resend: bool,
    /// In whose history it stands.
    pub publication: PublicationKey,
    /// Where.
    pub key: HistoryKey,
    /// Its numbers towards this receiver.
    pub rewrite: Rewrite,
}

impl Slot {
    /// Decides whether this slot sends the packet, and under which numbers.
    ///
    /// # Errors
    /// The reason why not. Nothing is anybody's fault: other layers, pictures that wait for a keyframe.
    pub fn offer(&mut self, offered: &Offered) -> Result<Outgoing, DropReason> {
        let subscription = self.subscription.as_mut().ok_or(DropReason::SlotChanged)?;
        if subscription.carriage(offered.payload).is_none() {
            return Err(DropReason::NoCommonCodec);
        }
        let layer = LayerId::spatial(offered.encoding);
        let switch = match subscription.selector.packet(layer, offered.info.starts_keyframe) {
            Verdict::Forward => !subscription.started,
            Verdict::ForwardAsSwitch => true,
            Verdict::Drop(reason) => return Err(reason.into()),
        };
        let input = Input {
            switch,
            index: offered.index,
            timestamp: offered.timestamp,
            clock_rate: offered.clock_rate,
            capture: offered.capture,
            arrival: offered.arrival,
            info: &offered.info,
        };
        let rewrite = self.rewriter.forward(input).ok_or(DropReason::BeforeSwitch)?;
        subscription.started = true;
        self.report.forwarded(rewrite.timestamp, offered.capture_ntp);
        let Offered { publication, key, .. } = *offered;
        Ok(Outgoing { slot: self.spec.id, resend: false, publication, key, rewrite })
    }

    /// Tells the rewriter of a packet that is not forwarded on purpose, so that its number leaves no gap.
    pub fn skip(&mut self, encoding: u8, index: u64) {
        let Some(subscription) = &self.subscription else { return };
        if subscription.started
            && subscription.selector.current() == Some(LayerId::spatial(encoding))
        {
            self.rewriter.skip(index);
        }
    }
}
