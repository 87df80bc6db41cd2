//! What waits to be sent to one remote, and when it goes: sound at once, the rest in small bursts at a given rate.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use simulcast::Bitrate;
use thiserror::Error;

/// Three queues of packets before one link, emptied in the order of [`Class`]. `T` says which packet; the pacer counts
/// its bytes only.
///
/// Sound never waits, and its bytes count. The rest leaves in bursts: while what was released would have left the link
/// by now at the given rate, another [`BURST`] worth of it is released ([`BURST_WIDE`] where the link has room to spare), and then
/// nothing until that would have left too.
/// So packets come in runs, which one system call carries, and their average is the rate. What would queue for longer than
/// [`HURRIED`] (a keyframe) is hurried, up to `HURRY`; what would wait [`DELAY_MAX`] even so is refused. A probe takes what waits at
/// its own rate ([`Pacer::take`]).
///
/// The queues grow to what is needed and stay there; their bounds are constants.
#[derive(Debug)]
pub struct Pacer<T: Copy> {
    audio: Queue<T>,
    retransmissions: Queue<T>,
    video: Queue<T>,
    rate: Option<Bitrate>,
    /// Whether the rate is a guess, which what waits may exceed as far as it must.
    guessed: bool,
    /// What a burst is worth.
    burst: Nanos,
    /// What times are counted from.
    epoch: Instant,
    /// When everything released so far would have left at the rate.
    horizon: Nanos,
    /// A burst goes on while `horizon` is before this.
    burst_end: Nanos,
    /// When something was last added.
    pushed: Instant,
}

