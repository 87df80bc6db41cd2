//! A publication in a slot: which layer, how it continues, what is resent and reported.

pub mod forward;
pub mod report;
pub mod resend;
pub mod slot;
