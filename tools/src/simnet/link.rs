//! A bottleneck: first in, first out, and what does not fit is dropped.

use std::collections::VecDeque;
use std::time::Duration;

use simulcast::Bitrate;

use super::schedule::Schedule;
use super::time::SimTime;

/// What a link is like.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LinkPlan {
    /// How fast it sends.
    pub rate: Schedule,
    /// How long its queue is, at the rate of the moment; never under [`QUEUE_BYTES_MIN`].
    pub queue: Duration,
}

impl LinkPlan {
    /// One rate for ever, and a queue of 300 ms.
    #[must_use]
    pub const fn constant(rate: Bitrate) -> Self {
        Self { rate: Schedule::constant(rate), queue: Duration::from_millis(300) }
    }
}

/// A queue holds at least one packet of this size, however slow its link.
pub const QUEUE_BYTES_MIN: u64 = 1500;

/// A link with what waits on it; the packet in service is at the head.
#[derive(Debug)]
pub(super) struct Link<T> {
    plan: LinkPlan,
    waiting: VecDeque<Waiting<T>>,
    /// Of all that waits, the packet in service included.
    waiting_bytes: u64,
    service: Service,
}

#[derive(Debug)]
struct Waiting<T> {
    since: SimTime,
    size: u32,
    item: T,
}

/// What the link does with its head.
#[derive(Clone, Copy, Debug)]
enum Service {
    /// There is none.
    Idle,
    /// It is on its way out.
    Sending { from: SimTime, until: SimTime },
    /// Its rate is 0, now and for ever, unless the plan is changed.
    Stalled,
}

/// What became of a packet that reached a link.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Offer {
    /// The queue was full.
    Dropped,
    /// It waits.
    Queued,
    /// It is in service at once, until then.
    Started { until: SimTime },
}

/// A packet that has left a link.
#[derive(Debug)]
pub(super) struct Sent<T> {
    pub(super) item: T,
    /// From its arrival to the start of its transmission.
    pub(super) queue_delay: Duration,
    /// How long its transmission took.
    pub(super) serialisation: Duration,
}

impl<T> Sent<T> {
    /// As from a link of boundless rate.
    pub(super) const fn at_once(item: T) -> Self {
        Self { item, queue_delay: Duration::ZERO, serialisation: Duration::ZERO }
    }
}

impl<T> Link<T> {
    pub(super) const fn new(plan: LinkPlan) -> Self {
        Self { plan, waiting: VecDeque::new(), waiting_bytes: 0, service: Service::Idle }
    }

    /// Packets that wait, the one in service included.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Takes a packet in, or drops it.
    pub(super) fn offer(&mut self, now: SimTime, size: u32, item: T) -> Offer {
        if self.waiting_bytes + u64::from(size) > self.limit(now) {
            return Offer::Dropped;
        }
        self.waiting.push_back(Waiting { since: now, size, item });
        self.waiting_bytes += u64::from(size);
        match self.service {
            Service::Sending { .. } | Service::Stalled => Offer::Queued,
            Service::Idle => match self.serve(now) {
                Some(until) => Offer::Started { until },
                None => Offer::Queued,
            },
        }
    }

    /// Lets the head go and serves the next. Returns when that one will have been sent.
    pub(super) fn finish(&mut self, now: SimTime) -> (Option<Sent<T>>, Option<SimTime>) {
        let Service::Sending { from, until } = self.service else { return (None, None) };
        debug_assert_eq!(now, until, "called when the head has been sent");
        let sent = self.waiting.pop_front().map(|Waiting { since, size, item }| {
            self.waiting_bytes = self.waiting_bytes.saturating_sub(u64::from(size));
            Sent { item, queue_delay: from.since(since), serialisation: until.since(from) }
        });
        (sent, self.serve(now))
    }

    /// Follows another plan from the next packet on. Returns when the head will have been sent, if this set it going.
    pub(super) fn change(&mut self, now: SimTime, plan: LinkPlan) -> Option<SimTime> {
        self.plan = plan;
        match self.service {
            Service::Idle | Service::Sending { .. } => None,
            Service::Stalled => self.serve(now),
        }
    }

    /// Puts the head into service. Returns when it will have been sent.
    fn serve(&mut self, now: SimTime) -> Option<SimTime> {
        let Some(head) = self.waiting.front() else {
            self.service = Service::Idle;
            return None;
        };
        let Some(from) = self.plan.rate.sends_from(now) else {
            self.service = Service::Stalled;
            return None;
        };
        let until = from + serialisation(head.size, self.plan.rate.at(from));
        self.service = Service::Sending { from, until };
        Some(until)
    }

