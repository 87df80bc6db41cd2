//! The parts of scenarios: people in virtual time, what they do, and who judges what they got.
//!
//! ```text
//! plan: a scenario as data ─► meeting: shard + simnet + clients, one moment after another
//!                                ├─ client: sends camera and microphone, receives slots
//!                                └─ oracle: what was sent has no gap of ours; what came can be decoded
//! ```

pub mod bits;
pub mod check;
pub mod client;
pub mod clock;
pub mod codec;
pub mod deadline;
pub mod digest;
pub mod forwarder;
pub mod hall;
pub mod meeting;
pub mod oracle;
pub mod packet;
pub mod plan;
pub mod rfc8867;
