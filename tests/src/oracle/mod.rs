//! Judges, written apart from the code they judge.
//!
//! [`stream`] looks at what the server sends, before any network: numbers have no gap of ours, timestamps do not jump
//! back. [`decoder`] decodes as a receiver would, each picture whole, unchanged, with everything it needs; what that means
//! for a codec is in the file of the codec.

pub mod again;
pub mod av1;
pub mod decoder;
pub mod descriptor;
pub mod h264;
pub mod stream;
pub mod vp8;
pub mod vp9;