    fn limit(&self, now: SimTime) -> u64 {
        let bits_in_nanoseconds =
            u128::from(self.plan.rate.at(now).as_bps()) * self.plan.queue.as_nanos();
        let bytes = u64::try_from(bits_in_nanoseconds / 8_000_000_000).unwrap_or(u64::MAX);
        bytes.max(QUEUE_BYTES_MIN)
    }
}

/// How long `size` bytes take at `rate`, rounded down to nanoseconds.
fn serialisation(size: u32, rate: Bitrate) -> Duration {
    let nanoseconds = u128::from(size) * 8_000_000_000 / u128::from(rate.as_bps().max(1));
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(milliseconds: u64) -> SimTime {
        SimTime::milliseconds(milliseconds)
    }

    /// 1 Mbit/s: 1500 bytes take 12 ms, and 300 ms of queue are 37,500 bytes, 25 such packets.
    fn megabit() -> Link<u32> {
        Link::new(LinkPlan::constant(Bitrate::kbps(1000)))
    }

    #[test]
    fn a_packet_takes_its_bits_over_the_rate_from_the_head() {
        let mut link = megabit();
        assert_eq!(link.offer(ms(0), 1500, 1), Offer::Started { until: ms(12) });
        assert_eq!(link.offer(ms(5), 750, 2), Offer::Queued);
        let (sent, next) = link.finish(ms(12));
        let sent = sent.expect("the first");
        assert_eq!((sent.item, sent.queue_delay), (1, Duration::ZERO));
        assert_eq!(next, Some(ms(18)));
        let (sent, next) = link.finish(ms(18));
        let sent = sent.expect("the second");
        assert_eq!((sent.item, sent.queue_delay), (2, Duration::from_millis(7)));
        assert_eq!(sent.serialisation, Duration::from_millis(6));
        assert_eq!(next, None);
    }

    #[test]
    fn an_arrival_beyond_the_limit_is_dropped_with_the_packet_in_service_counted() {
        let mut link = megabit();
        let offers: Vec<Offer> = (0..26).map(|number| link.offer(ms(0), 1500, number)).collect();
        assert_eq!(offers[24], Offer::Queued);
        assert_eq!(offers[25], Offer::Dropped);
        link.finish(ms(12));
        assert_eq!(link.offer(ms(12), 1500, 26), Offer::Queued, "one has left");
        assert_eq!(link.offer(ms(12), 1, 27), Offer::Dropped);
    }

    #[test]
    fn a_slow_link_still_holds_1500_bytes() {
        let mut link = Link::new(LinkPlan::constant(Bitrate::kbps(8)));
        assert_eq!(link.offer(ms(0), 1500, 1), Offer::Started { until: ms(1500) });
        assert_eq!(link.offer(ms(0), 1, 2), Offer::Dropped);
    }

    #[test]
    fn a_rate_change_applies_to_the_next_packet_and_what_is_queued_stays() {
        let rate = Schedule::constant(Bitrate::kbps(1000)).then(ms(6), Bitrate::kbps(100));
        let mut link = Link::new(LinkPlan { rate, queue: Duration::from_millis(300) });
        for number in 0..25 {
            assert_ne!(link.offer(ms(0), 1500, number), Offer::Dropped);
        }
        let (sent, next) = link.finish(ms(12));
        assert_eq!(sent.expect("begun at 1 Mbit/s").serialisation, Duration::from_millis(12));
        assert_eq!(next, Some(ms(132)), "the next takes 120 ms at 100 kbit/s");
        assert_eq!(
            link.waiting.len(),
            24,
            "nothing was thrown out, though 300 ms are 3,750 bytes now"
        );
        assert_eq!(link.offer(ms(13), 100, 99), Offer::Dropped);
    }

    #[test]
    fn a_link_without_rate_waits_for_its_schedule_or_for_another_plan() {
        let rate = Schedule::constant(Bitrate::ZERO).then(ms(50), Bitrate::kbps(1000));
        let mut link = Link::new(LinkPlan { rate, queue: Duration::ZERO });
        assert_eq!(link.offer(ms(0), 1500, 1), Offer::Started { until: ms(62) });
        let mut link = Link::new(LinkPlan::constant(Bitrate::ZERO));
        assert_eq!(link.offer(ms(0), 1500, 1), Offer::Queued);
        assert_eq!(link.change(ms(70), LinkPlan::constant(Bitrate::kbps(1000))), Some(ms(82)));
        assert_eq!(link.finish(ms(82)).0.expect("sent").queue_delay, Duration::from_millis(70));
    }
}
