//! What waits to be sent to one remote, and when it goes: sound at once, the rest in small bursts at a given rate.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use simulcast::Bitrate;
use thiserror::Error;

/// Three queues of packets before one link, emptied in the order of [`Class`]. `T` says which packet; the pacer counts
/// its bytes only.
///
/// Sound never waits, and its bytes count. The rest leaves in bursts: while what was released would have left the link
/// by now at the given rate, another [`BURST`] worth of it is released, and then nothing until that would have left too.
/// So packets come in runs, which one system call carries, and their average is the rate. What queues up for longer than
/// [`DELAY_MAX`] (a keyframe) is hurried, up to 2.5 times the rate, as libwebrtc does; what would exceed that too is
/// refused.
///
/// The queues grow to what is needed and stay there; their bounds are constants.
#[derive(Debug)]
pub struct Pacer<T: Copy> {
    audio: Queue<T>,
    retransmissions: Queue<T>,
    video: Queue<T>,
    rate: Option<Bitrate>,
    /// When everything released so far would have left at the rate.
    horizon: Instant,
    /// A burst goes on while `horizon` is before this.
    burst_end: Instant,
    /// When something was last added.
    pushed: Instant,
}

/// What a packet is, and so when it goes.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Class {
    /// Sound: before all others, whatever the rate.
    Audio,
    /// A packet that a receiver waits for.
    Retransmission,
    /// Pictures.
    Video,
}

/// The packet was not taken: its queue is full. Confab's fault for sending more than the rate, or the network's for
/// having become slower. For pictures the owner drops the oldest whole frame that nothing depends on
/// ([`Pacer::oldest`], [`Pacer::drop_where`]) or this one; for the others, this packet.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("too much waits to be sent")]
pub struct PacerFull;

#[derive(Debug)]
struct Queue<T> {
    packets: VecDeque<Queued<T>>,
    bytes: usize,
    packets_max: usize,
}

#[derive(Clone, Copy, Debug)]
struct Queued<T> {
    item: T,
    size: u16,
}

impl<T: Copy> Pacer<T> {
    /// An empty pacer without a rate: everything leaves at once.
    #[must_use]
    pub const fn new(now: Instant) -> Self {
        Self {
            audio: Queue::new(AUDIO_MAX),
            retransmissions: Queue::new(RETRANSMISSIONS_MAX),
            video: Queue::new(VIDEO_MAX),
            rate: None,
            horizon: now,
            burst_end: now,
            pushed: now,
        }
    }

    /// Sets the rate of everything together. `None`: no limit. Zero: nothing but sound.
    pub const fn set_rate(&mut self, rate: Option<Bitrate>) {
        self.rate = rate;
    }

    /// Appends a packet of `size` bytes (the whole datagram without IP and UDP).
    ///
    /// # Errors
    /// [`PacerFull`] where its queue has no room, or where pictures would wait longer than [`DELAY_MAX`] even when
    /// hurried.
    pub fn push(
        &mut self,
        now: Instant,
        class: Class,
        size: usize,
        item: T,
    ) -> Result<(), PacerFull> {
        if class == Class::Video && !self.has_room_for(size) {
            return Err(PacerFull);
        }
        let queued = Queued { item, size: u16::try_from(size).map_err(|_| PacerFull)? };
        self.queue_mut(class).push(queued)?;
        self.pushed = now;
        Ok(())
    }

    /// The next packet that leaves now, if any does.
    pub fn pop(&mut self, now: Instant) -> Option<T> {
        let rate = self.hurried();
        let queued = if let Some(sound) = self.audio.pop() {
            sound
        } else {
            self.open_burst(now);
            if rate.is_some() && self.horizon >= self.burst_end {
                return None;
            }
            if rate == Some(Bitrate::ZERO) {
                return None;
            }
            self.retransmissions.pop().or_else(|| self.video.pop())?
        };
        if let Some(rate) = rate {
            let released = self.horizon.max(now.checked_sub(BURST).unwrap_or(now));
            // Sound above the rate must not keep the rest waiting long after it has ended.
            self.horizon = (released + time_of(queued.size.into(), rate)).min(now + DELAY_MAX);
        }
        Some(queued.item)
    }

