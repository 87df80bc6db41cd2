//! Datagrams that nobody asked for: noise, and forgeries of each protocol that the media port speaks.

use std::time::Duration;

use tests::packet::Rtp;
use tokio::net::UdpSocket;
use tokio::time::interval;
use tools::peer::check::{self, Ask};
use tools::simnet::random::Random;

use super::capture;
use super::server::Server;

/// Reasons under which the server must have counted some of it.
pub(crate) const REASONS: [&str; 8] = [
    "datagram_unknown",
    "dtls_unknown_path",
    "rtcp_unknown_path",
    "rtp_unknown_path",
    "stun_integrity",
    "stun_malformed",
    "stun_not_a_request",
    "stun_unknown_ufrag",
];

/// Datagrams at a time, and between two times: 10,000 a second. A server that is kept from its socket for 50 ms by whatever else runs
/// on the machine still loses none of them, nor of what the two who talk send: its buffer has room for 4 MiB.
const AT_ONCE: u32 = 40;
const PAUSE: Duration = Duration::from_millis(4);

/// Sends `count` datagrams, each forty from another address: 45,000 come from more than 1,000.
pub(crate) async fn rage(server: &Server, count: u32, seed: u64) {
    let mut socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
    let mut random = Random::new(seed);
    let mut tick = interval(PAUSE);
    let real: Vec<Rtp> =
        capture::packets().into_iter().map(|(_, packet)| packet).take(64).collect();
    for number in 0..count {
        if number % AT_ONCE == 0 {
            tick.tick().await;
            // Bound before the last one is closed, so that it gets another port.
            socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        }
        let datagram = forgery(number, &real, &mut random);
        let _unreachable = socket.send_to(&datagram, server.media).await;
    }
}

fn forgery(number: u32, real: &[Rtp], random: &mut Random) -> Vec<u8> {
    let length = usize::try_from(random.below(1_400)).expect("short");
    let mut noise: Vec<u8> = (0..length).map(|_| random.next().to_be_bytes()[0]).collect();
    match number % 12 {
        0 => noise,
        1 => Vec::new(),
        2 => noise.into_iter().take(3).collect(),
        // STUN, a DTLS handshake record, RTP, RTCP, a TURN channel: by their first bytes alone.
        kind @ 3..=7 => {
            let begins: [&[u8]; 5] =
                [&[0x00, 0x01], &[0x16, 0xfe, 0xfd], &[0x90, 0x60], &[0x81, 0xc9], &[0x40]];
            let begin = begins[usize::try_from(kind - 3).expect("small")];
            noise.splice(..begin.len().min(noise.len()), begin.iter().copied());
            noise
        }
        8 => request("nobody:here", random),
        // An answer to a question that was not asked.
        9 => {
            let mut answer = request("nobody:here", random);
            answer[..2].copy_from_slice(&[0x01, 0x01]);
            answer
        }
        10 => real[usize::try_from(number).expect("64 bits") % real.len()].write(),
        _ => {
            let mut message = request("nobody:here", random);
            let place = usize::try_from(random.below(message.len() as u64)).expect("short");
            message[place] ^= 0x10;
            message
        }
    }
}

/// A binding request that is right in everything but its user.
fn request(username: &str, random: &mut Random) -> Vec<u8> {
    check::request(username, "not the password", Ask::Check, random).expect("STUN can be written")
}