/// Nanoseconds, since the pacer's `epoch` where they are a time: sums of them cost an instruction, those of `Instant` a dozen.
type Nanos = u64;

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
    /// The one that leaves first: mostly the only one, which thus lies beside the pacer.
    first: Option<Queued<T>>,
    /// Those behind it.
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
            guessed: false,
            burst: nanos(BURST),
            epoch: now,
            horizon: 0,
            burst_end: 0,
            pushed: now,
        }
    }

    /// Sets the rate of everything together. `None`: no limit. Zero: nothing but sound.
    pub const fn set_rate(&mut self, rate: Option<Bitrate>) {
        self.rate = rate;
        self.guessed = false;
    }

    /// Sets a rate that nothing is known of: the first keyframes of a call leave within [`HURRIED`] nevertheless.
    pub const fn guess_rate(&mut self, rate: Bitrate) {
        self.rate = Some(rate);
        self.guessed = true;
    }

    /// Whether what is sent leaves room on the link: then bursts are [`BURST_WIDE`] long.
    pub const fn set_wide(&mut self, wide: bool) {
        self.burst = nanos(if wide { BURST_WIDE } else { BURST });
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

    /// The next packet, whatever the rate: a probe takes it. It counts, and what follows the probe waits for it.
    pub fn take(&mut self, now: Instant) -> Option<T> {
        let rate = self.hurried();
        let queued =
            self.audio.pop().or_else(|| self.retransmissions.pop()).or_else(|| self.video.pop())?;
        if let Some(rate) = rate {
            self.release(now, queued.size, rate);
        }
        Some(queued.item)
    }

    /// The next packet of sound.
    pub fn take_sound(&mut self, now: Instant) -> Option<T> {
        self.audio.first.as_ref()?;
        self.take(now)
    }

    /// The next packet that leaves now, if any does.
    pub fn pop(&mut self, now: Instant) -> Option<T> {
        if let Some(sound) = self.take_sound(now) {
            return Some(sound);
        }
        if self.retransmissions.first.is_none() && self.video.first.is_none() {
            return None;
        }
        let rate = self.hurried();
        if let Some(rate) = rate {
            self.open_burst(now, rate);
            if self.horizon >= self.burst_end || rate == Bitrate::ZERO {
                return None;
            }
        }
        let queued = self.retransmissions.pop().or_else(|| self.video.pop())?;
        if let Some(rate) = rate {
            self.horizon += nanos_of(queued.size.into(), rate);
        }
        Some(queued.item)
    }

    /// What a packet takes that leaves whatever the rate.
    fn release(&mut self, now: Instant, size: u16, rate: Bitrate) {
        let now = self.time(now);
        let released = self.horizon.max(now.saturating_sub(nanos(BURST)));
        // Sound above the rate must not keep the rest waiting long after it has ended.
        self.horizon = (released + nanos_of(size.into(), rate)).min(now + nanos(DELAY_MAX));
    }

    /// What [`Self::pop`] gives next, as soon as it may leave.
    #[must_use]
    pub fn next(&self) -> Option<&T> {
        let queues = [&self.audio, &self.retransmissions, &self.video];
        queues.into_iter().find_map(|queue| queue.first.as_ref()).map(|queued| &queued.item)
    }

    /// Whether pictures wait.
    #[must_use]
    pub const fn has_pictures(&self) -> bool {
        self.video.first.is_some()
    }

    /// The sizes of the pictures' packets that wait, in their order.
    pub fn pictures(&self) -> impl Iterator<Item = usize> {
        let queue = self.video.first.iter().chain(&self.video.packets);
        queue.map(|queued| queued.size.into())
    }

    /// The sizes of the retransmissions that wait, in their order.
    pub fn repairs(&self) -> impl Iterator<Item = usize> {
        let queue = self.retransmissions.first.iter().chain(&self.retransmissions.packets);
        queue.map(|queued| queued.size.into())
    }

    /// When [`Self::pop`] has something next; a time that has passed where it has now. `None` while nothing waits that
    /// may go.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let waits = self.queued_bytes() > 0;
        match self.rate {
            _ if self.audio.first.is_some() => Some(self.pushed),
            Some(Bitrate::ZERO) => None,
            Some(_) if waits && self.horizon >= self.burst_end => {
                Some(self.epoch + Duration::from_nanos(self.horizon))
            }
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
        let ahead = self.horizon.saturating_sub(self.time(now));
        Duration::from_nanos(nanos_of(self.waiting_bytes(), rate).saturating_add(ahead))
    }

    /// The packet of `class` that would leave first: of pictures, part of the oldest frame.
    #[must_use]
    pub fn oldest(&self, class: Class) -> Option<&T> {
        let queue = match class {
            Class::Audio => &self.audio,
            Class::Retransmission => &self.retransmissions,
            Class::Video => &self.video,
        };
        queue.first.as_ref().map(|queued| &queued.item)
    }

    /// Drops every packet for which `unwanted` is true, of all classes; returns how many. The others keep their order.
    pub fn drop_where(&mut self, mut unwanted: impl FnMut(&T) -> bool) -> usize {
        [&mut self.audio, &mut self.retransmissions, &mut self.video]
            .into_iter()
            .map(|queue| queue.drop_where(&mut unwanted))
            .sum()
    }

    /// Begins a burst if the last one would have left by now. Being polled late is made good, up to one burst.
    fn open_burst(&mut self, now: Instant, rate: Bitrate) {
        let now = self.time(now);
        if self.horizon <= now {
            let is_hurried = self.rate.is_some_and(|own| own < rate);
            self.burst_end = now + if is_hurried { nanos(BURST) } else { self.burst };
            self.horizon = self.horizon.max(now.saturating_sub(nanos(BURST)));
        }
    }

    fn time(&self, now: Instant) -> Nanos {
        nanos(now.saturating_duration_since(self.epoch))
    }

    /// The rate, raised so that what waits leaves within [`HURRIED`], as far as `HURRY` allows.
    fn hurried(&self) -> Option<Bitrate> {
        let rate = self.rate?;
        let bytes = u64::try_from(self.waiting_bytes()).unwrap_or(u64::MAX);
        let in_time = Bitrate::bps(bytes.saturating_mul(8 * 1000 / HURRIED_MS));
        if in_time <= rate {
            return Some(rate);
        }
        let most = if self.guessed { Bitrate::MAX } else { rate.scaled(HURRY.0, HURRY.1) };
        Some(rate.max(in_time).min(most))
    }

    fn has_room_for(&self, size: usize) -> bool {
        let Some(rate) = self.rate.filter(|_| !self.guessed) else { return true };
        let waiting = self.waiting_bytes();
        if waiting == 0 {
            return rate > Bitrate::ZERO;
        }
        let most = rate.scaled(HURRY.0 * DELAY_MAX_MS, HURRY.1 * 8 * 1000).as_bps();
        u64::try_from(waiting + size).is_ok_and(|bytes| bytes <= most)
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
        Self { first: None, packets: VecDeque::new(), bytes: 0, packets_max }
    }

    fn push(&mut self, queued: Queued<T>) -> Result<(), PacerFull> {
        if self.first.is_none() {
            self.first = Some(queued);
        } else if self.packets.len() + 1 < self.packets_max {
            self.packets.push_back(queued);
        } else {
            return Err(PacerFull);
        }
        self.bytes += usize::from(queued.size);
        Ok(())
    }

    fn pop(&mut self) -> Option<Queued<T>> {
        let queued = self.first.take()?;
        self.bytes -= usize::from(queued.size);
        self.first = self.packets.pop_front();
        Some(queued)
    }

    fn drop_where(&mut self, unwanted: &mut impl FnMut(&T) -> bool) -> usize {
        let before = self.packets.len() + usize::from(self.first.is_some());
        self.first = self.first.filter(|queued| !unwanted(&queued.item));
        self.packets.retain(|queued| !unwanted(&queued.item));
        self.first = self.first.or_else(|| self.packets.pop_front());
        let left = self.first.iter().chain(&self.packets);
        self.bytes = left.clone().map(|queued| usize::from(queued.size)).sum();
        before - left.count()
    }
}

