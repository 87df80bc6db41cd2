//! Over real loopback sockets, and with scripted answers of the kernel where loopback cannot give them.

use std::time::{Duration, Instant};

use super::*;
use crate::net::batch::{DATAGRAM_MAX, RECV_MAX, SEND_MAX};
use crate::net::poll::Poll;

const V4: &str = "127.0.0.1:0";
const V6: &str = "[::1]:0";

fn bind(address: &str, local: u8) -> Socket {
    Socket::bind(address.parse().unwrap(), local).unwrap()
}

fn write(batch: &mut SendBatch, local: u8, remote: SocketAddr, data: &[u8]) {
    assert!(batch.write(Path { local, remote }, |room| {
        room[..data.len()].copy_from_slice(data);
        Some(data.len())
    }));
}

struct Got {
    path: Path,
    arrival: Instant,
    ecn: Ecn,
    data: Vec<u8>,
}

/// Waits, with a deadline, until `count` datagrams have come.
fn receive(socket: &Socket, clock: &Clock, count: usize, counters: &mut Counters) -> Vec<Got> {
    let mut poll = Poll::new().unwrap();
    poll.add(socket.as_fd(), 0).unwrap();
    let mut batch = RecvBatch::new();
    let mut got = Vec::new();
    while got.len() < count {
        let ready = poll.wait(Some(Duration::from_secs(5))).unwrap();
        assert!(!ready.is_empty(), "{} of {count} arrived", got.len());
        socket.receive(clock, &mut batch, counters);
        got.extend(batch.datagrams().map(|datagram| Got {
            path: datagram.path,
            arrival: datagram.arrival,
            ecn: datagram.ecn,
            data: datagram.data.to_vec(),
        }));
        batch.clear();
    }
    got
}

#[test]
fn many_datagrams_of_all_sizes_arrive_in_order() {
    for address in [V4, V6] {
        let (mut sender, receiver) = (bind(address, 0), bind(address, 5));
        let clock = Clock::new();
        let mut counters = Counters::default();
        let mut batch = SendBatch::new();
        let payload = |index: usize| vec![index.to_le_bytes()[0]; index * 53 % DATAGRAM_MAX + 1];
        // In rounds that fit the smallest receive buffer Linux has by default (212,992 bytes, with overhead).
        for round in 0..12 {
            let indices = round * 60..(round + 1) * 60;
            for index in indices.clone() {
                write(&mut batch, 0, receiver.address(), &payload(index));
            }
            assert_eq!(sender.send(&batch, 0, &mut counters), Sent::All);
            batch.clear();
            let got = receive(&receiver, &clock, indices.len(), &mut counters);
            for (got, index) in got.iter().zip(indices) {
                assert_eq!(got.data, payload(index));
                assert_eq!(got.path, Path { local: 5, remote: sender.address() });
                assert_eq!(got.ecn, Ecn::NotCapable);
            }
        }
        assert_eq!(counters.datagrams.of(Direction::Sent), 720);
        assert_eq!(counters.datagrams.of(Direction::Received), 720);
        assert_eq!(counters.bytes.of(Direction::Received), counters.bytes.of(Direction::Sent));
    }
}

#[test]
fn a_full_batch_leaves_the_rest_for_the_next() {
    let (mut sender, receiver) = (bind(V4, 0), bind(V4, 0));
    let mut counters = Counters::default();
    let mut batch = SendBatch::new();
    let count = u8::try_from(RECV_MAX + 10).unwrap();
    for index in 0..count {
        // Each longer than the last: no two make a run.
        write(&mut batch, 0, receiver.address(), &vec![index; usize::from(index) + 1]);
    }
    assert_eq!(sender.send(&batch, 0, &mut counters), Sent::All);
    let clock = Clock::new();
    let mut received = RecvBatch::new();
    assert_eq!(receiver.receive(&clock, &mut received, &mut counters), RECV_MAX);
    assert_eq!(receiver.receive(&clock, &mut received, &mut counters), 0, "no room");
    received.clear();
    assert_eq!(receiver.receive(&clock, &mut received, &mut counters), 10);
    assert_eq!(received.datagrams().next().unwrap().data[0], count - 10);
    received.clear();
    assert_eq!(receiver.receive(&clock, &mut received, &mut counters), 0, "nothing left");
}

