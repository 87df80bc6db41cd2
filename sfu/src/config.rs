//! What a shard is told when it is made.

use std::time::Instant;

use simulcast::Bitrate;

use crate::transport::dtls::Certificate;

/// Everything a shard needs to know about its surroundings.
#[derive(Clone, Debug)]
pub struct ShardConfig {
    /// The moment of its making; all times it is told later are at or after it.
    pub start: Instant,
    /// The same moment as wall time: NTP format, seconds since 1900 in the upper 32 bits (RFC 3550, section 4).
    pub start_ntp: u64,
    /// Seeds the keyed hashes of maps whose keys a peer chooses, and nothing else.
    pub hash_seed: u64,
    /// Presented in DTLS handshakes.
    pub certificate: Certificate,
    /// Limits that an operator may turn.
    pub limits: Limits,
}

/// Bounds of one shard.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// More than this many are refused with `ShardFull`.
    pub participants: usize,
    /// Voices each listener hears at once.
    pub voices: u8,
    /// The most to send in a second, without IP and UDP headers; near it pictures are given up, sound never. `None` for no bound.
    pub egress: Option<Bitrate>,
}

impl Default for Limits {
    fn default() -> Self {
        // 10,000 transports of 64 KiB are 640 MB, about what a small server has.
        // Three voices at once: more is noise, and LiveKit, Discord and Jitsi cut there or nearby.
        Self { participants: 10_000, voices: 3, egress: None }
    }
}
