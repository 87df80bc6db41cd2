//! The capture of a Chromium that sends Opus and three encodings of VP8.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use pcap_file::pcap::PcapReader;
use tests::packet::{Kind, Rtp};

/// A packet with the time since the first.
pub(crate) type Timed = (Duration, Rtp);

/// The encodings' SSRCs, lowest first, as the capture has them.
pub(crate) const ENCODINGS: [u32; 3] = [0x3534_2e83, 0xc750_d035, 0x2dca_9646];

/// Its sound.
pub(crate) const AUDIO: u32 = 0xfd90_ee8d;

/// Ethernet, IPv4 without options, UDP.
const HEADERS: usize = 14 + 20 + 8;

/// The port that the browser sends from.
const BROWSER_PORT: [u8; 2] = 1000_u16.to_be_bytes();

/// Every RTP packet that the browser sent, in order.
pub(crate) fn packets() -> Vec<Timed> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("data/chromium-vp8-simulcast-opus-10s.pcap");
    let mut reader = PcapReader::new(File::open(path).expect("the capture")).expect("a capture");
    let mut packets = Vec::new();
    let mut start = None;
    while let Some(packet) = reader.next_packet() {
        let packet = packet.expect("a whole packet");
        let payload = &packet.data[HEADERS..];
        if packet.data[34..36] == BROWSER_PORT && Kind::of(payload) == Kind::Rtp {
            let since = packet.timestamp - *start.get_or_insert(packet.timestamp);
            packets.push((since, Rtp::read(payload).expect("a browser's RTP")));
        }
    }
    packets
}

#[test]
fn the_capture_holds_what_the_tests_rest_on() {
    let packets = packets();
    let of = |ssrc: u32| packets.iter().filter(|(_, packet)| packet.ssrc == ssrc).count();
    // As Wireshark counts them.
    assert_eq!(ENCODINGS.map(of), [315, 672, 1370]);
    assert_eq!(of(AUDIO), 503);
}
