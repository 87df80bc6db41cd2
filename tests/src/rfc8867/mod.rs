//! Congestion control, measured: the cases of RFC 8867, what is taken from RFC 8868 and 8869, and those an SFU needs beside them.
//!
//! ```text
//! cases ─► world: links and routes of simnet, one moment after another ─► record: what links did, what receivers could show
//!            ├─ ours: a shard driven with bytes, an ideal publisher before it, a receiver behind the network
//!            ├─ reference: str0m on both sides
//!            └─ tcp, cbr: whom they share the links with
//! record ─► measure: one figure ─► rows: figures with their bars ─► report ─► table, JSON, page
//! ```
//!
//! One seed decides everything: two runs of it give the same bytes. Cases and seeds know nothing of each other, so that a study
//! runs them on all cores. That the model is the one in which the references' figures are known is checked by `calibration`.

pub mod algorithm;
pub mod calibration;
pub mod case;
pub mod cases;
pub mod cbr;
pub mod html;
pub mod json;
pub mod known;
pub mod ledger;
pub mod measure;
pub mod metrics;
pub mod ours;
pub mod plot;
pub mod progress;
pub mod record;
pub mod reference;
pub mod report;
pub mod rows;
pub mod source;
pub mod study;
pub mod table;
pub mod tcp;
pub mod trace;
pub mod world;
