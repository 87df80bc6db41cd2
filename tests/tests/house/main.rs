//! The house rules: what a machine can hold about the code itself.
//!
//! Each module holds one rule as a pure function from sources to complaints, a test that the repository gives no
//! complaint, and tests that show the rule seeing what it is there to see.

mod arrows;
mod ignored;
mod length;
mod libraries;
mod map;
mod names;
mod operations;
mod outside;
mod protocol;
mod sleeping;
mod source;
mod unsafety;
