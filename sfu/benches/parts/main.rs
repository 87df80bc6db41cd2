//! What single parts cost a packet, in nanoseconds and in instructions: estimator, pacer, and the rewriter of each codec.
//!
//! `cargo bench -p sfu --bench parts` times each and counts its instructions by `valgrind --tool=callgrind` (`-- time` only times). There
//! is no bound here: the whole of a forwarded packet has one (`instructions`). Of time the fastest round counts: others share the machine.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot be set up has nothing to measure"
)]

#[path = "../instructions/callgrind.rs"]
mod callgrind;

use std::hint::black_box;
use std::time::{Duration, Instant};

use sfu::transport::pacer::{Class, Pacer};
use simulcast::Bitrate;
use simulcast::codec::{Codec, inspect};
use simulcast::estimator::{Estimator, Fate, Settings, Told, Wanted};
use simulcast::rewriter::{Beginning, Capture, Input, Prefix, Rewriter};
use simulcast::sequence::{RtpTimestamp, SequenceNumber};

/// Packets of a round.
const PACKETS: u32 = 20_000;
/// Rounds, of which the fastest counts.
const ROUNDS: u32 = 30;
/// Packets of the shorter run under callgrind; the longer one has `PACKETS`.
const SHORT: u32 = 2_000;

/// What is measured.
#[derive(Clone, Copy)]
enum Part {
    /// A packet that is sent and told of, in feedbacks of 25 packets, with all that follows from them.
    Estimator,
    /// A packet that waits and leaves at a rate, polled when it says.
    Pacer,
    /// A packet's numbers in place of those that it came with, and the beginning of its payload.
    Rewriter(Codec),
}

const PARTS: [(&str, Part); 6] = [
    ("estimator", Part::Estimator),
    ("pacer", Part::Pacer),
    ("rewriter-vp8", Part::Rewriter(Codec::Vp8)),
    ("rewriter-vp9", Part::Rewriter(Codec::Vp9)),
    ("rewriter-h264", Part::Rewriter(Codec::H264)),
    ("rewriter-av1", Part::Rewriter(Codec::Av1)),
];

impl Part {
    /// Does it for as many packets.
    fn run(self, packets: u32) {
        match self {
            Self::Estimator => estimate(packets),
            Self::Pacer => pace(packets),
            Self::Rewriter(codec) => rewrite(codec, packets),
        }
    }

    /// Nanoseconds a packet.
    fn time(self) -> f64 {
        let rounds = (0..ROUNDS).map(|_| {
            let start = now();
            self.run(PACKETS);
            now().duration_since(start)
        });
        rounds.min().unwrap_or_default().as_secs_f64() * 1e9 / f64::from(PACKETS)
    }
}

/// 2.4 Mbit/s over a link that carries them, told each 100 ms, as a call of one picture in full is.
fn estimate(packets: u32) {
    let (mut at, mut at_us) = (now(), 0);
    let mut estimator = Estimator::new(Settings::default());
    let rate = Bitrate::kbps(2_500);
    let mut told = Vec::with_capacity(TOLD);
    for number in 0..packets {
        at += Duration::from_millis(4);
        at_us += 4_000;
        estimator.sent(at, 1_200);
        // Jitter of some milliseconds that keeps the order.
        let late_us = i64::from(number % 7) * 500;
        let fate = Fate::Arrived { at_us: at_us + late_us, was_lost: false };
        told.push(Told { sent: at, bytes: 1_200, probe: None, fate });
        if told.len() == TOLD {
            estimator.feedback(at, told.drain(..));
            estimator.want(at, Wanted { desired: rate, next_step: rate, most: rate });
            while black_box(estimator.poll_probe()).is_some() {}
        }
    }
    black_box(estimator.estimate());
}

/// Packets of a feedback.
const TOLD: usize = 25;

/// Frames of ten packets at ten times 2.4 Mbit/s.
fn pace(packets: u32) {
    let mut at = now();
    let mut pacer = Pacer::new(at);
    pacer.set_rate(Some(Bitrate::kbps(24_000)));
    for frame in 0..packets / 10 {
        for packet in 0..10 {
            let taken = pacer.push(at, Class::Video, 1_200, frame + packet);
            black_box(taken.is_ok());
        }
        while let Some(deadline) = pacer.deadline() {
            at = at.max(deadline);
            while let Some(packet) = pacer.pop(at) {
                black_box(packet);
            }
        }
    }
}

/// The first bytes of a packet that is no keyframe's (RFC 7741, RFC 9628, RFC 6184, AV1 RTP format).
const fn payload(codec: Codec) -> &'static [u8] {
    match codec {
        // X, S; I, L, T; a picture id of 15 bits, TL0PICIDX, TID; a frame tag of an inter frame.
        Codec::Vp8 => &[0x90, 0xe0, 0x80, 0x11, 0x21, 0x20, 0x31, 0x00, 0x00],
        // I, P, L, B, E; a picture id of 15 bits; TID and SID; TL0PICIDX.
        Codec::Vp9 => &[0xec, 0x80, 0x11, 0x20, 0x21, 0x86, 0x00],
        Codec::H264 => &[0x41, 0x9a, 0x21, 0x4c],
        Codec::Av1 => &[0x10, 0x32, 0x00, 0x00],
        Codec::Opus | Codec::Red => &[0x78, 0x00],
    }
}

fn rewrite(codec: Codec, packets: u32) {
    let payload = payload(codec);
    let info = inspect(codec, payload, true, None).expect("a payload as its format has it");
    let beginning = Beginning::new(codec, payload);
    let mut rewriter = Rewriter::new(SequenceNumber(1), RtpTimestamp(1));
    let mut out = [0; Prefix::MAX];
    for number in 0..packets {
        let rewrite = rewriter.forward(Input {
            switch: number == 0,
            index: u64::from(number) + 1,
            timestamp: RtpTimestamp(number * 3_000),
            clock_rate: 90_000,
            capture: Capture::Unknown,
            arrival: Duration::from_millis(33) * number,
            info: black_box(&info),
        });
        let rewrite = rewrite.expect("packets in order have numbers");
        black_box(beginning.write(&rewrite, &mut out));
        black_box(&out);
    }
}

/// Instructions a packet; `None` where there is no valgrind.
fn instructions(name: &str) -> Option<u64> {
    let of = |packets: u32| Some(callgrind::count([name, &packets.to_string()])?.0);
    Some((of(PACKETS)? - of(SHORT)?) / u64::from(PACKETS - SHORT))
}

#[expect(clippy::print_stdout, reason = "a benchmark prints its result")]
fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let asked = |name: &str| arguments.first().is_some_and(|argument| argument == name);
    if let Some((_, part)) = PARTS.iter().find(|(name, _)| asked(name)) {
        part.run(arguments[1].parse().expect("a number of packets"));
        return;
    }
    for (name, part) in PARTS {
        let nanos = part.time();
        let counted = if asked("time") { None } else { instructions(name) };
        match counted {
            Some(count) => println!("{name}: {nanos:.1} ns, {count} instructions a packet"),
            None => println!("{name}: {nanos:.1} ns a packet"),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark is there to read the clock")]
fn now() -> Instant {
    Instant::now()
}
