//! Bytes to values and back, without state: what a header, a STUN message or a feedback packet says.

pub mod extension;
pub mod feedback;
pub mod header;
pub mod stun;
pub mod twcc;

mod writer;
