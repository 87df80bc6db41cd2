//! Sockets, threads and the clock: the only part that does syscalls, and the only one with `unsafe`
//! (in `syscall`, and a prefetch in `ahead`).
//!
//! ```text
//! signaling ─ commands, a bounded ring ─► MediaThread ─ events ─► sink
//!                                             │
//!   one turn:  Poll.wait ─► Gather.wait ─► Socket.receive ─► Shard ─► Outbox.flush ─► Poll.wait …
//! ```
//!
//! - A thread that has nothing to do sleeps: it wakes for a datagram, a command, a deadline of its shard, room in a
//!   full socket, or an event that was refused, and for nothing else.
//! - Clients whose network lets no UDP through come over TCP (`stream`).
//! - Nothing grows: batches, the ring of commands and the one event held back are all there is between the parts.

pub mod ahead;
pub mod batch;
pub mod clock;
pub mod dscp;
mod gather;
mod outbox;
pub mod poll;
pub mod socket;
mod stream;
mod syscall;
pub mod thread;
mod turn;

pub use thread::{Bells, CommandQueueFull, MediaConfig, MediaError, MediaThread};
