//! How busy the media thread is, and how much it sends of what it may; and what is given up for it.

use std::time::{Duration, Instant};

use simulcast::Bitrate;
use simulcast::allocator::Shed;

/// Looks at the share of time that turns take, and the share that is sent of what may be, a window at a time; the larger of both moves it
/// by one stage at a time.
#[derive(Debug)]
pub(super) struct Load {
    /// When the present window began.
    since: Instant,
    /// Of which so much was worked.
    worked: Duration,
    /// And so many bytes sent.
    sent: usize,
    /// The most bits to send in a second.
    egress: Option<Bitrate>,
    shed: Shed,
    /// The last window was busy.
    was_busy: bool,
    /// When it last was not calm, or one stage was taken back.
    restless: Instant,
    /// When a stage was taken back.
    restored: Option<Instant>,
    /// How often in a row that was too soon.
    failures: usize,
}

impl Load {
    pub(super) const fn new(start: Instant, egress: Option<Bitrate>) -> Self {
        Self {
            since: start,
            worked: Duration::ZERO,
            sent: 0,
            egress,
            shed: Shed::Nothing,
            was_busy: false,
            restless: start,
            restored: None,
            failures: 0,
        }
    }

    /// What is given up now.
    pub(super) const fn shed(&self) -> Shed {
        self.shed
    }

    /// Another bound of what is sent.
    pub(super) const fn limit_egress(&mut self, egress: Option<Bitrate>) {
        self.egress = egress;
    }

    /// So many bytes are on their way.
    pub(super) const fn sent(&mut self, bytes: usize) {
        self.sent = self.sent.saturating_add(bytes);
    }

    /// A turn that ended at `now` took so long.
    pub(super) fn turn_took(&mut self, now: Instant, worked: Duration) {
        self.worked += worked;
        let passed = now.saturating_duration_since(self.since);
        if passed < WINDOW {
            return;
        }
        let micros = passed.as_micros().max(1);
        let permille =
            (self.worked.as_micros().saturating_mul(1_000) / micros).max(self.share_sent(micros));
        (self.since, self.worked, self.sent) = (now, Duration::ZERO, 0);
        if permille >= BUSY_PERMILLE {
            self.restless = now;
            // One busy window may be a machine that stood still.
            if self.was_busy || self.shed > Shed::Nothing {
                self.give_up_more(now);
            }
        } else if permille >= CALM_PERMILLE {
            self.restless = now;
        } else {
            self.take_back(now);
        }
        self.was_busy = permille >= BUSY_PERMILLE;
    }

    /// What was sent in `micros` of what may be, in thousandths.
    fn share_sent(&self, micros: u128) -> u128 {
        let Some(egress) = self.egress else { return 0 };
        // Bytes in microseconds against bits in seconds, in thousandths: 8 · 10⁶ · 10³.
        let sent = u128::try_from(self.sent).unwrap_or(u128::MAX).saturating_mul(8_000_000_000);
        sent / u128::from(egress.as_bps()).saturating_mul(micros).max(1)
    }

    fn give_up_more(&mut self, now: Instant) {
        let passed = |at| now.saturating_duration_since(at);
        if let Some(at) = self.restored.take() {
            self.failures = if passed(at) < PROVED { self.failures.saturating_add(1) } else { 0 };
        }
        self.shed = self.shed.more();
    }

    fn take_back(&mut self, now: Instant) {
        let [.., longest] = WAITS;
        let wait = WAITS.get(self.failures).copied().unwrap_or(longest);
        if self.shed > Shed::Nothing && now.saturating_duration_since(self.restless) >= wait {
            self.shed = self.shed.less();
            (self.restless, self.restored) = (now, Some(now));
        }
    }
}

