//! Sockets, threads and the clock: the only part that does syscalls, and the only one with `unsafe`.

pub mod batch;
pub mod clock;
pub mod socket;
pub mod turn;
