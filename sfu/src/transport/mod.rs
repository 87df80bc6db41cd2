//! ICE-lite, DTLS, SRTP and RTCP towards one remote.

pub mod arrivals;
pub mod dtls;
pub mod ice;
pub mod pacer;
pub mod sent;
pub mod srtp;

mod cipher;
mod replay;
