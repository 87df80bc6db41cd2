//! What each receiver gets, as pure decisions: no I/O, no clock, no randomness, no `unsafe`.
//!
//! A publication arrives in several [`Layer`]s. For every receiver this crate decides which layer
//! it gets and how the packets of that layer are rewritten, so that the receiver sees one stream
//! that never breaks:
//!
//! ```text
//! feedback ─► estimator ─► budget
//! wants + budget ─► allocator ─► Targets ─► Selector ─► Forward | Drop(reason) ─► Rewriter
//!                                              ▲
//!         codec: descriptor of each packet (keyframe? picture id? layer?) ─► frames: who needs it, what does it need?
//! ```
//!
//! Deciding ([`allocate`](allocator::allocate)) and applying ([`Selector`](selector::Selector),
//! [`Rewriter`](rewriter::Rewriter)) are apart: the first runs a few times a second, the others per
//! packet. Time is always an argument.

pub mod allocator;
pub mod codec;
pub mod estimator;
pub mod frames;
pub mod layer;
pub mod rewriter;
pub mod selector;
pub mod sequence;
pub mod units;

pub use layer::{Layer, LayerId, LayerSet, Spread};
pub use sequence::{RtpTimestamp, SequenceNumber};
pub use units::Bitrate;
