//! Congestion control, measured: the cases of RFC 8867 and those an SFU needs beside them.
pub mod algorithm;
pub mod case;
pub mod cases;
pub mod cbr;
pub mod ledger;
pub mod metrics;
pub mod ours;
pub mod record;
pub mod reference;
pub mod source;
pub mod tcp;
pub mod trace;
pub mod world;
