//! The whole server under load: what it costs beside bare sealing and sending, what it holds, how late it is.
//!
//! `cargo bench -p tools --bench server` prints every figure; `-- forward`, `-- memory`, `-- latency` prints some. The server runs in a
//! process of its own, so that its memory and its threads' processor time are its alone; participants and server share the machine.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a benchmark that cannot be set up has nothing to measure, prints its result, and rounds it"
)]

mod bare;
mod process;
mod room;

use std::time::Duration;

use simulcast::Bitrate;
use tools::peer::synthetic::{Encoding, camera, microphone};
use tools::peer::tally::Tally;
use tools::peer::track::Track;

use bare::{Load, measure};
use process::SERVE;
use room::Room;

const RECEIVERS: u32 = 100;

/// Of each measurement that costs processor time.
const LASTS: Duration = Duration::from_secs(10);

/// By then the receivers' links are estimated to carry the picture.
const WARM_UP: Duration = Duration::from_secs(4);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let asked = |name: &str| arguments.iter().any(|one| one == name);
    if asked(SERVE) {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        return runtime.block_on(process::serve());
    }
    // As a test it only has to build: it asserts nothing.
    if !asked("--bench") {
        return;
    }
    let figures: [(&str, fn()); 3] =
        [("forward", forward), ("memory", memory), ("latency", latency)];
    let all = !figures.iter().any(|(name, _)| asked(name));
    for (name, figure) in figures {
        if all || asked(name) {
            figure();
        }
    }
}

fn video(kilobits: u64, frame_rate: u32) -> Track {
    camera(&[Encoding { bitrate: Bitrate::kbps(kilobits), frame_rate, pixels: (1280, 720) }])
}

/// One publisher and [`RECEIVERS`], connected and warm.
fn room(tracks: Vec<Track>) -> Room {
    let mut room = Room::new();
    room.enter(0, tracks);
    for _ in 0..RECEIVERS {
        room.enter(0, Vec::new());
    }
    room.connect();
    room.run(Duration::from_secs(3));
    room
}

/// Processor time of a forwarded packet, over bare sealing and sending in runs as long.
fn forward() {
    println!("forward: 1 publisher, {RECEIVERS} receivers, loopback");
    for (kilobits, frame_rate) in [(500, 30), (1_500, 30), (2_500, 30), (8_000, 30)] {
        let mut room = room(vec![video(kilobits, frame_rate)]);
        room.attend_every(10);
        let (usage, tally) = room.measure(LASTS);
        drop(room);
        let each = usage.media.as_nanos() as f64 / usage.packets() as f64;
        let load = Load {
            receivers: RECEIVERS,
            run_length: usage.run_length(),
            bytes: usage.datagram_bytes(),
            pause: Duration::from_secs(1) / frame_rate,
            rounds: frame_rate * 10,
        };
        let paced = measure(load);
        let unpaced = measure(Load { pause: Duration::ZERO, ..load });
        let busy = usage.media.as_secs_f64() / LASTS.as_secs_f64();
        println!(
            "  {kilobits} kbit/s: {:.0} packets/s of {} bytes in runs of {:.2}, {:.1} % of a core, {} missing",
            usage.packets() as f64 / LASTS.as_secs_f64(),
            load.bytes,
            load.run_length,
            busy * 100.0,
            tally.missing,
        );
        println!(
            "    {each:.0} ns a packet, {:.0} packets/s and core; bare {:.0} ns at the same pace (runs of {:.2}), {:.0} ns without pause: ratio {:.2}, {:.2} (bar: 1.35)",
            1e9 / each,
            paced.each,
            paced.run_length,
            unpaced.each,
            each / paced.each,
            each / unpaced.each,
        );
    }
}

/// What 1,000 participants cost: handshakes, then memory.
fn memory() {
    println!(
        "memory: receivers with a slot for sound and one for pictures; one sends 300 kbit/s to each channel"
    );
    memory_in(1);
    memory_in(10);
    memory_in(90);
}