#[test]
fn the_kernel_stamps_arrivals_between_sending_and_receiving() {
    for address in [V4, V6] {
        let (mut sender, receiver) = (bind(address, 0), bind(address, 0));
        let mut clock = Clock::new();
        let mut counters = Counters::default();
        let mut batch = SendBatch::new();
        write(&mut batch, 0, receiver.address(), b"first");
        clock.begin_turn();
        let before = clock.begin_turn();
        assert_eq!(sender.send(&batch, 0, &mut counters), Sent::All);
        let sent = clock.now();
        // Received later than it arrived, so that the stamp and the time of receiving differ.
        let mut idle = Poll::new().unwrap();
        assert!(idle.wait(Some(Duration::from_millis(20))).unwrap().is_empty());
        let got = receive(&receiver, &clock, 1, &mut counters);
        let arrival = got[0].arrival;
        let slack = Duration::from_micros(50); // How far a pair of readings may be off.
        assert!(before - slack <= arrival, "{:?} early", before - arrival);
        // The kernel begins to stamp a moment after the first socket asked; until then it stamps on receiving.
        assert!(arrival <= clock.now());
        if arrival > sent + slack {
            write(&mut batch, 0, receiver.address(), b"second");
            let start = clock.now();
            assert_eq!(sender.send(&batch, 1, &mut counters), Sent::All);
            let sent = clock.now();
            assert!(idle.wait(Some(Duration::from_millis(20))).unwrap().is_empty());
            let arrival = receive(&receiver, &clock, 1, &mut counters)[0].arrival;
            assert!(start - slack <= arrival && arrival <= sent + slack, "{:?}", arrival - start);
        }
    }
}

#[test]
fn congestion_marks_come_with_the_datagram() {
    let marks = [
        (0, Ecn::NotCapable),
        (1, Ecn::Capable),
        (2, Ecn::Capable),
        (3, Ecn::CongestionExperienced),
    ];
    for address in [V4, V6] {
        let receiver = bind(address, 0);
        let domain = Domain::for_address(receiver.address());
        let sender = socket2::Socket::new(domain, Type::DGRAM, None).unwrap();
        for (bits, ecn) in marks {
            // A DSCP beside it must not disturb: 0xb8 is expedited forwarding.
            if receiver.address().is_ipv4() {
                sender.set_tos_v4(0xb8 | bits).unwrap();
            } else {
                sender.set_tclass_v6(0xb8 | bits).unwrap();
            }
            sender.send_to(b"x", &receiver.address().into()).unwrap();
            let got = receive(&receiver, &Clock::new(), 1, &mut Counters::default());
            assert_eq!(got[0].ecn, ecn);
        }
    }
}

#[test]
fn every_datagram_of_a_run_and_alone_carries_the_mark() {
    for address in [V4, V6] {
        let (mut sender, receiver) = (bind(address, 0), bind(address, 1));
        let marks = [Dscp::DEFAULT, Dscp::INTERACTIVE, Dscp::new(46).unwrap(), Dscp::DEFAULT];
        for dscp in marks {
            sender.mark(dscp).unwrap();
            let mut batch = SendBatch::new();
            // The first two are a run.
            for data in [&[1; 100][..], &[2; 100], &[3; 200]] {
                write(&mut batch, 0, receiver.address(), data);
            }
            assert_eq!(sender.send(&batch, 0, &mut Counters::default()), Sent::All);
            let mut poll = Poll::new().unwrap();
            poll.add(receiver.as_fd(), 0).unwrap();
            let (mut incoming, mut bytes) = (RecvBatch::new(), 0);
            while bytes < 400 {
                assert!(!poll.wait(Some(Duration::from_secs(5))).unwrap().is_empty(), "{bytes}");
                for message in syscall::receive(receiver.as_fd(), incoming.free()).unwrap() {
                    // RFC 2474, section 3: the code point is the upper six bits of the octet.
                    assert_eq!(message.traffic_class >> 2, dscp.value(), "{address}");
                    assert_eq!(message.traffic_class & 0b11, 0, "and no congestion mark");
                    bytes += message.length;
                }
            }
        }
    }
}

