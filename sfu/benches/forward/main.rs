//! What it costs to forward a packet of 1,200 bytes to a receiver, and how much of that is sealing.
//!
//! `cargo bench -p sfu --bench forward` compares a room of 1,000 receivers with bare sealing, in turns within one run, and prints
//! the ratio. As a test it takes no time: it fails where a forwarded packet allocates or does not reach everybody. `-- --packets N`
//! forwards N packets and measures nothing: what callgrind counts.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot be set up has nothing to measure"
)]

mod room;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use room::{Bare, Room};

const RECEIVERS: u32 = 1_000;
/// Packets before anything is measured: queues, histories and logs have then their full size.
const WARM_UP: u32 = 1_500;
/// Short ones, so that most are not interrupted, and many, so that the middle one says something.
const ROUNDS: usize = 251;
/// Packets of a round.
const PACKETS: u32 = 2;

#[expect(clippy::disallowed_methods, reason = "a benchmark is there to read the clock")]
fn now() -> Instant {
    Instant::now()
}

/// A packet a millisecond, timers included.
fn next(room: &mut Room) -> u64 {
    room.wait();
    room.forward()
}

#[expect(clippy::print_stdout, reason = "a benchmark prints its result")]
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let mut room = Room::new(now(), RECEIVERS);
    if let Some(place) = arguments.iter().position(|one| one == "--packets") {
        let packets = arguments.get(place + 1).and_then(|count| count.parse().ok()).unwrap_or(1);
        let written: u64 = (0..packets).map(|_: u32| next(&mut room)).sum();
        println!("{written} datagrams");
        return ExitCode::SUCCESS;
    }
    for _ in 0..WARM_UP {
        next(&mut room);
    }
    let (written, allocations) = count(&mut room);
    let all = u64::from(PACKETS * RECEIVERS);
    println!("{written} of {all} datagrams written, {allocations} allocations");
    if arguments.iter().any(|one| one == "--bench") {
        compare(&mut room);
    }
    if written == all && allocations == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// How many datagrams some packets led to, and how many allocations; what is done by time is left out.
fn count(room: &mut Room) -> (u64, u64) {
    let (mut written, mut allocations) = (0, 0);
    for _ in 0..PACKETS {
        room.wait();
        let measured = allocation_counter::measure(|| written += room.forward());
        allocations += measured.count_total;
    }
    (written, allocations)
}

#[expect(clippy::print_stdout, reason = "a benchmark prints its result")]
fn compare(room: &mut Room) {
    let mut bare = Bare::new(RECEIVERS);
    let (mut forwarding, mut sealing) = (Vec::with_capacity(ROUNDS), Vec::with_capacity(ROUNDS));
    for _ in 0..ROUNDS {
        let start = now();
        for _ in 0..PACKETS {
            next(room);
        }
        let middle = now();
        for _ in 0..PACKETS {
            bare.seal();
        }
        forwarding.push(middle - start);
        sealing.push(now() - middle);
    }
    let (forwarding, sealing) = (median(forwarding), median(sealing));
    let each = |whole: Duration| whole.as_nanos() / u128::from(PACKETS * RECEIVERS);
    let ratio = forwarding.as_secs_f64() / sealing.as_secs_f64();
    let (forwarding, sealing) = (each(forwarding), each(sealing));
    println!("forwarding {forwarding} ns, bare sealing {sealing} ns: ratio {ratio:.2} (bar: 1.6)");
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
