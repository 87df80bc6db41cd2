//! The forwarder over real sockets does what the simulated network does: rate within 2 %, delay within 2 ms, loss within 0.5 %.

use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use simulcast::Bitrate;
use tests::forwarder::ways::Shape;
use tests::forwarder::{Door, Forwarder, Tally};
use tests::rfc8867::trace::Moment;
use tokio::time::{MissedTickBehavior, interval};
use tools::simnet::route::Route;
use tools::simnet::time::SimTime;
use tools::simnet::{Network, UDP_OVERHEAD};

/// A client and a server with a forwarder between them, which runs until the end of the bench.
struct Bench {
    client: UdpSocket,
    server: UdpSocket,
    door: SocketAddr,
    /// The forwarder ends when this is closed, and tells what happened.
    control: UnixStream,
    thread: JoinHandle<Tally>,
}

/// A datagram that came.
#[derive(Clone, Copy, Debug)]
struct Came {
    at: Instant,
    number: u64,
    bytes: usize,
}

/// Nothing more comes after this long without anything: longer than any queue and delay here.
const SILENCE: Duration = Duration::from_secs(1);

fn now() -> Instant {
    sfu::net::clock::Clock::new().now()
}

fn local() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    socket.set_read_timeout(Some(SILENCE)).expect("a timeout");
    socket
}

/// A moment of a trace, with a queue of 300 ms.
fn moment(at_ms: u64, kbps: u64, delay_ms: u64, loss: f64) -> Moment {
    Moment {
        at: SimTime::milliseconds(at_ms),
        rate: Bitrate::kbps(kbps),
        queue: Duration::from_millis(300),
        delay: Duration::from_millis(delay_ms),
        loss,
    }
}

impl Bench {
    /// With a forwarder that has begun.
    fn start(shape: Shape) -> Self {
        let (client, server) = (local(), local());
        let inner = server.local_addr().expect("an address");
        let outer = "127.0.0.1:0".parse().expect("an address");
        let mut forwarder = Forwarder::open(&[Door { outer, inner }], shape).expect("free ports");
        forwarder.begin();
        let door = forwarder.address(0).expect("a door");
        let (control, other) = UnixStream::pair().expect("a pair");
        forwarder.watch(other.as_fd()).expect("it can be watched");
        let thread = thread::spawn(move || {
            while !forwarder.turn().expect("a turn") {}
            drop(other);
            forwarder.tally()
        });
        Self { client, server, door, control, thread }
    }

    /// Has the client send one datagram, so that the server knows where it is. Gives its address.
    fn greet(&self) -> SocketAddr {
        self.client.send_to(&[7], self.door).expect("sent");
        let (_, flow) = self.server.recv_from(&mut [0; 16]).expect("it came");
        flow
    }

    fn end(self) -> Tally {
        drop(self.control);
        self.thread.join().expect("it ends")
    }
}

/// Takes in what comes until nothing does for a while.
fn listen(socket: &UdpSocket) -> JoinHandle<Vec<Came>> {
    let socket = socket.try_clone().expect("a second handle");
    thread::spawn(move || {
        let mut came = Vec::new();
        let mut buffer = [0; 2048];
        while let Ok(bytes) = socket.recv(&mut buffer) {
            let number = u64::from_be_bytes(buffer[..8].try_into().expect("eight bytes"));
            came.push(Came { at: now(), number, bytes });
        }
        came
    })
}

/// Sends numbered datagrams of `bytes`, `together` of them each `every`; gives when each was sent.
async fn send(
    from: &UdpSocket,
    to: SocketAddr,
    (count, together): (u64, u64),
    bytes: usize,
    every: Duration,
) -> Vec<Instant> {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut datagram = vec![0; bytes];
    let mut sent = Vec::new();
    for number in 0..count {
        if number % together == 0 {
            ticks.tick().await;
        }
        datagram[..8].copy_from_slice(&number.to_be_bytes());
        sent.push(now());
        from.send_to(&datagram, to).expect("sent");
    }
    sent
}

/// Bits a second on the wire of what came in a span after the first.
fn rate(came: &[Came], from_ms: u64, to_ms: u64) -> f64 {
    let span = Duration::from_millis(from_ms)..Duration::from_millis(to_ms);
    let inside: Vec<&Came> =
        came.iter().filter(|one| span.contains(&(one.at - came[0].at))).collect();
    let bytes: usize = inside[1..].iter().map(|one| one.bytes + UDP_OVERHEAD as usize).sum();
    let took = inside.last().expect("some came").at - inside[0].at;
    bytes as f64 * 8.0 / took.as_secs_f64()
}

fn assert_rate(came: &[Came], span: (u64, u64), kbps: f64) {
    let off = rate(came, span.0, span.1) / (kbps * 1_000.0) - 1.0;
    assert!(off.abs() <= 0.02, "{kbps} kbit/s in {span:?} ms: off by {:.2} %", off * 100.0);
}

/// The median of how long datagrams were under way, and the longest.
fn delays(sent: &[Instant], came: &[Came]) -> (Duration, Duration) {
    let place = |number: u64| usize::try_from(number).expect("small");
    let mut delays: Vec<Duration> =
        came.iter().map(|one| one.at - sent[place(one.number)]).collect();
    delays.sort();
    (delays[delays.len() / 2], delays[delays.len() - 1])
}

