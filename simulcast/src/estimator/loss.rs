//! What the share of lost packets says about the link.

use std::time::{Duration, Instant};

use arrayvec::ArrayVec;

/// The loss-based part: explains the losses of the last observations by two numbers, a share that is lost whatever is sent and a rate
/// above which the rest is lost, and takes the most likely of a few candidates for the second, each with the first improved by a step
/// of Newton's method (libwebrtc's second version, `goog_cc/loss_based_bwe_v2.cc`, with its default settings).
///
/// So 5 % of loss at every rate lowers nothing, and loss that comes with more sending does.
#[derive(Debug)]
pub(super) struct LossBased {
    observations: ArrayVec<Observation, OBSERVATIONS>,
    partial: Partial,
    /// When the last packet of the last observation was sent.
    observed: Option<Instant>,
    seen: u32,
    best: Option<Channel>,
    average: f64,
    state: LossState,
    rate: f64,
    hold: Hold,
    padding: Option<Padding>,
    window: Option<Window>,
    min: f64,
    max: f64,
}

/// Whether losses limit the rate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum LossState {
    /// They do not.
    Unlimited,
    /// They do.
    Limited,
    /// They do, and padding finds out whether they still would.
    Rising,
}

/// What one update is told.
#[derive(Clone, Copy, Debug)]
pub(super) struct LossInput {
    /// The delay-based rate.
    pub(super) delay_based: f64,
    /// What arrives.
    pub(super) throughput: Option<f64>,
    /// Whether the application is the limit.
    pub(super) application_limited: bool,
}

