//! The thread from outside: what can be seen of it without media.

use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use super::*;
use crate::media::ParticipantId;

/// Far longer than anything here takes; only a broken thread reaches it.
const PATIENCE: Duration = Duration::from_secs(10);

fn bells() -> Bells {
    Bells::new(1).unwrap()
}

fn config() -> MediaConfig {
    MediaConfig {
        name: "media test".to_owned(),
        bind: vec![SocketAddr::from(([127, 0, 0, 1], 0))],
        shard: ShardIndex::default(),
        dscp: Dscp::DEFAULT,
    }
}

/// A shard as the server makes it.
fn shard() -> Shard {
    Shard::new(shard_config())
}

fn shard_config() -> crate::ShardConfig {
    let (start, start_ntp) = crate::net::clock::epoch();
    crate::ShardConfig {
        start,
        start_ntp,
        hash_seed: 1,
        certificate: crate::transport::dtls::Certificate::generate().unwrap(),
        limits: crate::config::Limits::default(),
    }
}

fn leave() -> Command {
    Command::Leave { participant: ParticipantId(1) }
}

/// A sink with room for `room` events.
#[expect(clippy::type_complexity, reason = "the parameter of `start` beside the other end")]
fn sink(room: usize) -> (Box<dyn FnMut(Event) -> Result<(), Event> + Send>, Receiver<Event>) {
    let (sender, receiver) = sync_channel::<Event>(room);
    let sink = move |event| {
        sender.try_send(event).map_err(|full| match full {
            std::sync::mpsc::TrySendError::Full(event)
            | std::sync::mpsc::TrySendError::Disconnected(event) => event,
        })
    };
    (Box::new(sink), receiver)
}

#[test]
fn it_starts_on_the_addresses_it_was_given_and_frees_them_when_it_stops() {
    let (sink, _events) = sink(1000);
    let mut config = config();
    config.bind.push(SocketAddr::from(([127, 0, 0, 1], 0)));
    let thread = MediaThread::start(config, &bells(), shard, sink).unwrap();
    let addresses = thread.local_addresses().to_vec();
    assert!(addresses.len() == 2 && addresses.iter().all(|address| address.port() != 0));
    assert_ne!(addresses[0], addresses[1]);
    assert!(std::net::UdpSocket::bind(addresses[1]).is_err());
    thread.stop();
    for address in addresses {
        std::net::UdpSocket::bind(address).unwrap();
    }
}

#[test]
fn a_busy_port_is_one_clear_line_and_the_operators() {
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let _holder = std::net::UdpSocket::bind(taken).unwrap();
    let start =
        |bind| MediaThread::start(MediaConfig { bind, ..config() }, &bells(), shard, sink(1).0);
    let error = start(vec![taken]).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("UDP port {} of 127.0.0.1 is in use by another program", taken.port())
    );
    assert_eq!(error.fault(), Fault::Operator);
    // TEST-NET-1 (RFC 5737): no machine has it.
    let foreign = start(vec!["192.0.2.1:0".parse().unwrap()]).unwrap_err();
    assert_eq!(foreign.to_string(), "this machine does not have the address 192.0.2.1");
    assert!(matches!(start(vec![]).unwrap_err(), MediaError::NoAddress));
}

#[test]
fn commands_beyond_the_rings_length_are_taken_one_turn_after_another() {
    let (sink, _events) = sink(100_000);
    let mut thread = MediaThread::start(config(), &bells(), shard, sink).unwrap();
    let clock = Clock::new();
    let deadline = clock.now() + PATIENCE;
    for id in 0..20 * COMMANDS_MAX as u64 {
        let mut waiting = (CommandId(id), leave());
        while let Err(full) = thread.command(waiting.0, waiting.1) {
            assert!(clock.now() < deadline, "{id} commands taken");
            assert_eq!(full.id, CommandId(id), "it comes back");
            waiting = (full.id, *full.command);
            std::thread::yield_now();
        }
    }
    thread.stop();
}