fn memory_in(channels: u32) {
    const PEOPLE: u32 = 900;
    const TOGETHER: u32 = 90;
    println!("  {PEOPLE} receivers, channels: {channels}");
    let mut room = Room::new();
    for channel in 0..channels {
        room.enter(channel, vec![microphone(20, 80), video(300, 15)]);
        room.enter(channel, Vec::new());
    }
    room.connect();
    // The publishers' histories are full then, so that what grows from here on is the receivers'.
    room.run(Duration::from_secs(30));
    let start = room.process.usage();
    let (mut joins, mut handshakes) = (Duration::ZERO, Duration::ZERO);
    // Whoever has an answer must come within half a minute.
    for _ in 0..PEOPLE / TOGETHER {
        let before = room.process.usage();
        for person in 0..TOGETHER {
            room.enter(person % channels, Vec::new());
        }
        let joined = room.process.usage();
        room.connect();
        joins += joined.since(&before).signaling;
        handshakes += room.process.usage().since(&joined).media;
    }
    let connected = room.process.usage();
    room.attend_every(10);
    room.run(Duration::from_secs(20));
    let end = room.process.usage();
    let kib = |bytes: u64| bytes as f64 / 1024.0 / f64::from(PEOPLE);
    println!(
        "  {:.1} KiB each, {:.1} of it once connected, the rest with 20 s of media (bar: 64)",
        kib(end.since(&start).memory),
        kib(connected.since(&start).memory),
    );
    println!(
        "  a join costs {:.0} µs of signaling; a handshake {:.0} µs of the media thread: {:.0} handshakes/s and core",
        joins.as_micros() as f64 / f64::from(PEOPLE),
        handshakes.as_micros() as f64 / f64::from(PEOPLE),
        f64::from(PEOPLE) / handshakes.as_secs_f64(),
    );
}

/// From the publisher's socket to the receivers', idle and at half of what is too much.
fn latency() {
    println!("latency: 1 publisher, {RECEIVERS} receivers, from socket to socket");
    let mut idle = room(vec![microphone(20, 80)]);
    let (_, mut tally) = idle.measure(LASTS);
    drop(idle);
    print_latency("idle (one voice)", &mut tally);
    let mut first_drop = None;
    let mut kilobits = 4_000_u64;
    while first_drop.is_none() && kilobits < 400_000 {
        let mut room = room(vec![video(kilobits, 30)]);
        room.attend_every(10);
        room.run(WARM_UP);
        let (usage, tally) = room.measure(Duration::from_secs(4));
        let rate = usage.packets() as f64 / 4.0;
        let dropped = usage.dropped();
        let busy = usage.media.as_secs_f64() / 4.0;
        println!(
            "  {kilobits} kbit/s: {rate:.0} packets/s, {:.0} % of a core, {} missing, {} unsent, dropped {dropped:?}",
            busy * 100.0,
            tally.missing,
            room.crowd.unsent(),
        );
        if tally.missing > 0 || room.crowd.unsent() > 0 || !dropped.is_empty() {
            first_drop = Some(kilobits);
        } else {
            kilobits = kilobits * 5 / 4;
        }
    }
    let half = first_drop.unwrap_or(kilobits) / 2;
    let mut room = room(vec![video(half, 30)]);
    room.attend_every(10);
    room.run(WARM_UP);
    let (usage, mut tally) = room.measure(LASTS);
    println!(
        "  half of that: {half} kbit/s, {:.0} packets/s",
        usage.packets() as f64 / LASTS.as_secs_f64()
    );
    print_latency("half", &mut tally);
}

fn print_latency(name: &str, tally: &mut Tally) {
    let mut at = |per_mille| {
        tally.latency(per_mille).map_or(f64::NAN, |latency| latency.as_secs_f64() * 1_000.0)
    };
    let (median, high, highest) = (at(500), at(990), at(999));
    println!(
        "  {name}: p50 {median:.3} ms, p99 {high:.3} ms, p99.9 {highest:.3} ms (aim: 0.1, 1, 5)"
    );
}