/// How long `bytes` take at `rate`; [`DELAY_MAX`] where there is no rate.
fn nanos_of(bytes: usize, rate: Bitrate) -> Nanos {
    let bit_nanos = u64::try_from(bytes).unwrap_or(u64::MAX).saturating_mul(8 * 1_000_000_000);
    bit_nanos.checked_div(rate.as_bps()).unwrap_or(nanos(DELAY_MAX))
}

/// Right for 584 years.
const fn nanos(time: Duration) -> Nanos {
    time.as_secs().wrapping_mul(1_000_000_000).wrapping_add(time.subsec_nanos() as u64)
}

/// What a burst is worth at the rate. At 2 Mbit/s one packet, at 10 Mbit/s five: from there runs make a system call cheap
/// (0.66 µs a packet in runs of 8, 2.4 alone), and a burst of 5 ms fills no queue on the way. (libwebrtc: 40 ms.)
pub const BURST: Duration = Duration::from_millis(5);

/// What a burst is worth where the link has room to spare: most of a frame at 30 a second leaves in one run, sooner, and still no
/// 40 ms have twice the estimate. Where the link is full, bursts so long would queue on it.
pub const BURST_WIDE: Duration = Duration::from_millis(20);

/// The longest that pictures wait here: a keyframe of ten frames' size needs a third of a second at the stream's own rate;
/// what is later than this is of no use in a conversation.
pub const DELAY_MAX: Duration = Duration::from_millis(DELAY_MAX_MS);

const DELAY_MAX_MS: u64 = 500;

/// What would wait longer is hurried: a keyframe of ten frames, a third of a second at the estimate, leaves within 300 ms.
pub const HURRIED: Duration = Duration::from_millis(HURRIED_MS);

const HURRIED_MS: u64 = 200;

/// How far the rate may be exceeded to keep [`HURRIED`]. The rate is 1.1 times the estimate, so that with a burst before it 40 ms never
/// have more than twice the estimate.
const HURRY: (u64, u64) = (8, 5);

/// Sounds that may wait between two turns: four voices of 50 packets a second for 320 ms. More means that nothing leaves.
const AUDIO_MAX: usize = 64;

/// Resends that may wait: what one NACK round of a bad link asks for. A receiver asks again for what is refused.
const RETRANSMISSIONS_MAX: usize = 256;

/// Pictures that may wait: [`DELAY_MAX`] of 10 Mbit/s in packets of 1,200 bytes. Counts while there is no rate too.
const VIDEO_MAX: usize = 512;

#[cfg(test)]
#[path = "pacer_tests.rs"]
mod tests;
