//! One uploaded track: its layers, what arrived of them, and the last packets in plaintext.

pub mod demand;
pub mod history;
mod missing;
mod rate;
pub mod receive;
