//! What must hold whatever bytes come: one check for each parser and decider that a peer's bytes reach.
//!
//! ```text
//! tests/fuzz/targets: libFuzzer finds bytes ─┐
//! tests/fuzz/corpus: bytes found before ─────┴─► a check ─► panics where something is wrong
//! ```
//!
//! A check turns bytes into input, and compares what our code makes of it with an implementation of others, or with what must be so by
//! a standard or by our own documentation. Where a library is known to read less or otherwise, the check says so. What it must never
//! do is call a library with bytes that our own parser refused: those may panic it.

pub mod allocator;
pub mod codec;
pub mod demux;
pub mod estimator;
pub mod feedback;
pub mod header;
pub mod message;
pub mod name;
pub mod rewriter;
pub mod sdp;
pub mod shard;
pub mod srtp;
pub mod stun;
pub mod supply;
pub mod twcc;

/// A check under the name of its fuzz target and of its corpus.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// The name of both.
    pub name: &'static str,
    /// Panics where the bytes show a mistake.
    pub run: fn(&[u8]),
}

/// All checks.
pub const ALL: [Check; 19] = [
    Check { name: "allocator", run: allocator::check_allocator },
    Check { name: "av1", run: codec::check_av1 },
    Check { name: "demux", run: demux::check_demux },
    Check { name: "descriptor", run: codec::check_descriptor },
    Check { name: "estimator", run: estimator::check_estimator },
    Check { name: "feedback", run: feedback::check_feedback },
    Check { name: "h264", run: codec::check_h264 },
    Check { name: "header", run: header::check_header },
    Check { name: "message", run: message::check_message },
    Check { name: "name", run: name::check_name },
    Check { name: "red", run: codec::check_red },
    Check { name: "rewriter", run: rewriter::check_rewriter },
    Check { name: "sdp", run: sdp::check_sdp },
    Check { name: "shard", run: shard::check_shard },
    Check { name: "srtp", run: srtp::check_srtp },
    Check { name: "stun", run: stun::check_stun },
    Check { name: "twcc", run: twcc::check_twcc },
    Check { name: "vp8", run: codec::check_vp8 },
    Check { name: "vp9", run: codec::check_vp9 },
];
