//! The instant that virtual time begins at for str0m, which ties instants to the wall clock by itself.
//!
//! It measures round trips by NTP timestamps (RFC 3550, section 6.4.1), so that a run would depend on when the process began by the
//! fractions that are rounded off. So moment 0 is where its wall clock shows [`SECOND`], whole.

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

use str0m::RtcConfig;
use str0m::media::MediaKind;
use str0m::rtp::RtpWrite;
use tools::simnet::time::SimTime;

use super::peer::{self, Heard};
use crate::clock::Clock;

/// Of the wall clock's seconds the last 16 bits are in reports: far from where they wrap.
const SECOND: u64 = 1_000;

/// How many seconds 16 bits count.
const WRAP: u64 = 1 << 16;

/// A moment 0: the same one in every run of a process, and the same fraction of a second in every process.
pub(super) fn base() -> Instant {
    static BASE: OnceLock<Instant> = OnceLock::new();
    *BASE.get_or_init(|| {
        // Far enough after the process began for peers to be made before it.
        let provisional = Clock::new().instant(SimTime::ZERO) + Duration::from_secs(60);
        let wall = wall_of(provisional);
        let since = wall.duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
        let ahead = (WRAP + SECOND - since.as_secs() % WRAP) % WRAP;
        // One turn more, so that the fraction that is taken off never leads before the process.
        provisional + Duration::from_secs(ahead + WRAP)
            - Duration::from_nanos(since.subsec_nanos().into())
    })
}

/// What str0m's wall clock shows at an instant: as it writes it in a sender report of that instant.
fn wall_of(base: Instant) -> SystemTime {
    let config = RtcConfig::new().enable_raw_packets(true);
    let (mut sender, _receiver) = peer::connect_on(base, SimTime::ZERO, config);
    let payload_type = sender.payload_types().0;
    let mut direct = sender.direct();
    direct.declare_media("aud".into(), MediaKind::Audio);
    direct.declare_stream_tx(1.into(), None, "aud".into(), None);
    for tick in 0..REPORT_TICKS {
        let now = SimTime::milliseconds(20 * tick);
        let wallclock = sender.instant(now);
        sender.write(1.into(), RtpWrite::new(payload_type, tick.into(), 0, wallclock, vec![0; 8]));
        sender.run(now);
        for heard in sender.take_heard() {
            if let Heard::Wall(wall) = heard {
                return wall - now.elapsed();
            }
        }
    }
    panic!("a sender that sends reports it within a minute");
}

/// Ticks of 20 ms in a minute.
const REPORT_TICKS: u64 = 3_000;
