//! Who can hear and see each other.

pub mod participant;
pub mod speakers;
