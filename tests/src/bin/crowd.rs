//! Light native participants who join a channel together, as a process, for browser scenarios.
//!
//! Some send a recorded Chromium's three encodings and its sound, and speak one after another; the others receive, and throw away what
//! they get. Prints one line of JSON once all are connected, and one each time that somebody else speaks. The end of its input ends it,
//! and they are gone.

use std::io::{self, Read as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use serde_json::json;
use sfu::transport::dtls::Certificate;
use tokio::sync::watch;
use tokio::time::interval;
use tools::peer::capture::Capture;
use tools::peer::crowd::{Crowd, Member};
use tools::peer::signal::{Signal, SignalError};
use tools::peer::track::Track;
use tools::peer::{Devices, Identity, Keys, Peer};

/// Native participants.
#[derive(Debug, Parser)]
struct Arguments {
    /// Where the server's page and WebSocket are.
    #[arg(long)]
    http: SocketAddr,
    /// Which channel they join.
    #[arg(long)]
    channel: String,
    /// How many.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=PEOPLE_MAX))]
    people: u64,
    /// How many of them send and speak, each for five seconds.
    #[arg(long, default_value_t = 0)]
    speakers: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("crowd: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<(), String> {
    let is_over = until_the_input_ends();
    let mut crowd = Crowd::new().map_err(|error| error.to_string())?;
    let certificate = Certificate::generate().map_err(|error| error.to_string())?;
    let capture =
        Capture::read(Path::new(CAPTURE), BROWSER_PORT).map_err(|error| error.to_string())?;
    let (speaker, speaks) = watch::channel(0);
    let (begin, _) = crowd.now();
    for seed in 1..=arguments.people {
        let sends = seed <= arguments.speakers;
        let tracks = if sends { recorded(&capture)? } else { Vec::new() };
        enter(arguments, &mut crowd, seed, &certificate, tracks, speaks.clone()).await?;
    }
    if arguments.speakers > 0 {
        tokio::spawn(speak_in_turn(arguments.speakers, speaker));
    }
    let joined = crowd.now().0 - begin;
    tokio::task::block_in_place(|| {
        let connected = connect(&mut crowd, begin)?;
        let told = json!({
            "people": arguments.people,
            "joinedMs": joined.as_millis(),
            "connectedMs": connected.as_millis(),
        });
        println!("{told}");
        stay(&mut crowd, &is_over)
    })
}

/// Has everybody who may speak do so in turn, as long as there is anybody.
async fn speak_in_turn(speakers: u64, speaker: watch::Sender<u64>) {
    let mut turns = interval(TURN);
    for place in 0.. {
        turns.tick().await;
        let seed = place % speakers + 1;
        if speaker.send(seed).is_err() {
            return;
        }
        println!("{}", json!({ "speaker": name(seed) }));
    }
}

fn name(seed: u64) -> String {
    format!("Person {seed}")
}

fn recorded(capture: &Capture) -> Result<Vec<Track>, String> {
    let complaint = |error: tools::peer::capture::CaptureError| error.to_string();
    let sound = capture.microphone(AUDIO, LOUD).map_err(complaint)?;
    Ok(vec![sound, capture.camera(&ENCODINGS).map_err(complaint)?])
}

/// Lets somebody in; their WebSocket stays open beside.
async fn enter(
    arguments: &Arguments,
    crowd: &mut Crowd,
    seed: u64,
    certificate: &Certificate,
    tracks: Vec<Track>,
    speaks: watch::Receiver<u64>,
) -> Result<(), String> {
    let devices = Devices { tracks, audio_slots: 3, video_slots: 4 };
    let identity = Identity { seed, certificate: certificate.clone() };
    let complaint = |error: &dyn std::fmt::Display| format!("person {seed}: {error}");
    let mut signal = Signal::join(arguments.http, &arguments.channel, &name(seed))
        .await
        .map_err(|error| complaint(&error))?;
    let answer = signal.offer(&identity.offer(&devices)).await;
    let answer = answer.map_err(|error| complaint(&error))?;
    tokio::spawn(stay_in(signal, seed, !devices.tracks.is_empty(), speaks));
    let keys = Keys::Dtls(certificate.clone());
    let peer = Peer::new(crowd.now(), seed, &keys, &devices, &answer);
    let peer = peer.ok_or_else(|| format!("person {seed}: the answer has no candidate"))?;
    crowd.admit(peer).map_err(|error| complaint(&error))?;
    Ok(())
}

/// Keeps a WebSocket open, and has its owner speak when it is their turn.
async fn stay_in(
    mut signal: Signal,
    seed: u64,
    camera: bool,
    mut speaks: watch::Receiver<u64>,
) -> Result<(), SignalError> {
    loop {
        let muted = *speaks.borrow_and_update() != seed;
        let voice = json!({ "op": "voice", "muted": muted, "deafened": false, "camera": camera, "screen": false });
        signal.send(&voice).await?;
        loop {
            tokio::select! {
                message = signal.next() => drop(message?),
                changed = speaks.changed() => match changed {
                    Ok(()) => break,
                    Err(_) => return signal.stay().await,
                },
            }
        }
    }
}

/// Runs until everybody is connected; says how long that took.
fn connect(crowd: &mut Crowd, begin: Instant) -> Result<Duration, String> {
    let all = |members: &[Member]| members.iter().all(|member| member.peer.is_connected());
    crowd.run(begin + CONNECTED_MAX, all).map_err(|error| error.to_string())?;
    if all(crowd.members()) {
        Ok(crowd.now().0 - begin)
    } else {
        Err(format!("not everybody was connected within {CONNECTED_MAX:?}"))
    }
}

/// Receives until the input has ended.
fn stay(crowd: &mut Crowd, is_over: &AtomicBool) -> Result<(), String> {
    while !is_over.load(Ordering::Relaxed) {
        let end = crowd.now().0 + LOOK;
        crowd.run(end, |_| false).map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// Whether the input has ended, as a thread that waits for it says.
fn until_the_input_ends() -> Arc<AtomicBool> {
    let is_over = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&is_over);
    thread::spawn(move || {
        let mut ignored = [0; 64];
        while io::stdin().read(&mut ignored).is_ok_and(|length| length > 0) {}
        told.store(true, Ordering::Relaxed);
    });
    is_over
}

/// A recorded Chromium, and what in it is what: lowest encoding first.
const CAPTURE: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/data/chromium-vp8-simulcast-opus-10s.pcap");
const BROWSER_PORT: u16 = 1000;
const ENCODINGS: [u32; 3] = [0x3534_2e83, 0xc750_d035, 0x2dca_9646];
const AUDIO: u32 = 0xfd90_ee8d;

/// In −dBov: a voice close to its microphone.
const LOUD: u8 = 20;

/// How long one speaks.
const TURN: Duration = Duration::from_secs(5);

/// What one socket each and the server's default hold with room to spare.
const PEOPLE_MAX: u64 = 500;

/// Twenty connect within a second; this is for a machine that has other things to do.
const CONNECTED_MAX: Duration = Duration::from_secs(20);

/// Between two looks at whether it is over.
const LOOK: Duration = Duration::from_millis(200);
