#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "small numbers of a simulation"
)]

use std::collections::VecDeque;

use super::*;

pub(super) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[expect(clippy::disallowed_methods, reason = "any instant serves as the start of virtual time")]
pub(super) fn start() -> Instant {
    Instant::now()
}

/// A sender, one bottleneck and a receiver, in steps of a millisecond: frames at 30 a second and sound, paced; a queue that drops its
/// tail; jitter that keeps the order; feedback each 100 ms. Far simpler than the harness of RFC 8867, and quick enough for a unit test.
struct Call {
    estimator: Estimator,
    begin: Instant,
    at: u64,
    /// What is there to send: a rate in kbit/s for an estimate in kbit/s.
    source: fn(f64) -> f64,
    wanted: u64,
    kbps: f64,
    queue_ms: f64,
    delay_ms: u64,
    loss: f64,
    /// Whether feedback comes through.
    answers: bool,
    /// Microseconds at which the link is free again.
    free_us: f64,
    waiting: VecDeque<u32>,
    paced_us: f64,
    probe: Option<(Probe, u64, u32, u8)>,
    flying: VecDeque<Told>,
    answered: VecDeque<(u64, Vec<Told>)>,
    chance: u64,
    last_arrival_us: f64,
    delivered: f64,
    dropped: u32,
    worst_queue_ms: f64,
}

impl Call {
    fn new(kbps: f64) -> Self {
        Self::with(kbps, Settings::default())
    }

    fn with(kbps: f64, settings: Settings) -> Self {
        Self {
            estimator: Estimator::new(settings),
            begin: start(),
            at: 0,
            source: |estimate| (0.94 * (estimate - 46.0)).clamp(150.0, 1_500.0),
            wanted: 1_647,
            kbps,
            queue_ms: 300.0,
            delay_ms: 50,
            loss: 0.0,
            answers: true,
            free_us: 0.0,
            waiting: VecDeque::new(),
            paced_us: 0.0,
            probe: None,
            flying: VecDeque::new(),
            answered: VecDeque::new(),
            chance: 0x2545_f491_4f6c_dd1d,
            last_arrival_us: 0.0,
            delivered: 0.0,
            dropped: 0,
            worst_queue_ms: 0.0,
        }
    }

    fn now(&self) -> Instant {
        self.begin + ms(self.at)
    }

    fn estimate(&self) -> f64 {
        self.estimator.estimate().as_f64() / 1e3
    }

