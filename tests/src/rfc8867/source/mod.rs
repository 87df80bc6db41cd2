//! What is sent: pictures whose size follows a target, and sound.

pub mod audio;
pub mod simulcast;
pub mod video;

/// Frames a second of every picture source.
pub const FRAME_RATE: u64 = 30;

/// Payload bytes of a picture's packet, at most.
pub const PACKET_MAX: usize = 1100;

/// What one flow can use at most on the wire, in bits a second: video at its ceiling with its headers, and sound.
pub const FLOW_MAX: f64 = 1_647_000.0;

/// What every estimator starts from, in kbit/s.
pub const START_KBPS: u64 = 300;
