//! Bytes over TCP that nobody asked for: frames of every wrong length, frames that never end, connections that only stay.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::interval;
use tools::simnet::random::Random;

use super::server::Server;

/// As long as the longest datagram that the server takes: a longer frame is the end of its connection.
const LONGEST: u16 = 1_500;

/// Between sixteen connections and the next.
const PAUSE: Duration = Duration::from_millis(2);

/// Sends frames of `count` lengths, each over a connection of its own, sixteen at a time, and stays with some for as long as all takes.
/// Returns how many of them the server must have ended because of their length.
pub(crate) async fn rage(server: &Server, count: u16, seed: u64) -> u64 {
    let mut random = Random::new(seed);
    let mut tick = interval(PAUSE);
    let mut staying = Vec::new();
    let mut too_long = 0;
    for round in 0..count / 16 {
        let mut some = Vec::new();
        for place in 0..16 {
            // All lengths from 0 to 65,535, as evenly as the count allows.
            let length = (round * 16 + place).wrapping_mul(u16::MAX / count);
            too_long += u64::from(length > LONGEST);
            let claimed = usize::from(length);
            // As long as it says, with empty frames behind it, shorter, or not there at all.
            let (sent, empty) = match random.below(4) {
                0 => (claimed, 0),
                1 => (claimed, 150),
                2 => (claimed / 2, 0),
                _ => (0, 0),
            };
            let mut bytes = length.to_be_bytes().to_vec();
            bytes.extend((0..sent).map(|_| random.next().to_be_bytes()[0]));
            bytes.extend([0, 0].repeat(empty));
            let Ok(mut stream) = TcpStream::connect(server.media).await else { continue };
            let _closed = stream.write_all(&bytes).await;
            some.push((stream, length));
        }
        for (mut stream, length) in some {
            if length > LONGEST {
                // It was told to go: reading ends, with or without an error.
                let _reset = stream.read(&mut [0; 16]).await;
            } else if staying.len() < 8 {
                staying.push(stream);
            }
        }
        tick.tick().await;
    }
    too_long
}
