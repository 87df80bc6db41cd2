//! The real server over real sockets, met by clients that are not ours: one module a behaviour.

mod bad_input;
mod capture;
mod crowd;
mod forwarder;
mod forwarding;
mod nat;
mod networks;
mod participant;
mod process;
mod server;
mod socket;
mod storm;
mod ten;
mod tunnel;
mod whip;
