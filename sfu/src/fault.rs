//! Whose mistake an error is.

/// Whose mistake an error is; answers to it, counters and log levels follow from this.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Fault {
    /// The other end sent what it must not.
    Peer,
    /// The operator must change something.
    Operator,
    /// Confab is wrong.
    Confab,
}
