//! The capture of a Chromium that sends Opus and three encodings of VP8.

use std::path::Path;
use std::time::Duration;

use tests::packet::Rtp;
use tools::peer::capture::Capture;

/// A packet with the time since the first.
pub(crate) type Timed = (Duration, Rtp);

/// The encodings' SSRCs, lowest first, as the capture has them.
pub(crate) const ENCODINGS: [u32; 3] = [0x3534_2e83, 0xc750_d035, 0x2dca_9646];

/// Its sound.
pub(crate) const AUDIO: u32 = 0xfd90_ee8d;

/// The port that the browser sends from.
const BROWSER_PORT: u16 = 1000;

/// The capture.
pub(crate) fn read() -> Capture {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("data/chromium-vp8-simulcast-opus-10s.pcap");
    Capture::read(&path, BROWSER_PORT).expect("a capture")
}

/// Every RTP packet that the browser sent, in order.
pub(crate) fn packets() -> Vec<Timed> {
    let packets = read().packets.into_iter();
    packets.map(|(at, packet)| (at, Rtp::read(&packet).expect("a browser's RTP"))).collect()
}

#[test]
fn the_capture_holds_what_the_tests_rest_on() {
    let packets = packets();
    let of = |ssrc: u32| packets.iter().filter(|(_, packet)| packet.ssrc == ssrc).count();
    // As Wireshark counts them.
    assert_eq!(ENCODINGS.map(of), [315, 672, 1370]);
    assert_eq!(of(AUDIO), 503);
}
