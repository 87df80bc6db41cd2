//! TCP as the cases need it: segments of one size, cumulative acknowledgements, loss recovery, no SACK.
//!
//! ```text
//! bulk, short: both ends of a connection ─► sender: window, recovery, timeout ─► segment ─► receiver ─► acknowledgement
//!                                              └─ control: how the window grows and shrinks (NewReno, CUBIC)
//! ```

pub mod bulk;
pub mod control;
pub mod receiver;
pub mod segment;
pub mod sender;
pub mod short;
