//! Stands between the server and its clients and shapes the way of those that come after a word: see `tests::forwarder`.
//!
//! Reads lines: `begin` has new flows shaped from then on and the time of the traces run; each line, `begin` or not, is answered with
//! one line of JSON, what happened so far. The end of its input ends it, so it never outlives whoever started it.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use serde_json::{Value, json};
use tests::forwarder::ways::Shape;
use tests::forwarder::{Door, Forwarder, Tally};
use tests::rfc8867::trace::{self, Moment};
use tools::simnet::jitter::Jitter;
use tools::simnet::route::Counts;

/// A bad network over real sockets, by the rules of the simulated one.
#[derive(Debug, Parser)]
struct Arguments {
    /// Where clients send to, and the server's address behind it. May be repeated.
    #[arg(long, value_name = "OUTER=INNER", value_parser = door, required = true)]
    door: Vec<Door>,
    /// Lines `seconds,bps,queue_ms,delay_ms,loss`: the way to clients. Boundless without.
    #[arg(long, value_name = "FILE")]
    down: Option<PathBuf>,
    /// The same, the way from clients.
    #[arg(long, value_name = "FILE")]
    up: Option<PathBuf>,
    /// The most jitter on top of the delay, both ways; a third of it is its deviation (RFC 8868: 15 and 5 ms).
    #[arg(long, value_name = "MS", default_value_t = 0)]
    jitter_ms: u64,
    /// Packets lost in a row, in the mean; 1 for each by itself.
    #[arg(long, value_name = "PACKETS", default_value_t = 1.0)]
    burst: f64,
    /// Decides every draw.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("forwarder: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), String> {
    let shape = Shape {
        down: trace_of(arguments.down.as_deref())?,
        up: trace_of(arguments.up.as_deref())?,
        jitter: (arguments.jitter_ms > 0).then(|| Jitter {
            deviation: Duration::from_millis(arguments.jitter_ms) / 3,
            limit: Duration::from_millis(arguments.jitter_ms),
        }),
        burst: arguments.burst,
        seed: arguments.seed,
    };
    let mut forwarder =
        Forwarder::open(&arguments.door, shape).map_err(|error| error.to_string())?;
    serve(&mut forwarder).map_err(|error| error.to_string())
}

/// Forwards until the input ends.
fn serve(forwarder: &mut Forwarder) -> io::Result<()> {
    let mut control = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    forwarder.watch(control.as_fd())?;
    let mut line = Vec::new();
    loop {
        if !forwarder.turn()? {
            continue;
        }
        let mut bytes = [0; 256];
        let length = control.read(&mut bytes)?;
        if length == 0 {
            return Ok(());
        }
        for byte in &bytes[..length] {
            if *byte != b'\n' {
                line.truncate(LINE_MAX);
                line.push(*byte);
                continue;
            }
            if line == b"begin" {
                forwarder.begin();
            }
            println!("{}", told(&forwarder.tally()));
            line.clear();
        }
    }
}

fn told(tally: &Tally) -> Value {
    let way = |counts: Counts| {
        json!({
            "offered": counts.offered,
            "queueFull": counts.queue_full,
            "lost": counts.lost,
            "queueMsMax": counts.queue_delay_max.as_millis(),
        })
    };
    json!({
        "flows": tally.flows,
        "shaped": tally.shaped,
        "down": way(tally.down),
        "up": way(tally.up),
        "refused": tally.refused,
        "unsent": tally.unsent,
    })
}

fn trace_of(path: Option<&Path>) -> Result<Vec<Moment>, String> {
    let Some(path) = path else { return Ok(Vec::new()) };
    let complaint = |error: String| format!("{}: {error}", path.display());
    let text = fs::read_to_string(path).map_err(|error| complaint(error.to_string()))?;
    trace::read(&text).map_err(complaint)
}

fn door(text: &str) -> Result<Door, String> {
    let (outer, inner) = text.split_once('=').ok_or("OUTER=INNER, two addresses with ports")?;
    let read = |text: &str| text.parse::<SocketAddr>().map_err(|error| format!("{text}: {error}"));
    Ok(Door { outer: read(outer)?, inner: read(inner)? })
}

/// There is one word; a line that is longer is none, whatever follows.
const LINE_MAX: usize = 16;