#[derive(Clone, Copy, Debug)]
struct Observation {
    /// Kilobytes sent, and lost of them.
    size: f64,
    lost: f64,
    sending: f64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Partial {
    size: f64,
    lost: f64,
    last_sent: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Channel {
    /// Lost whatever is sent.
    inherent: f64,
    /// What is above this is lost.
    rate: f64,
}

/// After a decrease, the rate stays for a while, which doubles each time.
#[derive(Clone, Copy, Debug)]
struct Hold {
    until: Option<Instant>,
    duration: Duration,
    rate: f64,
}

#[derive(Clone, Copy, Debug)]
struct Padding {
    rate: f64,
    since: Instant,
}

/// While limited the rate rises by no more than a share in a window of time.
#[derive(Clone, Copy, Debug)]
struct Window {
    since: Instant,
    most: f64,
}

impl LossBased {
    pub(super) const fn new(min: f64, max: f64) -> Self {
        Self {
            observations: ArrayVec::new_const(),
            partial: Partial { size: 0.0, lost: 0.0, last_sent: None },
            observed: None,
            seen: 0,
            best: None,
            average: 0.0,
            state: LossState::Unlimited,
            rate: max,
            hold: Hold::NONE,
            padding: None,
            window: None,
            min,
            max,
        }
    }

    pub(super) const fn state(&self) -> LossState {
        self.state
    }

    /// The share that was lost of late, 0 to 1.
    pub(super) const fn average(&self) -> f64 {
        self.average
    }

    /// The rate, once enough was observed.
    pub(super) const fn rate(&self) -> Option<f64> {
        if self.best.is_some() && self.seen >= OBSERVATIONS_MIN { Some(self.rate) } else { None }
    }

    /// Feedback tells of a packet for the first time.
    pub(super) fn packet(&mut self, sent: Instant, bytes: f64, is_lost: bool) {
        self.observed.get_or_insert(sent);
        self.partial.size += bytes / 1e3;
        if is_lost {
            self.partial.lost += bytes / 1e3;
        }
        self.partial.last_sent = self.partial.last_sent.max(Some(sent));
    }

    /// A packet that was told lost has arrived after all.
    pub(super) fn recovered(&mut self, bytes: f64) {
        self.partial.lost = (self.partial.lost - bytes / 1e3).max(0.0);
    }

    /// Takes the packets since the last observation together where they are enough, and decides anew.
    pub(super) fn update(&mut self, input: &LossInput) {
        let Some(now) = self.observe() else { return };
        let current =
            *self.best.get_or_insert(Channel { inherent: INHERENT_FIRST, rate: input.delay_based });
        if self.seen == 1 {
            self.rate = input.delay_based;
        }
        let mut best = self.most_likely(current, input);
        if self.average > best.inherent && current.rate < best.rate {
            best.rate = current.rate;
        }
        if self.is_limited() {
            best.rate = self.cautious(now, current, best, input.throughput);
        }
        let least = input.throughput.unwrap_or(0.0).max(self.min);
        let bounded = best.rate.min(self.upper_bound()).min(input.delay_based).max(least);
        // Libwebrtc forgets the inherent loss at every bound. Where delay sets it nothing speaks against that loss, and without it
        // the next observation would take the same loss for a limit.
        self.best = Some(if bounded >= input.delay_based {
            Channel { rate: bounded, ..best }
        } else if bounded < best.rate {
            Channel { rate: bounded, inherent: 0.0 }
        } else {
            Channel { rate: best.rate.max(least), ..best }
        });
        self.decide(now, bounded, least, input.delay_based);
    }

    fn is_limited(&self) -> bool {
        self.state != LossState::Unlimited
    }

    /// Completes an observation, if the packets of one are there; returns when the last of them was sent.
    fn observe(&mut self) -> Option<Instant> {
        let (last, before) = (self.partial.last_sent?, self.observed?);
        let duration = last.saturating_duration_since(before);
        if duration < OBSERVATION {
            return None;
        }
        let Partial { size, lost, .. } = std::mem::take(&mut self.partial);
        if self.observations.is_full() {
            self.observations.remove(0);
        }
        let sending = size * 8e3 / duration.as_secs_f64();
        self.observations.push(Observation { size, lost: lost.min(size), sending });
        self.observed = Some(last);
        self.seen = self.seen.saturating_add(1);
        self.average = self.average_loss();
        Some(last)
    }

    /// Each observation with its weight, the newest first.
    fn weighted(&self) -> impl Iterator<Item = (f64, &Observation)> {
        let weights = std::iter::successors(Some(1.0), |weight| Some(weight * AGING));
        weights.zip(self.observations.iter().rev())
    }

    /// The share that was lost, the best and the worst observation left out unless the worst was of much more sending.
    fn average_loss(&self) -> f64 {
        let (mut size, mut lost) = (0.0, 0.0);
        let (mut worst, mut worst_share, mut worst_sending) = ((0.0, 0.0), 0.0, 0.0);
        let (mut least, mut least_share) = ((0.0, 0.0), 1.0);
        for (weight, seen) in self.weighted() {
            size += weight * seen.size;
            lost += weight * seen.lost;
            let share = if seen.size > 0.0 { seen.lost / seen.size } else { 0.0 };
            if self.seen > 3 && share > worst_share {
                (worst, worst_share) = ((weight * seen.size, weight * seen.lost), share);
                worst_sending = seen.sending;
            }
            if self.seen > 3 && share < least_share {
                (least, least_share) = ((weight * seen.size, weight * seen.lost), share);
            }
        }
        let rest = size - worst.0 - least.0;
        if size <= 0.0 {
            0.0
        } else if self.median_sending() * SENDING_OUTLIER <= worst_sending || rest <= 1e-9 {
            lost / size
        } else {
            ((lost - worst.1 - least.1) / rest).clamp(0.0, 1.0)
        }
    }

    fn median_sending(&self) -> f64 {
        let mut rates: ArrayVec<f64, OBSERVATIONS> =
            self.observations.iter().map(|seen| seen.sending).filter(|rate| *rate > 0.0).collect();
        rates.sort_unstable_by(f64::total_cmp);
        let upper = rates.get(rates.len() / 2).copied().unwrap_or(0.0);
        let lower = rates.get(rates.len().saturating_sub(1) / 2).copied().unwrap_or(0.0);
        (upper + lower) / 2.0
    }

    /// The candidate that explains the observations best.
    fn most_likely(&self, current: Channel, input: &LossInput) -> Channel {
        let mut rates: ArrayVec<f64, 5> =
            CANDIDATES.map(|factor| factor * current.rate).into_iter().collect();
        let pads = self.padding.is_some_and(|padding| self.pads(&padding));
        if let Some(throughput) = input.throughput
            && (!input.application_limited || pads)
        {
            rates.push(throughput);
        }
        if input.delay_based > current.rate {
            rates.push(input.delay_based);
        }
        let most = match self.window {
            Some(window) if self.is_limited() => window.most,
            Some(_) | None => self.max,
        };
        let (mut best, mut likelihood) = (current, f64::NEG_INFINITY);
        for rate in rates {
            let rate = rate.min(current.rate.max(most));
            let inherent = feasible(current.inherent, rate);
            let candidate = self.improved(Channel { rate, inherent });
            let found = self.likelihood(&candidate);
            if found > likelihood || (found >= likelihood && candidate.rate > best.rate) {
                (best, likelihood) = (candidate, found);
            }
        }
        best
    }

    /// With the inherent loss one step of Newton's method nearer to the most likely.
    fn improved(&self, channel: Channel) -> Channel {
        let (mut first, mut second) = (0.0, 0.0);
        for (weight, seen) in self.weighted() {
            let loss = channel.loss_at(seen.sending);
            let arrived = seen.size - seen.lost;
            first += weight * (seen.lost / loss - arrived / (1.0 - loss));
            second -= weight * (seen.lost / loss.powi(2) + arrived / (1.0 - loss).powi(2));
        }
        if second >= 0.0 {
            second = -1e-6;
        }
        let inherent = channel.inherent - NEWTON_STEP * first / second;
        Channel { inherent: feasible(inherent, channel.rate), ..channel }
    }

    /// The logarithm of how likely the observations are, with a preference for higher rates while little is lost.
    fn likelihood(&self, channel: &Channel) -> f64 {
        let kbps = channel.rate / 1e3;
        let distance = PREFERENCE_LOSS - self.average;
        let preference = distance / (PREFERENCE_SMOOTHING + distance.abs());
        let bias = preference * (BIAS_LINEAR * kbps + BIAS_LOG * (1.0 + kbps).ln());
        let of = |(weight, seen): (f64, &Observation)| {
            let loss = channel.loss_at(seen.sending);
            let fit = seen.lost * loss.ln() + (seen.size - seen.lost) * (1.0 - loss).ln();
            weight * (fit + bias * seen.size)
        };
        self.weighted().map(of).sum()
    }

    /// A rate that rises while losses limit it does so slowly, and not far above what arrives.
    fn cautious(
        &self,
        now: Instant,
        current: Channel,
        best: Channel,
        throughput: Option<f64>,
    ) -> f64 {
        let mut rate = best.rate;
        if let Some(window) = self.window
            && now.saturating_duration_since(window.since) < WINDOW
        {
            rate = rate.min(window.most);
        }
        let rises =
            current.rate < rate || (current.rate <= rate && self.state == LossState::Rising);
        let Some(throughput) = throughput.filter(|_| rises) else { return rate };
        let held = throughput < HOLD_THRESHOLD * self.hold.rate;
        let ramp = if held && self.hold.until.is_some() { RAMP_IN_HOLD } else { RAMP };
        let ramped = current.rate.max(rate.min(ramp * throughput));
        if self.state == LossState::Limited && ramped <= current.rate {
            return current.rate + 1.0;
        }
        ramped
    }

    /// More than this is never sent with so much loss.
    fn upper_bound(&self) -> f64 {
        let excess = self.average - UPPER_OFFSET;
        if excess > 0.0 { (UPPER_BALANCE / excess).min(self.max) } else { self.max }
    }

    /// From the bounded rate to the state and the rate that counts.
    fn decide(&mut self, now: Instant, bounded: f64, least: f64, delay_based: f64) {
        let is_below = bounded < delay_based;
        if self.state == LossState::Limited && self.hold.until > Some(now) && is_below {
            self.hold.rate = self.hold.rate.max(least);
            self.rate = self.hold.rate.min(bounded);
            return;
        }
        let rises = self.is_limited()
            && (self.rate < bounded || (self.rate <= bounded && self.state == LossState::Rising));
        let goes_on = self.state != LossState::Rising
            || self.padding.is_none_or(|padding| self.pads(&padding) || padding.rate < bounded);
        if rises && goes_on && is_below && bounded < self.max {
            if self.padding.is_none_or(|padding| bounded > padding.rate) {
                self.padding = Some(Padding { rate: bounded, since: now });
            }
            self.state = LossState::Rising;
        } else if is_below && bounded < self.max {
            if self.state != LossState::Limited {
                self.hold = self.hold.again(now, bounded);
            }
            self.padding = None;
            self.state = LossState::Limited;
        } else {
            (self.hold, self.padding, self.state) = (Hold::NONE, None, LossState::Unlimited);
        }
        self.rate = bounded;
        let is_over = |window: Window| now.saturating_duration_since(window.since) > WINDOW;
        if self.is_limited() && self.window.is_none_or(is_over) {
            let most = self.best.map_or(bounded, |best| best.rate) * WINDOW_GROWTH;
            self.window = Some(Window { since: now, most: most.max(self.min) });
        }
    }

    fn pads(&self, padding: &Padding) -> bool {
        self.observed.is_some_and(|now| now.saturating_duration_since(padding.since) <= PADDING)
    }
}

impl Channel {
    /// The share that is lost at a sending rate; never 0 or 1, since its logarithm is taken.
    fn loss_at(&self, sending: f64) -> f64 {
        let excess = if sending > self.rate { (sending - self.rate) / sending } else { 0.0 };
        (self.inherent + (1.0 - self.inherent) * excess).clamp(1e-6, 1.0 - 1e-6)
    }
}

impl Hold {
    const NONE: Self = Self { until: None, duration: HOLD_FIRST, rate: f64::INFINITY };

    /// The next one, twice as long.
    fn again(self, now: Instant, rate: f64) -> Self {
        let duration = (self.duration * 2).min(HOLD_MAX);
        Self { until: Some(now + self.duration), duration, rate }
    }
}

/// An inherent loss that may be: the lower the rate, the more of it.
fn feasible(inherent: f64, rate: f64) -> f64 {
    let most = if rate > 0.0 { INHERENT_OFFSET + INHERENT_BALANCE / rate } else { 1.0 };
    inherent.max(INHERENT_MIN).min(most.min(1.0))
}

// All of libwebrtc's defaults (`loss_based_bwe_v2.cc`, `CreateConfig`).

/// Observations that count.
const OBSERVATIONS: usize = 15;
/// Before so many nothing is said.
const OBSERVATIONS_MIN: u32 = 3;
/// Of an observation, at least.
const OBSERVATION: Duration = Duration::from_millis(250);
/// The weight of an observation, over that of the next.
const AGING: f64 = 0.9;
/// Times the present rate.
const CANDIDATES: [f64; 3] = [1.02, 1.0, 0.95];
/// Of Newton's step.
const NEWTON_STEP: f64 = 0.75;
const INHERENT_FIRST: f64 = 0.01;
const INHERENT_MIN: f64 = 1e-3;
const INHERENT_OFFSET: f64 = 0.05;
/// In bits per second.
const INHERENT_BALANCE: f64 = 100_000.0;
/// Loss at which lower rates begin to be preferred.
const PREFERENCE_LOSS: f64 = 0.2;
const PREFERENCE_SMOOTHING: f64 = 0.002;
const BIAS_LINEAR: f64 = 0.0002;
const BIAS_LOG: f64 = 0.02;
const UPPER_OFFSET: f64 = 0.05;
/// In bits per second.
const UPPER_BALANCE: f64 = 100_000.0;
/// The worst observation counts where so many times the median was sent in it.
const SENDING_OUTLIER: f64 = 2.0;
/// Above what arrives.
const RAMP: f64 = 1.5;
/// The same, while not much more arrives than when the rate was held.
const RAMP_IN_HOLD: f64 = 1.2;
const HOLD_THRESHOLD: f64 = 1.3;
const HOLD_FIRST: Duration = Duration::from_millis(300);
const HOLD_MAX: Duration = Duration::from_secs(60);
/// In a [`WINDOW`].
const WINDOW_GROWTH: f64 = 1.3;
const WINDOW: Duration = Duration::from_millis(300);
/// Padding finds out for so long whether losses still limit.
const PADDING: Duration = Duration::from_secs(2);

#[cfg(test)]
#[path = "loss_tests.rs"]
mod tests;
