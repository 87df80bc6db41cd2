//! What developers and operators run around Confab, and the parts that whole-system tests share with them.

pub mod peer;
pub mod simnet;