    /// When [`Self::pop`] has something next; a time that has passed where it has now. `None` while nothing waits that
    /// may go.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let waits = self.queued_bytes() > 0;
        match self.rate {
            _ if !self.audio.packets.is_empty() => Some(self.pushed),
            Some(Bitrate::ZERO) => None,
            Some(_) if waits && self.horizon >= self.burst_end => Some(self.horizon),
            Some(_) | None => waits.then_some(self.pushed),
        }
    }

    /// Bytes that wait, of all classes.
    #[must_use]
    pub const fn queued_bytes(&self) -> usize {
        self.audio.bytes + self.waiting_bytes()
    }

    /// How long a packet added now would wait behind the others of its class or before: zero without a rate,
    /// [`DELAY_MAX`] where nothing may go.
    #[must_use]
    pub fn delay(&self, now: Instant) -> Duration {
        let Some(rate) = self.hurried() else { return Duration::ZERO };
        time_of(self.waiting_bytes(), rate) + self.horizon.saturating_duration_since(now)
    }

    /// The packet of `class` that would leave first: of pictures, part of the oldest frame.
    #[must_use]
    pub fn oldest(&self, class: Class) -> Option<&T> {
        let queue = match class {
            Class::Audio => &self.audio,
            Class::Retransmission => &self.retransmissions,
            Class::Video => &self.video,
        };
        queue.packets.front().map(|queued| &queued.item)
    }

    /// Drops every packet for which `unwanted` is true, of all classes; returns how many. The others keep their order.
    pub fn drop_where(&mut self, mut unwanted: impl FnMut(&T) -> bool) -> usize {
        [&mut self.audio, &mut self.retransmissions, &mut self.video]
            .into_iter()
            .map(|queue| queue.drop_where(&mut unwanted))
            .sum()
    }

    /// Begins a burst if the last one would have left by now. Being polled late is made good, up to one burst.
    fn open_burst(&mut self, now: Instant) {
        if self.horizon <= now {
            self.burst_end = now + BURST;
        }
    }

    /// The rate, raised so that what waits leaves within [`DELAY_MAX`], as far as [`HURRY`] allows.
    fn hurried(&self) -> Option<Bitrate> {
        let rate = self.rate?;
        let bytes = u64::try_from(self.waiting_bytes()).unwrap_or(u64::MAX);
        let in_time = Bitrate::bps(bytes.saturating_mul(8)).scaled(1000, DELAY_MAX_MS);
        Some(rate.max(in_time).min(rate.scaled(HURRY.0, HURRY.1)))
    }

    fn has_room_for(&self, size: usize) -> bool {
        let Some(rate) = self.rate else { return true };
        let waiting = self.waiting_bytes();
        let most = rate.scaled(HURRY.0 * DELAY_MAX_MS, HURRY.1 * 8 * 1000).as_bps();
        let fits = u64::try_from(waiting + size).is_ok_and(|bytes| bytes <= most);
        fits || (waiting == 0 && rate > Bitrate::ZERO)
    }

    /// Bytes that wait for the rate.
    const fn waiting_bytes(&self) -> usize {
        self.retransmissions.bytes + self.video.bytes
    }

    const fn queue_mut(&mut self, class: Class) -> &mut Queue<T> {
        match class {
            Class::Audio => &mut self.audio,
            Class::Retransmission => &mut self.retransmissions,
            Class::Video => &mut self.video,
        }
    }
}

impl<T: Copy> Queue<T> {
    const fn new(packets_max: usize) -> Self {
        Self { packets: VecDeque::new(), bytes: 0, packets_max }
    }

    fn push(&mut self, queued: Queued<T>) -> Result<(), PacerFull> {
        if self.packets.len() >= self.packets_max {
            return Err(PacerFull);
        }
        self.bytes += usize::from(queued.size);
        self.packets.push_back(queued);
        Ok(())
    }

    fn pop(&mut self) -> Option<Queued<T>> {
        let queued = self.packets.pop_front()?;
        self.bytes -= usize::from(queued.size);
        Some(queued)
    }

    fn drop_where(&mut self, unwanted: &mut impl FnMut(&T) -> bool) -> usize {
        let before = self.packets.len();
        let mut bytes = 0;
        self.packets.retain(|queued| {
            let keep = !unwanted(&queued.item);
            bytes += if keep { usize::from(queued.size) } else { 0 };
            keep
        });
        self.bytes = bytes;
        before - self.packets.len()
    }
}

/// How long `bytes` take at `rate`; [`DELAY_MAX`] where there is no rate.
fn time_of(bytes: usize, rate: Bitrate) -> Duration {
    let bit_nanos = u64::try_from(bytes).unwrap_or(u64::MAX).saturating_mul(8 * 1_000_000_000);
    bit_nanos.checked_div(rate.as_bps()).map_or(DELAY_MAX, Duration::from_nanos)
}

/// What a burst is worth at the rate. At 2 Mbit/s one packet, at 10 Mbit/s five: from there runs make a system call cheap
/// (0.66 µs a packet in runs of 8, 2.4 alone), and a burst of 5 ms fills no queue on the way. (libwebrtc: 40 ms.)
pub const BURST: Duration = Duration::from_millis(5);