    /// Uniform, 0 to 1.
    fn chance(&mut self) -> f64 {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        (self.chance >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Runs for a while; returns the share of the capacity that was used, and the worst queue in milliseconds.
    fn run(&mut self, millis: u64) -> (f64, f64) {
        (self.delivered, self.worst_queue_ms, self.dropped) = (0.0, 0.0, 0);
        for _ in 0..millis {
            self.step();
        }
        (self.delivered / (self.kbps * millis as f64), self.worst_queue_ms)
    }

    fn step(&mut self) {
        self.at += 1;
        let now = self.now();
        let rate = Bitrate::kbps(self.wanted);
        if self.at % 100 == 1 {
            self.estimator.want(now, Wanted { desired: rate, next_step: rate, most: rate });
        }
        if self.estimator.deadline().is_some_and(|deadline| deadline <= now) {
            self.estimator.timeout(now);
        }
        if self.at.is_multiple_of(20) {
            self.send(78, None);
        }
        if self.at.is_multiple_of(33) {
            let varied = 0.85 + 0.3 * self.chance();
            let bytes = (self.source)(self.estimate()) * 1_000.0 / 30.0 / 8.0 * varied;
            let count = (bytes / 1_100.0).ceil().max(1.0);
            for _ in 0..count as usize {
                self.waiting.push_back((bytes / count) as u32 + 80);
            }
        }
        self.pace();
        self.answer();
    }

    /// What the pacer does: probes at their rate, padded; the rest in bursts of 5 ms at 1.1 of the estimate.
    fn pace(&mut self) {
        if self.probe.is_none() {
            self.probe = self.estimator.poll_probe().map(|probe| (probe, self.at, 0, 0));
        }
        let now_us = self.at as f64 * 1e3;
        if let Some((probe, begun, mut sent, mut packets)) = self.probe {
            let due = |sent: u32| f64::from(sent) * 8e6 / probe.rate.as_f64() + begun as f64 * 1e3;
            while due(sent) <= now_us && (sent < probe.bytes || packets < probe.packets) {
                let bytes = self.waiting.pop_front().unwrap_or(1_180);
                self.send(bytes, Some(probe.id));
                (sent, packets) = (sent + bytes, packets + 1);
            }
            let is_over = sent >= probe.bytes && packets >= probe.packets;
            self.probe = (!is_over).then_some((probe, begun, sent, packets));
            self.paced_us = now_us;
            return;
        }
        if self.paced_us <= now_us {
            self.paced_us = self.paced_us.max(now_us - 5e3);
            while self.paced_us <= now_us + 5e3
                && let Some(bytes) = self.waiting.pop_front()
            {
                self.send(bytes, None);
                self.paced_us += f64::from(bytes) * 8e3 / (1.1 * self.estimate());
            }
        }
    }

    fn send(&mut self, bytes: u32, probe: Option<ProbeId>) {
        let now = self.now();
        self.estimator.sent(now, bytes as usize);
        let now_us = self.at as f64 * 1e3;
        let takes_us = f64::from(bytes) * 8e3 / self.kbps;
        let queue_us = (self.free_us - now_us).max(0.0);
        let is_lost = queue_us + takes_us > self.queue_ms * 1e3 || self.chance() < self.loss;
        let mut fate = Fate::Lost;
        if queue_us + takes_us <= self.queue_ms * 1e3 {
            self.free_us = now_us + queue_us + takes_us;
            self.worst_queue_ms = self.worst_queue_ms.max(queue_us / 1e3);
        } else {
            self.dropped += 1;
        }
        if !is_lost {
            self.delivered += f64::from(bytes) * 8.0;
            let normal: f64 = (0..12).map(|_| self.chance()).sum::<f64>() - 6.0;
            let jitter = (normal * 5e3).abs().min(15e3);
            let arrival = self.free_us + self.delay_ms as f64 * 1e3 + jitter;
            self.last_arrival_us = arrival.max(self.last_arrival_us + takes_us);
            fate = Fate::Arrived { at_us: self.last_arrival_us as i64, was_lost: false };
        }
        self.flying.push_back(Told { sent: now, bytes, probe, fate });
    }

    /// Feedback each 100 ms about what had arrived by then, quantised to 250 µs.
    fn answer(&mut self) {
        if self.at.is_multiple_of(100) {
            let arrived = |told: &Told| match told.fate {
                Fate::Arrived { at_us, .. } => at_us <= self.at as i64 * 1_000,
                Fate::Lost | Fate::Unreported => false,
            };
            let known = self.flying.iter().rposition(arrived).map_or(0, |last| last + 1);
            let mut told: Vec<Told> = self.flying.drain(..known).collect();
            for told in &mut told {
                if let Fate::Arrived { at_us, .. } = &mut told.fate {
                    *at_us -= *at_us % 250;
                }
            }
            if self.answers && !told.is_empty() {
                self.answered.push_back((self.at + self.delay_ms, told));
            }
        }
        while self.answered.front().is_some_and(|(at, _)| *at <= self.at) {
            let (_, told) = self.answered.pop_front().unwrap();
            self.estimator.feedback(self.now(), told.into_iter());
        }
    }
}

#[test]
fn an_estimator_is_small() {
    assert!(size_of::<Estimator>() <= 4096, "{}", size_of::<Estimator>());
}

#[test]
fn a_wide_link_is_found_within_a_second() {
    let mut call = Call::new(5_000.0);
    call.delay_ms = 25;
    call.run(1_000);
    assert!(call.estimate() > 1_647.0, "{}", call.estimate());
}

#[test]
fn a_link_of_a_megabit_is_used_without_a_queue() {
    let mut call = Call::new(1_000.0);
    call.run(10_000);
    let (used, _) = call.run(30_000);
    assert!(used > 0.8, "{used}");
    assert_eq!(call.dropped, 0);
}

#[test]
fn a_drop_is_followed_and_the_queue_drained() {
    let mut call = Call::new(2_500.0);
    call.run(20_000);
    call.kbps = 600.0;
    call.run(8_000);
    let (used, queue) = call.run(8_000);
    assert!(used > 0.7, "{used}");
    assert!(queue < 150.0, "{queue}");
    assert!(call.estimate() < 700.0, "{}", call.estimate());
}

#[test]
fn a_link_that_becomes_wider_is_found_by_a_probe() {
    let mut call = Call::new(1_000.0);
    call.run(30_000);
    call.kbps = 2_500.0;
    call.run(7_000);
    assert!(call.estimate() > 1_500.0, "{}", call.estimate());
    // Without probes it takes much longer.
    let parts = Parts::ALL.without(Part::Probing);
    let mut call = Call::with(1_000.0, Settings { parts, ..Settings::default() });
    call.run(30_000);
    call.kbps = 2_500.0;
    call.run(4_000);
    assert!(call.estimate() < 1_500.0, "{}", call.estimate());
}

/// The middle of three layers on 900 kbit/s: enough for it with a tenth to spare, never for the top.
#[test]
fn the_middle_layer_keeps_its_estimate() {
    let mut call = Call::new(900.0);
    call.delay_ms = 25;
    call.source = |estimate| if estimate * 0.95 - 34.0 > 500.0 { 500.0 } else { 150.0 };
    call.run(5_000);
    let mut low = 0;
    for _ in 0..600 {
        call.run(100);
        low += u32::from(call.estimate() < 581.0 * 1.05);
        assert!(call.estimate() < 1_650.0, "{}", call.estimate());
    }
    assert!(low < 30, "{low}");
}

/// A camera of 500 kbit/s where there are 2,500, then where there are 400: the link is full.
/// A picture that was paused returns with a keyframe, for which a narrow link takes half a second: the queue that it makes is no reason
/// to believe that the link carries as little as was sent before.
#[test]
fn a_burst_after_little_was_sent_tells_of_the_link_and_not_of_what_was_sent() {
    let befores: [fn(f64) -> f64; 3] = [|_| 100.0, |_| 160.0, |_| 200.0];
    for (link, before) in [250.0, 220.0, 200.0].into_iter().zip(befores) {
        let mut call = Call::new(250.0);
        call.wanted = 300;
        call.source = before;
        call.run(8_000);
        call.source = |_| 20.0;
        call.run(3_000);
        (call.source, call.kbps) = (|_| 400.0, link);
        let mut least = f64::MAX;
        for _ in 0..12 {
            call.run(100);
            least = least.min(call.estimate());
        }
        assert!((0.6 * link..link).contains(&least), "{least} of {link} kbit/s");
    }
}

#[test]
fn a_link_has_room_until_it_shows_a_limit_and_for_a_while_after() {
    let mut call = Call::new(2_500.0);
    call.source = |_| 500.0;
    call.run(5_000);
    assert!(call.estimator.has_room(call.now()));
    call.kbps = 400.0;
    call.run(3_000);
    assert!(!call.estimator.has_room(call.now()));
    (call.kbps, call.source) = (2_500.0, |_| 150.0);
    call.run(25_000);
    assert!(!call.estimator.has_room(call.now()));
    call.run(10_000);
    assert!(call.estimator.has_room(call.now()));
}

#[test]
fn a_twentieth_of_loss_costs_no_rate_and_a_fifth_does() {
    let mut call = Call::new(2_000.0);
    call.loss = 0.05;
    call.run(20_000);
    call.run(20_000);
    assert!(call.estimate() > 1_600.0, "{}", call.estimate());
    call.loss = 0.2;
    call.run(20_000);
    assert!(call.estimate() < 1_000.0, "{}", call.estimate());
    assert!(call.estimate() > 100.0, "{}", call.estimate());
    let parts = Parts::ALL.without(Part::Loss);
    let mut call = Call::with(2_000.0, Settings { parts, ..Settings::default() });
    call.loss = 0.2;
    call.run(30_000);
    assert!(call.estimate() > 1_300.0, "{}", call.estimate());
}

/// On a link of which only a little is known, without probes: as long as feedback comes, the estimate grows by 8 % a second. Without it
/// nothing grows, and what was not told is not made up for by the first feedback that comes again.
#[test]
fn nothing_is_raised_without_feedback_nor_at_once_when_it_comes_again() {
    let growing = || {
        let parts = Parts::ALL.without(Part::Probing);
        let mut call = Call::with(20_000.0, Settings { parts, ..Settings::default() });
        call.source = |estimate| 0.94 * (estimate - 46.0);
        call.run(5_000);
        call
    };
    let mut told = growing();
    let mut silent = growing();
    silent.answers = false;
    told.run(500);
    silent.run(500);
    let after_pause = silent.estimate();
    let mut highest: f64 = 0.0;
    for _ in 0..1_300 {
        told.run(1);
        silent.run(1);
        highest = highest.max(silent.estimate());
    }
    assert!(highest <= after_pause, "{highest}, {after_pause} after half a second");
    assert!(told.estimate() > after_pause * 1.08, "{} {after_pause}", told.estimate());
    // 1.8 s after the last answer, before anything is halved.
    silent.answers = true;
    while silent.estimate() <= after_pause {
        assert!(silent.at < 8_000, "never raised again");
        silent.run(1);
    }
    assert!(silent.estimate() <= after_pause * 1.008, "{} {after_pause}", silent.estimate());
}

#[test]
fn silence_halves_each_second_down_to_one_voice_and_ends_with_a_probe() {
    let mut call = Call::new(2_000.0);
    call.run(10_000);
    let before = call.estimate();
    call.answers = false;
    call.run(1_900);
    assert!(call.estimate() > before * 0.8, "{}", call.estimate());
    let at = |call: &mut Call, millis| {
        call.run(millis);
        call.estimate()
    };
    let (two, three) = (at(&mut call, 400), at(&mut call, 1_000));
    assert!(two <= before * 0.55 && (three - two / 2.0).abs() < 1.0, "{before} {two} {three}");
    assert!((at(&mut call, 10_000) - 30.0).abs() < 0.1);
    call.answers = true;
    call.run(3_000);
    assert!(call.estimate() > 800.0, "{}", call.estimate());
}

#[test]
fn another_route_keeps_half_and_is_probed() {
    let mut call = Call::new(2_000.0);
    call.run(10_000);
    let before = call.estimate();
    let now = call.now();
    call.estimator.route_changed(now);
    assert!(call.estimate() <= before / 2.0 + 0.1);
    assert!(call.estimator.poll_probe().is_some());
    call.run(2_000);
    assert!(call.estimate() > 1_400.0, "{}", call.estimate());
}

#[test]
fn lost_feedback_is_no_lost_packet_unless_that_is_left_out() {
    let estimate = |parts| {
        let mut call = Call::with(2_000.0, Settings { parts, ..Settings::default() });
        for second in 0..200 {
            call.run(100);
            if second % 3 == 0 {
                for (_, told) in &mut call.answered {
                    for told in told {
                        told.fate = Fate::Unreported;
                    }
                }
            }
        }
        call.estimate()
    };
    let (with, without) = (estimate(Parts::ALL), estimate(Parts::ALL.without(Part::FeedbackLoss)));
    assert!(with > 1_400.0, "{with}");
    assert!(without < with / 2.0, "{without}");
}

#[test]
fn left_out_altogether_the_estimate_is_the_start() {
    let parts = Parts::ALL.without(Part::Estimate);
    let settings = Settings { start: Bitrate::kbps(1_000), parts, ..Settings::default() };
    let mut call = Call::with(400.0, settings);
    call.run(5_000);
    assert!((call.estimate() - 1_000.0).abs() < 0.1);
    assert_eq!(call.estimator.probes(), Probes::default());
}

#[test]
fn each_part_is_left_out_alone() {
    let parts = Parts::ALL.without(Part::Loss);
    assert!(!parts.has(Part::Loss) && parts.has(Part::Delay) && parts.has(Part::QueueGuard));
}

#[test]
fn a_remb_bounds_the_estimate_and_reports_serve_without_feedback() {
    let (mut estimator, mut now) = (Estimator::new(Settings::default()), start());
    for _ in 0..3 {
        now += ms(1_000);
        estimator.report(now, 0);
    }
    assert_eq!(estimator.estimate(), Bitrate::kbps(2_400));
    estimator.remb(now, Bitrate::kbps(700));
    assert_eq!(estimator.estimate(), Bitrate::kbps(700));
}

#[test]
fn feedback_that_is_nonsense_leaves_a_number_within_bounds() {
    let (mut estimator, now) = (Estimator::new(Settings::default()), start());
    for at_us in [0, i64::MAX, i64::MIN, 5, -5] {
        let fate = Fate::Arrived { at_us, was_lost: at_us == 5 };
        let told = Told { sent: now + ms(100_000), bytes: u32::MAX, probe: None, fate };
        estimator.feedback(now, std::iter::repeat_n(told, 30));
        let estimate = estimator.estimate();
        assert!(estimate >= Bitrate::kbps(30) && estimate <= Settings::default().max);
    }
}
