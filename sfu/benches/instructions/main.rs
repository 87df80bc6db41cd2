//! How many instructions it takes to forward a packet of 1,200 bytes, and how many of them are not sealing.
//!
//! `cargo bench -p sfu --bench instructions` counts them by `valgrind --tool=callgrind` and fails where they are over 5 % more than
//! `recorded` says; where they are fewer, write down what was gained. Other than time they hardly differ between machines, busy or
//! not; under valgrind every x86-64 processor of the last ten years seals by the same instructions.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot be set up has nothing to measure"
)]

mod callgrind;
#[expect(dead_code, reason = "strangers are for the other benchmark")]
#[path = "../forward/room.rs"]
mod room;

use std::process::ExitCode;
use std::time::Instant;

use room::{Bare, Room};

/// Fewer than in `forward`: how much memory there is matters to time only.
const RECEIVERS: u32 = 50;
/// Packets of the shorter run: past the first keyframe that everybody gets.
const SHORT: u32 = 600;
/// Packets of the longer run. The difference is two seconds without what comes once.
const LONG: u32 = 2_600;
const TOLERANCE: f64 = 0.05;

/// What there was at the last change that was meant to change it.
const RECORDED: &str = include_str!("recorded");

#[derive(Clone, Copy)]
enum Work {
    Forward,
    Seal,
}

impl Work {
    const fn name(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Seal => "seal",
        }
    }

    /// Does it for as many packets; how many datagrams that led to.
    fn packets(self, count: u32) -> u64 {
        match self {
            Self::Forward => {
                let mut room = Room::new(now(), RECEIVERS);
                (0..count).map(|_| room.next()).sum()
            }
            Self::Seal => {
                let mut bare = Bare::new(RECEIVERS);
                (0..count).map(|_| bare.seal()).sum()
            }
        }
    }

    /// Instructions for each datagram.
    fn count(self) -> f64 {
        let (short, long) = (self.collect(SHORT), self.collect(LONG));
        to_float(long.0 - short.0) / to_float(long.1 - short.1)
    }

    /// Instructions and datagrams of one run of this program under callgrind.
    fn collect(self, packets: u32) -> (u64, u64) {
        let (instructions, output) = callgrind::count([self.name(), &packets.to_string()])
            .expect("valgrind is installed: tests/run does it");
        let datagrams = output.trim().parse().expect("the program tells what it sent");
        (instructions, datagrams)
    }
}

#[expect(clippy::print_stdout, reason = "a benchmark prints its result")]
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let asked = |work: &Work| arguments.get(1).is_some_and(|argument| argument == work.name());
    if let Some(work) = [Work::Forward, Work::Seal].into_iter().find(asked) {
        let packets = arguments.get(2).and_then(|count| count.parse().ok()).unwrap_or(1);
        println!("{}", work.packets(packets));
        return ExitCode::SUCCESS;
    }
    let (whole, sealing) = (Work::Forward.count(), Work::Seal.count());
    let rest = whole - sealing;
    println!("{whole:.0} instructions a forwarded packet: {sealing:.0} sealing, {rest:.0} else");
    let recorded: f64 = RECORDED.trim().parse().expect("a number");
    let change = rest / recorded - 1.0;
    println!("recorded are {recorded} beside sealing: {:+.1} %", change * 100.0);
    if change <= TOLERANCE { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[expect(clippy::disallowed_methods, reason = "any instant serves as the start of virtual time")]
fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
const fn to_float(count: u64) -> f64 {
    count as f64
}