#[test]
fn a_datagram_that_is_too_long_or_empty_is_counted_and_its_neighbours_arrive() {
    let receiver = bind(V4, 0);
    let sender = std::net::UdpSocket::bind(V4).unwrap();
    for data in [&b"before"[..], &[0; DATAGRAM_MAX + 1], b"", &[1; DATAGRAM_MAX], b"after"] {
        sender.send_to(data, receiver.address()).unwrap();
    }
    let mut counters = Counters::default();
    let got = receive(&receiver, &Clock::new(), 3, &mut counters);
    let data: Vec<_> = got.into_iter().map(|got| got.data).collect();
    assert_eq!(data, [&b"before"[..], &[1; DATAGRAM_MAX], b"after"]);
    assert_eq!(counters.dropped.of(DropReason::DatagramTooLong), 1);
    assert_eq!(counters.dropped.of(DropReason::DatagramUnknown), 1, "the empty one");
}

#[test]
fn a_refusing_port_costs_the_others_nothing() {
    let (mut sender, receiver) = (bind(V4, 0), bind(V4, 0));
    // Asks the kernel to report unreachable ports, which an unconnected socket else never hears of.
    report_errors(&sender);
    // tcpmux: nobody listens there, least of all by UDP.
    let nobody = "127.0.0.1:1".parse().unwrap();
    let mut counters = Counters::default();
    let mut batch = SendBatch::new();
    for index in 0..20_u8 {
        write(&mut batch, 0, nobody, b"refused");
        write(&mut batch, 0, receiver.address(), &[index]);
    }
    assert_eq!(sender.send(&batch, 0, &mut counters), Sent::All);
    let got = receive(&receiver, &Clock::new(), 20, &mut counters);
    assert!(got.iter().map(|got| got.data[0]).eq(0..20));

    // The error of a batch's last datagram meets the next batch's first.
    for index in 0..5_u8 {
        for (remote, data) in [(nobody, &b"refused"[..]), (receiver.address(), &[index])] {
            batch.clear();
            write(&mut batch, 0, remote, data);
            assert_eq!(sender.send(&batch, 0, &mut counters), Sent::All);
        }
        assert_eq!(receive(&receiver, &Clock::new(), 1, &mut counters)[0].data, [index]);
    }
    assert!(DropReason::ALL.iter().all(|&reason| counters.dropped.of(reason) == 0));

    // And receiving: the pending error comes first, what has arrived after it.
    batch.clear();
    write(&mut batch, 0, sender.address(), b"answer");
    let mut answering = receiver;
    assert_eq!(answering.send(&batch, 0, &mut counters), Sent::All);
    batch.clear();
    write(&mut batch, 0, nobody, b"refused");
    assert_eq!(sender.send(&batch, 0, &mut counters), Sent::All);
    let mut received = RecvBatch::new();
    assert_eq!(sender.receive(&Clock::new(), &mut received, &mut counters), 1);
    assert_eq!(received.datagrams().next().unwrap().data, b"answer");
    assert_eq!(counters.receive_errors.value(), 1, "the error was there");
}

fn report_errors(socket: &Socket) {
    syscall::enable(socket.as_fd(), libc::IPPROTO_IP, libc::IP_RECVERR).unwrap();
}

#[test]
fn a_datagram_the_system_refuses_is_dropped_alone_and_by_reason() {
    let (mut sender, receiver) = (bind(V4, 0), bind(V4, 0));
    let mut counters = Counters::default();
    let mut batch = SendBatch::new();
    let to = receiver.address();
    for remote in [to, "255.255.255.255:9".parse().unwrap(), to, "[::1]:9".parse().unwrap(), to] {
        write(&mut batch, 0, remote, b"x");
    }
    assert_eq!(sender.send(&batch, 0, &mut counters), Sent::All);
    receive(&receiver, &Clock::new(), 3, &mut counters);
    assert_eq!(counters.datagrams.of(Direction::Sent), 3);
    assert_eq!(counters.dropped.of(DropReason::SendForbidden), 1, "broadcast without leave");
    assert_eq!(counters.dropped.of(DropReason::SendUnreachable), 1, "another family");
}

/// What a scripted kernel says to one call.
enum Says {
    Takes(usize),
    Fails(libc::c_int),
}
use Says::{Fails, Takes};

