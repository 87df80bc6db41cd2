//! Real browsers, the real server, the real page: one module a behaviour.
//!
//! The scenarios themselves are in `tests/browser/scenarios`, driven by node; each test here plays one. They share two
//! cores with the server, so `tests/run` runs one at a time.

mod calls;
mod coming_back;
mod layers;
mod links;
mod player;
mod screens;
