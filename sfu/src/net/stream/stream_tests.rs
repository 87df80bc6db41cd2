//! Connections over real sockets, with a shard that knows nobody: what has to be known of one is shown by `tests`.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};

use super::*;
use crate::ShardConfig;
use crate::config::Limits;
use crate::net::batch::Urgency;
use crate::net::clock::epoch;
use crate::net::poll::Poll;
use crate::transport::dtls::Certificate;

/// A thread's streams without the thread.
struct Bench {
    clock: Clock,
    poll: Poll,
    shard: Shard,
    streams: Streams,
    batch: RecvBatch,
    counters: Counters,
    address: SocketAddr,
}

/// Longer than anything takes on one machine.
const PATIENCE: Duration = Duration::from_secs(5);

impl Bench {
    fn new() -> Self {
        let poll = Poll::new().unwrap();
        let any = "127.0.0.1:0".parse().unwrap();
        let listener = Listener::bind(any, Dscp::INTERACTIVE).unwrap();
        let address = listener.listener.local_addr().unwrap();
        let (start, start_ntp) = epoch();
        let certificate = Certificate::generate().unwrap();
        let limits = Limits::default();
        let config = ShardConfig { start, start_ntp, hash_seed: 1, certificate, limits };
        Self {
            clock: Clock::new(),
            streams: Streams::new(vec![listener], &poll).unwrap(),
            poll,
            shard: Shard::new(config),
            batch: RecvBatch::new(),
            counters: Counters::default(),
            address,
        }
    }

    fn connect(&mut self) -> TcpStream {
        let before = self.done();
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        while self.done() == before {
            self.turn();
        }
        stream
    }

    /// Connections that were accepted, or refused.
    fn done(&self) -> u64 {
        self.counters.streams_accepted.value() + self.ended(StreamEnd::Refused)
    }

    fn ended(&self, end: StreamEnd) -> u64 {
        self.counters.streams_ended.of(end)
    }

    fn turn(&mut self) {
        let ready = self.poll.wait(Some(PATIENCE)).unwrap();
        assert!(!ready.is_empty(), "nothing came");
        for token in ready.iter().map(|readable| readable.0) {
            let ends = (&self.poll, &mut self.shard);
            assert!(self.streams.ready(
                token,
                &self.clock,
                ends,
                &mut self.batch,
                &mut self.counters
            ));
        }
    }

    fn path_of(&self, stream: &TcpStream) -> Path {
        Path { local: STREAM, remote: stream.local_addr().unwrap() }
    }
}

/// A sealed packet of a picture as far as it can be read: SSRC 7, and how many of how many it is.
fn picture(timestamp: u32, place: u8, count: u8) -> Vec<u8> {
    let mut packet = vec![0x80, 96, 0, 0];
    packet.extend(timestamp.to_be_bytes());
    packet.extend(7_u32.to_be_bytes());
    packet.extend([place, count]);
    packet.resize(1_200, 0);
    packet
}

#[test]
fn datagrams_come_and_go_behind_their_lengths() {
    let mut bench = Bench::new();
    let mut client = bench.connect();
    client.write_all(&[0, 3, 99]).unwrap();
    bench.turn();
    assert_eq!(bench.counters.datagrams.of(Direction::Received), 0);
    client.write_all(&[98, 97, 0, 1, 96, 0]).unwrap();
    bench.turn();
    assert_eq!(bench.counters.datagrams.of(Direction::Received), 2);
    assert_eq!(bench.counters.bytes.of(Direction::Received), 4);

    let mut batch = SendBatch::new();
    let path = bench.path_of(&client);
    let write = |room: &mut [u8]| {
        room[..2].copy_from_slice(&[5, 6]);
        Some(2)
    };
    assert!(batch.write(path, write));
    let gone = Path { remote: "127.0.0.1:9".parse().unwrap(), ..path };
    assert!(batch.write(gone, write));
    bench.streams.send(bench.clock.now(), &batch, &mut bench.counters);
    let mut came = [0; 4];
    client.read_exact(&mut came).unwrap();
    assert_eq!(came, [0, 2, 5, 6]);
    assert_eq!(bench.counters.datagrams.of(Direction::Sent), 1);
    assert_eq!(bench.counters.dropped.of(DropReason::StreamGone), 1);
}

#[test]
fn a_frame_that_is_too_long_ends_its_connection_alone() {
    let mut bench = Bench::new();
    let (mut bad, mut good) = (bench.connect(), bench.connect());
    bad.write_all(&[0, 1, 99, 0x05, 0xdd]).unwrap();
    bench.turn();
    assert_eq!(bench.ended(StreamEnd::TooLong), 1);
    assert_eq!(bench.counters.datagrams.of(Direction::Received), 1, "what came before is taken");
    assert_eq!(bad.read(&mut [0; 9]).unwrap(), 0, "closed");
    good.write_all(&[0, 1, 99]).unwrap();
    bench.turn();
    assert_eq!(bench.counters.datagrams.of(Direction::Received), 2);
}

