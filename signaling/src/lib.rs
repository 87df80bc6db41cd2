//! The Confab server around the media plane: HTTP and WebSocket, session descriptions, presence, the web client.
//!
//! ```text
//! socket ─► dialect ─► Ask ────► channel, one task each ─► media, one task ─► plane: the media threads
//!        ◄─          ◄─ Notice ◄─   owns its sessions    ◄─ routes events  ◄─
//! ```
//!
//! Nothing is shared: each task owns its state, and bounded queues connect them. A dialect translates; what a participant may do and
//! is told is the same in all of them ([`session`]). What the media plane needs of an offer, [`sdp`] works out.

pub mod api;
pub mod ask;
pub mod backlog;
pub mod channel;
#[cfg(test)]
mod client;
pub mod config;
mod connection;
pub mod dialect;
pub mod draw;
pub mod external;
pub mod fault;
pub mod limited;
pub mod link;
pub mod media;
pub mod name;
pub mod notice;
pub mod origin;
pub mod outward;
pub mod placement;
pub mod plane;
pub mod presence;
pub mod rights;
pub mod sdp;
pub mod server;
pub mod session;
pub mod slots;
pub mod throttle;
pub mod token;
pub mod web;

pub use config::Config;
pub use server::{Server, StartError};
