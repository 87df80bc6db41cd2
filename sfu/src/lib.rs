//! The media plane: RTP from one participant to the others, layer by layer, never decoded.
//!
//! [`Shard`] is a deterministic core. It owns everything one media thread knows and
//! is driven from outside: datagrams, commands and time go in; datagrams, events and the next
//! deadline come out. It never asks for the time, a random number or the environment. Around it,
//! `net` is the only code that touches sockets, threads and the clock.
//!
//! ```text
//! net: one turn ─► demux ─► transport: SRTP opened in place
//!        ─► publication: arrival, loss, layer, keyframe ─► history: one plaintext copy for all
//!        ─► each subscription: select, rewrite ─► the receiver's pacer
//! end of turn: pacer ─► header from the slot's template ─► sealed from the history into the batch ─► net
//! ```

pub mod channel;
pub mod command;
pub mod config;
pub mod demux;
pub mod drop;
pub mod event;
pub mod fault;
pub mod media;
pub mod metrics;
pub mod net;
pub mod packet;
pub mod publication;
pub mod relay;
pub mod shard;
pub mod subscription;
pub mod timer;
pub mod transport;

pub use command::{Command, CommandId};
pub use config::ShardConfig;
pub use event::Event;
pub use fault::Fault;
pub use media::{ChannelId, Format, MediaKind, ParticipantId, PublicationId, SlotId, Source};
pub use shard::Shard;
