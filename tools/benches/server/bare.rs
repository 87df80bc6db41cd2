//! What a server cannot do without: sealing, and handing runs to the kernel.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use sfu::metrics::Counters;
use sfu::net::batch::{Path, RECV_MAX, RecvBatch, SendBatch};
use sfu::net::clock::Clock;
use sfu::net::socket::{Sent, Socket};
use sfu::transport::srtp::{MasterKey, Profile, Sealer};

use crate::process::cpu;

/// What is to be sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) receivers: u32,
    /// Datagrams a run, in the mean.
    pub(crate) run_length: f64,
    /// Of a datagram.
    pub(crate) bytes: usize,
    /// Between two rounds, in each of which everybody gets a run; none to send without a pause.
    pub(crate) pause: Duration,
    pub(crate) rounds: u32,
}

/// Sealed as it was sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// Processor time of a datagram, in nanoseconds.
    pub(crate) each: f64,
    /// The run length that came out.
    pub(crate) run_length: f64,
}

/// Seals and sends to as many sockets, which somebody else empties, from a thread of its own.
pub(crate) fn measure(load: Load) -> Cost {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let sockets: Vec<Socket> =
        (0..load.receivers).map(|_| Socket::bind(any, 0).expect("a socket")).collect();
    let addresses = sockets.iter().map(Socket::address).collect();
    let over = Arc::new(AtomicBool::new(false));
    let drain = drain(sockets, Arc::clone(&over));
    let sender = thread::spawn(move || send(load, addresses));
    let cost = sender.join().expect("it sends");
    over.store(true, Ordering::Relaxed);
    drain.join().expect("it drains");
    cost
}

fn send(load: Load, addresses: Vec<SocketAddr>) -> Cost {
    let mut socket = Socket::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), 0).expect("a socket");
    let sealers: Vec<Sealer> = (0..load.receivers).map(sealer).collect();
    let payload = vec![0x55; load.bytes - 12 - 16];
    let (mut batch, mut counters) = (SendBatch::new(), Counters::default());
    let (mut sequence, mut owed, mut datagrams, mut runs) = (0_u64, 0.0, 0_u64, 0_u64);
    let clock = Clock::new();
    let start = clock.now();
    let before = cpu("/proc/thread-self/schedstat");
    for round in 0..load.rounds {
        owed += load.run_length;
        let length = owed as u64;
        owed -= length as f64;
        for (sealer, remote) in sealers.iter().zip(&addresses) {
            let path = Path { local: 0, remote: *remote };
            for index in sequence..sequence + length {
                if !batch.has_room() {
                    flush(&mut socket, &mut batch, &mut counters);
                }
                let [.., high, low] = index.to_be_bytes();
                let _has_room = batch.write(path, |room| {
                    room[..12].copy_from_slice(&[0x80, 96, high, low, 0, 0, 0, 0, 0, 0, 0, 7]);
                    sealer.seal_rtp(index, room, 12, 0, &payload).ok()
                });
            }
            runs += 1;
        }
        flush(&mut socket, &mut batch, &mut counters);
        datagrams += length * u64::from(load.receivers);
        sequence += length;
        let due = start + load.pause * (round + 1);
        while clock.now() < due {
            thread::park_timeout(due - clock.now());
        }
    }
    let used = cpu("/proc/thread-self/schedstat") - before;
    Cost {
        each: used.as_nanos() as f64 / datagrams as f64,
        run_length: datagrams as f64 / runs as f64,
    }
}

fn flush(socket: &mut Socket, batch: &mut SendBatch, counters: &mut Counters) {
    let mut first = 0;
    while let Sent::Stopped { at, .. } = socket.send(batch, first, counters) {
        first = at;
        thread::yield_now();
    }
    batch.clear();
}

fn sealer(id: u32) -> Sealer {
    let mut key = [7; 32];
    key[..4].copy_from_slice(&id.to_be_bytes());
    // The profile that the server's library agrees on first.
    let master = MasterKey::new(Profile::Aes256Gcm, &key, &[3; 12]).expect("it fits");
    Sealer::new(Profile::Aes256Gcm, &master).expect("it fits")
}

/// Empties sockets as receivers do, and throws away what comes.
fn drain(sockets: Vec<Socket>, over: Arc<AtomicBool>) -> JoinHandle<()> {
    thread::spawn(move || {
        let mut poll = Poll::new().expect("a poll");
        for (place, socket) in sockets.iter().enumerate() {
            let descriptor = socket.as_fd().as_raw_fd();
            let registry = poll.registry();
            registry
                .register(&mut SourceFd(&descriptor), Token(place), Interest::READABLE)
                .expect("a watch");
        }
        let (mut events, clock) = (Events::with_capacity(1_024), Clock::new());
        let (mut received, mut counters) = (RecvBatch::new(), Counters::default());
        while !over.load(Ordering::Relaxed) {
            poll.poll(&mut events, Some(Duration::from_millis(100))).expect("the poll works");
            for event in &events {
                let socket = &sockets[event.token().0];
                while socket.receive(&clock, &mut received, &mut counters) == RECV_MAX {
                    received.clear();
                }
                received.clear();
            }
        }
    })
}