#[test]
fn one_address_has_so_many_connections_and_gets_places_back() {
    let mut bench = Bench::new();
    let mut clients: Vec<TcpStream> = (0..OF_ONE_ADDRESS_MAX).map(|_| bench.connect()).collect();
    let mut refused = bench.connect();
    assert_eq!(bench.ended(StreamEnd::Refused), 1);
    assert_eq!(refused.read(&mut [0; 9]).unwrap(), 0, "closed at once");
    clients.pop().unwrap().shutdown(Shutdown::Both).unwrap();
    bench.turn();
    assert_eq!(bench.ended(StreamEnd::Gone), 1);
    let _another = bench.connect();
    assert_eq!(bench.ended(StreamEnd::Refused), 1);
    assert_eq!(bench.streams.connections.len(), OF_ONE_ADDRESS_MAX, "its place was taken again");
}

#[test]
fn who_proves_nothing_is_closed_after_ten_seconds() {
    let mut bench = Bench::new();
    let mut client = bench.connect();
    let due = bench.streams.deadline().unwrap();
    let opened = due - LOOK;
    let Bench { streams, shard, counters, .. } = &mut bench;
    for tenths in 0..100 {
        streams.look(opened + Duration::from_millis(100) * tenths, shard, counters);
    }
    assert_eq!(counters.streams_ended.of(StreamEnd::Unproved), 0);
    streams.look(opened + PROOF_MAX + LOOK, shard, counters);
    assert_eq!(counters.streams_ended.of(StreamEnd::Unproved), 1);
    assert_eq!(client.read(&mut [0; 9]).unwrap(), 0, "closed");
    assert_eq!(streams.deadline(), None, "nobody is left to look at");
}

/// Somebody reads nothing for a while: what comes then are whole frames, in order, and none of what is missing was begun.
#[test]
fn a_stream_that_backs_up_loses_whole_frames() {
    let mut bench = Bench::new();
    let mut client = bench.connect();
    client.set_nonblocking(true).unwrap();
    let path = bench.path_of(&client);
    let (mut now, mut batch) = (bench.clock.now(), SendBatch::new());
    let mut bytes = Vec::new();
    for frame in 0..600 {
        now += Duration::from_millis(33);
        batch.clear();
        for place in 0..5 {
            let packet = picture(frame, place, 5);
            assert!(batch.write_as(Urgency::Picture, path, |room| {
                room[..packet.len()].copy_from_slice(&packet);
                Some(packet.len())
            }));
        }
        bench.streams.go_on(&bench.poll).unwrap();
        bench.streams.send(now, &batch, &mut bench.counters);
        // From the middle on it reads again, faster than is sent.
        if frame >= 400 {
            drain(&mut client, &mut bytes);
        }
    }
    let dropped = bench.counters.dropped.of(DropReason::StreamFull);
    assert!(dropped > 100, "{dropped} packets");
    while {
        bench.streams.go_on(&bench.poll).unwrap();
        drain(&mut client, &mut bytes) > 0
    } {}
    let mut came: Vec<(u32, u8)> = Vec::new();
    let used = framing::split(&bytes, |packet| {
        let timestamp = u32::from_be_bytes(packet[4..8].try_into().unwrap());
        came.push((timestamp, packet[12]));
    });
    assert_eq!(used, Ok(bytes.len()));
    assert_eq!(came.len() as u64 + dropped, 3_000);
    // One frame is cut short where the stream stops, and a few while it is found out how fast it is again.
    let mut whole = 0;
    for frame in came.chunk_by(|one, other| one.0 == other.0) {
        let places: Vec<u8> = frame.iter().map(|(_, place)| *place).collect();
        assert!(places.iter().copied().eq((0..).take(places.len())), "{places:?}");
        whole += usize::from(places.len() == 5);
    }
    let frames = came.chunk_by(|one, other| one.0 == other.0).count();
    assert!(frames > 150 && whole + 5 >= frames, "{whole} of {frames}");
    let last = came.last().unwrap();
    assert_eq!(*last, (599, 4), "it has recovered");
}

/// Reads what there is.
fn drain(client: &mut TcpStream, bytes: &mut Vec<u8>) -> usize {
    let (mut chunk, mut all) = ([0; 65_536], 0);
    loop {
        match client.read(&mut chunk) {
            Ok(read) if read > 0 => {
                bytes.extend_from_slice(&chunk[..read]);
                all += read;
            }
            Ok(_) => return all,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return all,
            Err(error) => panic!("{error}"),
        }
    }
}