/// Twice what the link carries: it is never idle, and its queue of 300 ms is full. Each way.
#[tokio::test]
async fn the_rate_is_the_schedules_within_two_percent() {
    let trace = vec![moment(0, 2_000, 20, 0.0), moment(2_000, 1_000, 20, 0.0)];
    let shape = Shape { down: trace.clone(), up: trace, ..Shape::default() };
    let bench = Bench::start(shape.clone());
    let listening = listen(&bench.server);
    let sent = send(&bench.client, bench.door, (1_600, 4), 972, Duration::from_millis(8)).await;
    let came = listening.join().expect("it listened");
    assert_rate(&came, (300, 1_900), 2_000.0);
    assert_rate(&came, (2_300, 3_100), 1_000.0);
    let tally = bench.end();
    assert_eq!(came.len() as u64 + tally.up.queue_full, sent.len() as u64, "{tally:?}");
    // What the queue holds at 2 Mbit/s takes twice as long when the rate falls.
    let longest = tally.up.queue_delay_max.as_millis();
    assert!((560..=604).contains(&longest), "{longest} ms");

    let bench = Bench::start(shape);
    let flow = bench.greet();
    let listening = listen(&bench.client);
    send(&bench.server, flow, (800, 4), 972, Duration::from_millis(8)).await;
    let came = listening.join().expect("it listened");
    assert_rate(&came, (100, 1_500), 2_000.0);
    assert!(bench.end().down.queue_full > 0);
}

/// One at a time: the constant delay, and 972 + 28 bytes at 1 Mbit/s, 8 ms.
#[tokio::test]
async fn the_delay_is_the_traces_within_two_milliseconds() {
    let shape = Shape {
        down: vec![moment(0, 1_000, 20, 0.0)],
        up: vec![moment(0, 1_000, 70, 0.0)],
        ..Shape::default()
    };
    let bench = Bench::start(shape);
    let flow = bench.greet();
    let ways =
        [(&bench.client, bench.door, &bench.server, 78), (&bench.server, flow, &bench.client, 28)];
    for (from, to, at, expected) in ways {
        let listening = listen(at);
        let sent = send(from, to, (100, 1), 972, Duration::from_millis(12)).await;
        let came = listening.join().expect("it listened");
        assert_eq!(came.len(), 100);
        let (median, _) = delays(&sent, &came);
        let off = median.abs_diff(Duration::from_millis(expected));
        assert!(off <= Duration::from_millis(2), "{median:?}, not {expected} ms");
    }
    assert_eq!(bench.end().down.lost, 0);
}

/// As many as the simulated network loses with the same seed, and about as many as asked for.
#[tokio::test]
async fn the_loss_is_the_traces_within_half_a_percent() {
    for (seed, burst) in [(1, 1.0), (1, 5.0)] {
        let trace = vec![moment(0, 1_000_000, 5, 0.05)];
        let shape = Shape { up: trace.clone(), burst, seed, ..Shape::default() };
        let bench = Bench::start(shape);
        let listening = listen(&bench.server);
        let every = Duration::from_millis(2);
        send(&bench.client, bench.door, (COUNT, 16), 100, every).await;
        let came = listening.join().expect("it listened").len() as u64;
        let tally = bench.end();
        assert_eq!((tally.refused, tally.unsent, tally.up.queue_full), (0, 0, 0), "seed {seed}");
        let lost = COUNT - came;
        assert_eq!(lost, lost_in_virtual_time(trace[0], burst, seed), "{tally:?}");
        let percent = lost as f64 * 100.0 / COUNT as f64;
        assert!((percent - 5.0).abs() <= 0.5, "{percent:.2} % in bursts of {burst}");
    }
}

/// Datagrams of which some are lost.
const COUNT: u64 = 30_000;

fn lost_in_virtual_time(moment: Moment, burst: f64, seed: u64) -> u64 {
    let mut network = Network::new(seed);
    let route = network.add_route(moment.route(&Route::default(), burst));
    for number in 0..COUNT {
        network.send(SimTime::milliseconds(number), route, 128, number);
        while network.poll(SimTime::milliseconds(number)).is_some() {}
    }
    network.counts(route).lost
}

/// The first client came before the beginning, the second after it.
#[tokio::test]
async fn who_was_there_before_the_beginning_is_not_touched() {
    let server = local();
    let inner = server.local_addr().expect("an address");
    let outer = "127.0.0.1:0".parse().expect("an address");
    let shape = Shape { up: vec![moment(0, 1_000, 0, 1.0)], ..Shape::default() };
    let mut forwarder = Forwarder::open(&[Door { outer, inner }], shape).expect("free ports");
    let door = forwarder.address(0).expect("a door");
    let [early, late] = [local(), local()];
    early.send_to(&[1], door).expect("sent");
    forwarder.turn().expect("a turn");
    forwarder.begin();
    late.send_to(&[2], door).expect("sent");
    forwarder.turn().expect("a turn");
    early.send_to(&[3], door).expect("sent");
    forwarder.turn().expect("a turn");
    let mut got = Vec::new();
    let mut buffer = [0; 16];
    while let Ok(length) = server.recv(&mut buffer) {
        got.extend_from_slice(&buffer[..length]);
    }
    assert_eq!(got, [1, 3]);
    let tally = forwarder.tally();
    assert_eq!((tally.flows, tally.shaped, tally.up.offered, tally.up.lost), (2, 1, 1, 1));
}
