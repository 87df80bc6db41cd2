//! Judges, written apart from the code they judge.
//!
//! [`stream`] looks at what the server sends, before any network: numbers have no gap of ours, timestamps do not jump
//! back. [`vp8`] decodes as a receiver would: each frame whole, unchanged, with everything it needs.

pub mod stream;
pub mod vp8;
