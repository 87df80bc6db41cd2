//! What is asked by plain HTTP, beside the page and its socket.

pub mod channels;
pub mod health;
pub mod metrics;