/// Long enough for keyframes and joins, which come in bursts, and short enough for sound, which may wait a second once and not more.
const WINDOW: Duration = Duration::from_secs(1);
/// Of the time. A thread gathers for 2 ms before a turn at most, so turns take 11 ms by then, which is what each packet waits.
const BUSY_PERMILLE: u128 = 850;
/// What a stage gives up must have room: a stage may double the work.
const CALM_PERMILLE: u128 = 600;
/// For so long it must be calm, the first, second, … time in a row that a stage was taken back too soon.
const WAITS: [Duration; 4] = [
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(20),
    Duration::from_secs(40),
];
/// A stage that was taken back for so long was not taken back too soon.
const PROVED: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::clock::Clock;

    /// A thread whose turns take a share of the time.
    struct Thread {
        now: Instant,
        load: Load,
    }

    impl Thread {
        fn new() -> Self {
            let now = Clock::new().now();
            Self { now, load: Load::new(now, None) }
        }

        /// Works in turns of a tenth of a second for as many of them.
        fn works(&mut self, permille: u64, tenths: u32) -> Shed {
            for _ in 0..tenths {
                self.now += Duration::from_millis(100);
                self.load.turn_took(self.now, Duration::from_micros(100 * permille));
            }
            self.load.shed()
        }

        /// Sends so many kilobits a second for as many tenths of one, and works little.
        fn sends(&mut self, kbps: usize, tenths: u32) -> Shed {
            for _ in 0..tenths {
                self.load.sent(kbps * 1_000 / 8 / 10);
                self.works(100, 1);
            }
            self.load.shed()
        }
    }

    #[test]
    fn a_stage_a_second_once_it_has_been_busy_for_two() {
        let mut thread = Thread::new();
        assert_eq!(thread.works(840, 100), Shed::Nothing);
        assert_eq!(thread.works(850, 19), Shed::Nothing);
        assert_eq!(thread.works(850, 1), Shed::New);
        assert_eq!(thread.works(1_000, 10), Shed::Layers);
        assert_eq!(thread.works(700, 100), Shed::Layers, "neither busy nor calm");
        assert_eq!(thread.works(1_000, 10), Shed::AllLayers);
        assert_eq!(thread.works(1_000, 10), Shed::Pictures);
        assert_eq!(thread.works(1_000, 100), Shed::Pictures);
    }

    #[test]
    fn what_is_sent_counts_as_work_does() {
        let mut thread = Thread::new();
        assert_eq!(thread.sends(5_000, 50), Shed::Nothing, "without a bound");
        thread.load.limit_egress(Some(Bitrate::kbps(1_000)));
        assert_eq!(thread.sends(840, 100), Shed::Nothing);
        assert_eq!(thread.sends(850, 20), Shed::New);
        assert_eq!(thread.sends(850, 10), Shed::Layers);
        assert_eq!(thread.sends(590, 49), Shed::Layers);
        assert_eq!(thread.sends(590, 1), Shed::New);
    }

    #[test]
    fn what_was_taken_back_too_soon_waits_longer() {
        let mut thread = Thread::new();
        thread.works(900, 20);
        for wait in [50, 100, 200, 400, 400] {
            assert_eq!(thread.works(590, wait - 10), Shed::New);
            assert_eq!(thread.works(590, 10), Shed::Nothing, "{wait}");
            assert_eq!(thread.works(900, 20), Shed::New);
        }
        thread.works(590, 400);
        assert_eq!(thread.works(590, 600), Shed::Nothing);
        thread.works(900, 20);
        assert_eq!(thread.works(590, 50), Shed::Nothing, "that was another time");
    }

    #[test]
    fn a_machine_that_stood_still_is_no_load() {
        let mut thread = Thread::new();
        thread.works(100, 10);
        thread.now += Duration::from_secs(30);
        thread.load.turn_took(thread.now, Duration::from_secs(30));
        assert_eq!(thread.load.shed(), Shed::Nothing);
        assert_eq!(thread.works(100, 100), Shed::Nothing);
    }

    #[test]
    fn whoever_sleeps_is_calm() {
        let mut thread = Thread::new();
        thread.works(900, 20);
        thread.now += Duration::from_secs(5);
        thread.load.turn_took(thread.now, Duration::from_micros(20));
        assert_eq!(thread.load.shed(), Shed::Nothing);
    }
}