/// The longest that pictures wait here: a keyframe of ten frames' size needs a third of a second at the stream's own rate;
/// what is later than this is of no use in a conversation.
pub const DELAY_MAX: Duration = Duration::from_millis(DELAY_MAX_MS);

const DELAY_MAX_MS: u64 = 500;

/// How far the rate may be exceeded to keep [`DELAY_MAX`]: libwebrtc's pacing factor of 2.5
/// (`modules/congestion_controller/goog_cc`, `kDefaultPaceMultiplier`), which links are known to bear.
const HURRY: (u64, u64) = (5, 2);

/// Sounds that may wait between two turns: four voices of 50 packets a second for 320 ms. More means that nothing leaves.
const AUDIO_MAX: usize = 64;

/// Resends that may wait: what one NACK round of a bad link asks for. A receiver asks again for what is refused.
const RETRANSMISSIONS_MAX: usize = 256;

/// Pictures that may wait: [`DELAY_MAX`] of 10 Mbit/s in packets of 1,200 bytes. Counts while there is no rate too.
const VIDEO_MAX: usize = 512;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[expect(
        clippy::disallowed_methods,
        reason = "any instant serves as the start of virtual time"
    )]
    fn pacer(rate: Option<Bitrate>) -> (Pacer<u32>, Instant) {
        let now = Instant::now();
        let mut pacer = Pacer::new(now);
        pacer.set_rate(rate);
        (pacer, now)
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn pop_all(pacer: &mut Pacer<u32>, now: Instant) -> Vec<u32> {
        std::iter::from_fn(|| pacer.pop(now)).collect()
    }

    /// Follows the pacer's own deadlines; the milliseconds of each burst with its packets.
    fn bursts(pacer: &mut Pacer<u32>, start: Instant) -> Vec<(u128, usize)> {
        let mut now = start;
        let mut bursts = Vec::new();
        while let Some(deadline) = pacer.deadline() {
            now = now.max(deadline);
            bursts.push(((now - start).as_millis(), pop_all(pacer, now).len()));
        }
        bursts
    }

    #[test]
    fn without_a_rate_everything_leaves_at_once_in_the_order_of_classes() {
        let (mut pacer, now) = pacer(None);
        let classes = [Class::Video, Class::Retransmission, Class::Audio, Class::Video];
        for (item, class) in (0..).zip(classes) {
            pacer.push(now, class, 1200, item).unwrap();
        }
        assert_eq!(pacer.queued_bytes(), 4800);
        assert_eq!((pacer.deadline(), pacer.delay(now)), (Some(now), Duration::ZERO));
        assert_eq!(pop_all(&mut pacer, now), [2, 1, 0, 3]);
        assert_eq!((pacer.deadline(), pacer.queued_bytes()), (None, 0));
    }

    #[test]
    fn pictures_leave_in_bursts_worth_five_milliseconds() {
        // 9.6 Mbit/s are one packet of 1,200 bytes each millisecond.
        let (mut pacer, now) = pacer(Some(Bitrate::kbps(9600)));
        for item in 0..20 {
            pacer.push(now, Class::Video, 1200, item).unwrap();
        }
        assert_eq!(pacer.delay(now), ms(20));
        assert_eq!(bursts(&mut pacer, now), [(0, 5), (5, 5), (10, 5), (15, 5)]);
    }

    #[test]
    fn being_polled_late_is_made_good_up_to_a_burst() {
        for (late, expected) in [(2, 7), (5, 10), (400, 10)] {
            let (mut pacer, now) = pacer(Some(Bitrate::kbps(9600)));
            for item in 0..40 {
                pacer.push(now, Class::Video, 1200, item).unwrap();
            }
            assert_eq!(pop_all(&mut pacer, now).len(), 5);
            assert_eq!(pop_all(&mut pacer, now + ms(5 + late)).len(), expected);
        }
    }

    #[test]
    fn sound_waits_for_nothing_and_counts() {
        // 1,200 bytes take 10 ms, 120 take one.
        let (mut pacer, now) = pacer(Some(Bitrate::kbps(960)));
        for item in 0..3 {
            pacer.push(now, Class::Video, 1200, item).unwrap();
        }
        assert_eq!(pop_all(&mut pacer, now), [0]);
        assert_eq!(pacer.deadline(), Some(now + ms(10)));
        pacer.push(now + ms(1), Class::Audio, 120, 9).unwrap();
        assert_eq!(pop_all(&mut pacer, now + ms(1)), [9]);
        assert_eq!(pacer.deadline(), Some(now + ms(11)));
    }

    #[test]
    fn a_keyframe_is_hurried_and_more_is_refused() {
        // 1 Mbit/s, hurried 2.5 Mbit/s: 156,250 bytes in half a second.
        let (mut pacer, now) = pacer(Some(Bitrate::kbps(1000)));
        let taken = (0..512).take_while(|item| pacer.push(now, Class::Video, 1250, *item).is_ok());
        assert_eq!(taken.count(), 125);
        assert_eq!(pacer.delay(now), ms(500));
        assert_eq!(pacer.push(now, Class::Retransmission, 1250, 0), Ok(()));
        let (last, _) = *bursts(&mut pacer, now).last().unwrap();
        assert!((500..1250).contains(&last), "{last}");
    }

    #[test]
    fn a_rate_of_zero_lets_only_sound_through() {
        let (mut pacer, now) = pacer(None);
        pacer.push(now, Class::Video, 1200, 0).unwrap();
        pacer.set_rate(Some(Bitrate::ZERO));
        assert_eq!(pacer.push(now, Class::Video, 1200, 1), Err(PacerFull));
        pacer.push(now, Class::Audio, 100, 2).unwrap();
        assert_eq!(pop_all(&mut pacer, now + ms(9000)), [2]);
        assert_eq!(pacer.deadline(), None);
        pacer.set_rate(None);
        assert_eq!(pop_all(&mut pacer, now + ms(9000)), [0]);
    }

    #[test]
    fn full_queues_refuse_and_what_is_dropped_makes_room() {
        let (mut pacer, now) = pacer(None);
        for class in [Class::Audio, Class::Retransmission, Class::Video] {
            let taken = (0..10_000).take_while(|item| pacer.push(now, class, 10, *item).is_ok());
            let max = [AUDIO_MAX, RETRANSMISSIONS_MAX, VIDEO_MAX][class as usize];
            assert_eq!(taken.count(), max);
        }
        assert_eq!(pacer.oldest(Class::Video), Some(&0));
        assert_eq!(pacer.drop_where(|item| *item < 10), 30);
        assert_eq!(pacer.queued_bytes(), 10 * (64 + 256 + 512 - 30));
        assert_eq!(pacer.oldest(Class::Video), Some(&10));
        assert_eq!(pacer.push(now, Class::Video, 10, 0), Ok(()));
    }

    #[test]
    fn a_packet_passes_without_allocating() {
        let (mut pacer, now) = pacer(Some(Bitrate::kbps(4000)));
        let round = |pacer: &mut Pacer<u32>, n| {
            let _ = pacer.push(now + ms(n), Class::Audio, 100, 0);
            let _ = pacer.push(now + ms(n), Class::Video, 1200, 0);
            pop_all_without(pacer, now + ms(n));
        };
        (0..3000).for_each(|n| round(&mut pacer, n));
        let counted =
            allocation_counter::measure(|| (3000..6000).for_each(|n| round(&mut pacer, n)));
        assert_eq!(counted.count_total, 0);
    }

    fn pop_all_without(pacer: &mut Pacer<u32>, now: Instant) {
        while pacer.pop(now).is_some() {}
    }

    proptest! {
        /// Whatever is added, at most the hurried rate leaves, with two bursts and a packet of slack; all of it leaves in order.
        #[test]
        fn the_rate_holds(
            kbps in 100u64..20_000,
            steps in prop::collection::vec((0u64..30_000, 1usize..1400, 1usize..20), 1..60),
        ) {
            let rate = Bitrate::kbps(kbps);
            let (mut pacer, start) = pacer(Some(rate));
            let (mut now, mut item, mut bytes, mut left) = (start, 0, 0, Vec::new());
            let mut sizes = Vec::new();
            for (wait, size, count) in steps {
                let next = now + Duration::from_micros(wait);
                while let Some(deadline) = pacer.deadline().filter(|deadline| *deadline <= next) {
                    now = now.max(deadline);
                    while let Some(item) = pacer.pop(now) {
                        bytes += sizes[usize::try_from(item).unwrap()];
                        left.push(item);
                    }
                    let most = rate.scaled(5, 2).as_bps() * u64::try_from((now - start + 2 * BURST).as_micros()).unwrap() / 8_000_000;
                    prop_assert!(bytes <= usize::try_from(most).unwrap() + 1400, "{bytes} of {most}");
                }
                now = next;
                for _ in 0..count {
                    if pacer.push(now, Class::Video, size, item).is_ok() {
                        item += 1;
                        sizes.push(size);
                    }
                }
            }
            while let Some(deadline) = pacer.deadline() {
                prop_assert!(pacer.delay(now) <= Duration::from_secs(2));
                now = now.max(deadline);
                left.extend(pop_all(&mut pacer, now));
            }
            prop_assert_eq!(left, (0..item).collect::<Vec<_>>());
        }
    }
}