/// Sends 2 × `count` datagrams, every other one this socket's, to a kernel that says `script` and then takes all.
fn scripted(count: u8, first: usize, script: Vec<Says>) -> (Vec<u8>, Sent, Counters) {
    let mut batch = SendBatch::new();
    let remote = "127.0.0.1:9".parse().unwrap();
    for index in 0..count {
        write(&mut batch, 0, remote, &[index]);
        write(&mut batch, 1, remote, b"of the other socket");
    }
    let mut counters = Counters::default();
    let mut taken = Vec::new();
    let mut script = script.into_iter();
    let sent = send_with(&batch, (0, &mut Runs::ON.clone()), first, &mut counters, |chunk| {
        let count = match script.next() {
            Some(Fails(code)) => return Err(io::Error::from_raw_os_error(code)),
            Some(Takes(count)) => count,
            None => chunk.len(),
        };
        taken.extend(chunk.iter().take(count).map(|run| run.data[0]));
        Ok(count)
    });
    (taken, sent, counters)
}

#[test]
fn a_partial_send_goes_on_where_it_stopped() {
    let (taken, sent, counters) = scripted(200, 0, vec![Takes(3), Takes(1), Takes(64), Takes(5)]);
    assert_eq!(sent, Sent::All);
    assert!(taken.into_iter().eq(0..200));
    assert_eq!(counters.datagrams.of(Direction::Sent), 200);
}

#[test]
fn a_full_socket_stops_and_the_next_call_goes_on_without_loss_or_repetition() {
    for (code, by) in [(libc::EAGAIN, Blocked::Socket), (libc::ENOBUFS, Blocked::Device)] {
        let (mut taken, sent, counters) = scripted(100, 0, vec![Takes(64), Takes(7), Fails(code)]);
        let Sent::Stopped { at, by: said } = sent else { panic!("it was full") };
        assert_eq!((said, counters.sends_blocked.of(by)), (by, 1));
        let (rest, sent, _) = scripted(100, at, vec![]);
        assert_eq!(sent, Sent::All);
        taken.extend(rest);
        assert!(taken.into_iter().eq(0..100));
    }
}

#[test]
fn an_interrupted_send_is_repeated() {
    let (taken, sent, counters) = scripted(
        4,
        0,
        vec![Fails(libc::EINTR), Takes(2), Fails(libc::ECONNREFUSED), Fails(libc::EINTR)],
    );
    assert_eq!((taken, sent), (vec![0, 1, 2, 3], Sent::All));
    assert!(DropReason::ALL.iter().all(|&reason| counters.dropped.of(reason) == 0));
}

#[test]
fn errors_without_end_cost_one_datagram_and_no_endless_loop() {
    let storm = (0..=ERRORS_MAX).map(|_| Fails(libc::EINTR)).collect();
    let (taken, sent, counters) = scripted(3, 0, storm);
    assert_eq!((taken, sent), (vec![1, 2], Sent::All));
    assert_eq!(counters.dropped.of(DropReason::SendFailed), 1);
}

#[test]
fn each_refusal_for_good_drops_one_and_has_its_reason() {
    for (code, reason) in [
        (libc::EMSGSIZE, DropReason::SendTooLong),
        (libc::ENETUNREACH, DropReason::SendUnreachable),
        (libc::EHOSTUNREACH, DropReason::SendUnreachable),
        (libc::EPERM, DropReason::SendForbidden),
        (libc::EINVAL, DropReason::SendFailed),
    ] {
        let (taken, sent, counters) = scripted(5, 0, vec![Takes(1), Fails(code)]);
        assert_eq!((taken, sent), (vec![0, 2, 3, 4], Sent::All));
        assert_eq!(counters.dropped.of(reason), 1);
    }
}

/// Sends `runs` runs of three to a kernel that says `script` and then takes all; how many datagrams each message had.
fn scripted_runs(runs: u16, script: Vec<Says>) -> (Vec<usize>, Runs, Counters) {
    let mut batch = SendBatch::new();
    for port in 0..runs {
        for index in 0..3_u8 {
            write(&mut batch, 0, SocketAddr::from(([127, 0, 0, 1], 9 + port)), &[index]);
        }
    }
    let (mut counters, mut sends, mut taken) = (Counters::default(), Runs::ON, Vec::new());
    let mut script = script.into_iter();
    let sent = send_with(&batch, (0, &mut sends), 0, &mut counters, |runs| {
        let count = match script.next() {
            Some(Fails(code)) => return Err(io::Error::from_raw_os_error(code)),
            Some(Takes(count)) => count,
            None => runs.len(),
        };
        taken.extend(runs.iter().take(count).map(|run| run.count));
        Ok(count)
    });
    assert_eq!(sent, Sent::All);
    (taken, sends, counters)
}