#[test]
fn a_panic_ends_the_thread_alone_and_is_told_even_to_a_sink_that_was_full() {
    let (sink, events) = {
        let (mut inner, events) = sink(1);
        let mut refused = 0;
        let sink = move |event| {
            // Full the first three times.
            if refused < 3 {
                refused += 1;
                return Err(event);
            }
            inner(event)
        };
        (Box::new(sink), events)
    };
    let make = || panic!("as a mistake in the shard would");
    let mut thread = MediaThread::start(config(), &bells(), make, sink).unwrap();
    let address = thread.local_addresses()[0];
    let event = events.recv_timeout(PATIENCE).unwrap();
    assert!(matches!(event, Event::Stopped(StopReason::Panicked)), "{event:?}");
    std::net::UdpSocket::bind(address).unwrap();
    // The thread is ending or has ended: from then on no command is taken, and each comes back.
    let deadline = Clock::new().now() + PATIENCE;
    while thread.command(CommandId(1), leave()).is_ok() {
        assert!(Clock::new().now() < deadline);
    }
    thread.stop();
}

#[test]
fn when_one_thread_panics_the_others_are_woken_and_go_on() {
    let bells = Bells::new(2).unwrap();
    let mut mesh = crate::relay::mesh(2).into_iter();
    let (broken, _gone) = sink(10);
    let relays = mesh.next();
    let make = || {
        let _dropped_as_a_shard_would = relays;
        panic!("as a mistake in the shard would")
    };
    let broken = MediaThread::start(config(), &bells, make, broken).unwrap();
    let (sound, events) = sink(10);
    let config = MediaConfig { shard: ShardIndex(1), ..config() };
    let make = move || Shard::with_relays(shard_config(), mesh.next().unwrap());
    let mut sound = MediaThread::start(config, &bells, make, sound).unwrap();
    broken.stop();
    sound.command(CommandId(7), leave()).unwrap();
    let answer = events.recv_timeout(PATIENCE).unwrap();
    assert!(matches!(answer, Event::Refused(CommandId(7), _)), "{answer:?}");
}

#[test]
fn a_thread_whose_last_words_nobody_takes_can_still_be_stopped() {
    let (asked_sender, asked) = sync_channel(1);
    let sink = move |event| {
        let _told = asked_sender.try_send(());
        Err(event)
    };
    let make = || panic!("as a mistake in the shard would");
    let thread = MediaThread::start(config(), &bells(), make, Box::new(sink)).unwrap();
    asked.recv_timeout(PATIENCE).unwrap();
    thread.stop();
}

#[test]
fn an_idle_thread_sleeps_until_it_is_rung() {
    let (done, turns) = sync_channel(10);
    let bell = Arc::new(Bell::new().unwrap());
    let (producer, mut commands) = RingBuffer::new(COMMANDS_MAX);
    let thread_bell = Arc::clone(&bell);
    let thread = std::thread::spawn(move || {
        let mut poll = Poll::new().unwrap();
        poll.add(thread_bell.as_fd(), BELL).unwrap();
        let sockets = vec![Socket::bind(SocketAddr::from(([127, 0, 0, 1], 0)), 0).unwrap()];
        let outbox = Outbox::new(sockets, &poll).unwrap();
        let shard = shard();
        // An event a shard has when it is made, its first deadline among them, must not count as waking.
        let idle = shard.poll_timeout().is_none();
        let mut sink = |_| Ok(());
        let (clock, bells) = (Clock::new(), bells());
        let wait = (&mut poll, &*thread_bell, &bells);
        let gather = Gather::new().unwrap();
        let ways = (outbox, Streams::new(Vec::new(), wait.0).unwrap());
        let mut turns = Turns::new(clock, wait, gather, &mut commands, ways, shard, &mut sink);
        loop {
            let next = turns.turn().unwrap();
            done.send((next, idle)).unwrap();
            if next == Next::Stop {
                break;
            }
        }
    });
    let (first, idle) = turns.recv_timeout(PATIENCE).unwrap();
    assert_eq!(first, Next::Another, "the first turn waits for nothing");
    if idle {
        assert!(turns.recv_timeout(Duration::from_millis(200)).is_err(), "woken for nothing");
    }
    bell.ring();
    assert_eq!(turns.recv_timeout(PATIENCE).unwrap().0, Next::Another);
    drop(producer);
    bell.ring();
    while turns.recv_timeout(PATIENCE).unwrap().0 == Next::Another {}
    thread.join().unwrap();
}
