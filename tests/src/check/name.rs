//! Names that people type.

use signaling::name::{ChannelName, PersonName};

/// A name that is taken stays the same when it is typed as it was understood, and is within its bounds.
///
/// # Panics
/// Where that is not so.
pub fn check_name(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(name) = PersonName::parse(text) {
        assert_eq!(PersonName::parse(name.as_str()).as_ref(), Ok(&name));
        assert!((1..=32).contains(&name.as_str().chars().count()));
        assert!(!name.as_str().contains(char::is_control));
        assert_eq!(name.as_str().trim(), name.as_str());
    }
    if let Ok(name) = ChannelName::parse(text) {
        assert_eq!(ChannelName::parse(name.as_str()).as_ref(), Ok(&name));
        assert!((1..=64).contains(&name.as_str().chars().count()));
        assert!(!name.as_str().contains(|c: char| c.is_control() || c.is_whitespace() || c == '/'));
    }
}