#[test]
fn where_the_system_refuses_runs_the_same_datagrams_go_one_by_one_and_so_does_all_that_follows() {
    let (taken, sends, counters) = scripted_runs(2, vec![Fails(libc::EIO)]);
    assert_eq!((taken, sends), (vec![1; 6], Runs::Off));
    assert_eq!(counters.datagrams.of(Direction::Sent), 6);
    assert_eq!(counters.dropped.of(DropReason::SendFailed), 0);
}

#[test]
fn a_run_too_long_for_its_way_goes_one_by_one_and_the_next_is_a_run_again() {
    for code in [libc::EMSGSIZE, libc::EINVAL] {
        let (taken, sends, counters) = scripted_runs(2, vec![Fails(code)]);
        assert_eq!((taken, sends), (vec![1, 1, 1, 3], Runs::ON));
        assert_eq!(counters.runs.of(Direction::Sent), 4);
    }
}

#[test]
fn a_system_that_takes_no_run_of_many_is_asked_for_no_more() {
    let refusals = u16::from(REFUSED_MAX) + 1;
    let script = (0..refusals).flat_map(|_| [Fails(libc::EINVAL), Takes(3)]).collect();
    let (taken, sends, counters) = scripted_runs(refusals + 5, script);
    assert_eq!(sends, Runs::Off);
    assert!(taken.iter().all(|&datagrams| datagrams == 1));
    assert_eq!(counters.datagrams.of(Direction::Sent), 3 * u64::from(refusals + 5));
}

#[test]
fn a_run_that_nobody_can_be_reached_with_is_dropped_whole_and_counted() {
    let (taken, _, counters) = scripted_runs(2, vec![Fails(libc::ENETUNREACH)]);
    assert_eq!(taken, [3]);
    assert_eq!(counters.dropped.of(DropReason::SendUnreachable), 3);
}

#[test]
fn runs_cross_the_kernel_whole_and_are_taken_apart_again() {
    for address in [V4, V6] {
        let (mut sender, receiver) = (bind(address, 0), bind(address, 0));
        let mut counters = Counters::default();
        let mut batch = SendBatch::new();
        let data = |index: u8| vec![index; if index % 20 == 19 { 700 } else { 1200 }];
        for index in 0..40 {
            write(&mut batch, 0, receiver.address(), &data(index));
        }
        assert_eq!(sender.send(&batch, 0, &mut counters), Sent::All);
        let got = receive(&receiver, &Clock::new(), 40, &mut counters);
        assert!(got.iter().map(|got| got.data.clone()).eq((0..40).map(data)));
        assert_eq!(counters.datagrams.of(Direction::Received), 40);
        assert_eq!(counters.runs.of(Direction::Sent), 2);
    }
}

#[test]
fn a_whole_batch_goes_out_and_receiving_and_sending_allocate_nothing() {
    let (mut sender, receiver) = (bind(V4, 0), bind(V4, 0));
    let clock = Clock::new();
    let (mut outgoing, mut received) = (SendBatch::new(), RecvBatch::new());
    let mut counters = Counters::default();
    for _ in 0..SEND_MAX {
        write(&mut outgoing, 0, receiver.address(), b"x");
    }
    assert!(!outgoing.has_room());
    let info = allocation_counter::measure(|| {
        assert_eq!(sender.send(&outgoing, 0, &mut counters), Sent::All);
        while receiver.receive(&clock, &mut received, &mut counters) > 0 {
            received.clear();
        }
    });
    assert_eq!(info.count_total, 0);
    assert_eq!(counters.datagrams.of(Direction::Sent), SEND_MAX as u64);
    assert!(counters.datagrams.of(Direction::Received) >= RECV_MAX as u64);
}

#[test]
fn both_families_share_a_port_and_a_busy_port_is_refused() {
    let v4 = bind(V4, 0);
    let port = v4.address().port();
    // Somebody else may have the port in the other family; then there is nothing to see here.
    match Socket::bind(SocketAddr::new("::1".parse().unwrap(), port), 1) {
        Ok(v6) => assert_eq!(v6.address().port(), port),
        Err(error) => assert_eq!(error.kind(), io::ErrorKind::AddrInUse),
    }
    assert_eq!(Socket::bind(v4.address(), 0).unwrap_err().kind(), io::ErrorKind::AddrInUse);
}
