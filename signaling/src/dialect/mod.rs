//! Dialects: thin translations between what a client speaks and [`Session`](crate::session::Session)'s asks and notices.

pub mod socket;
pub(crate) mod whip;
