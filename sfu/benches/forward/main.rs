//! What it costs to forward a packet of 1,200 bytes to a receiver, and how much of that is sealing.
//!
//! `cargo bench -p sfu --bench forward` compares a room of 1,000 receivers with bare sealing, in turns within one run, and prints
//! the ratio, and beside it what a datagram costs that nobody answers for. As a test it takes no time: it fails where a forwarded
//! packet allocates or does not reach everybody, and where a stranger's datagram allocates.

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

#[expect(clippy::print_stdout, reason = "a benchmark prints its result")]
fn main() -> ExitCode {
    let mut room = Room::new(now(), RECEIVERS);
    for _ in 0..WARM_UP {
        room.next();
    }
    let (written, allocations) = count(&mut room);
    let all = u64::from(PACKETS * RECEIVERS);
    println!("{written} of {all} datagrams written, {allocations} allocations");
    let strange = strangers(&mut room);
    if std::env::args().any(|one| one == "--bench") {
        compare(&mut room);
    }
    if written == all && allocations == 0 && strange == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
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

/// What datagrams of people whom nobody knows cost: their allocations.
#[expect(clippy::print_stdout, reason = "a benchmark prints its result")]
fn strangers(room: &mut Room) -> u64 {
    let mut all = 0;
    for (name, datagram) in room::strangers() {
        room.strange(&datagram);
        let mut times = Vec::with_capacity(ROUNDS);
        let measured = allocation_counter::measure(|| {
            for _ in 0..ROUNDS {
                let start = now();
                room.strange(&datagram);
                times.push(now() - start);
            }
        });
        let each = median(times).as_nanos() / room::STRANGERS as u128;
        let allocations = measured.count_total;
        println!("from a stranger, {name}: {each} ns (bar: 1000), {allocations} allocations");
        all += allocations;
    }
    all
}

#[expect(clippy::print_stdout, reason = "a benchmark prints its result")]
fn compare(room: &mut Room) {
    let mut bare = Bare::new(RECEIVERS);
    let (mut forwarding, mut sealing) = (Vec::with_capacity(ROUNDS), Vec::with_capacity(ROUNDS));
    for _ in 0..ROUNDS {
        let start = now();
        for _ in 0..PACKETS {
            room.next();
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
