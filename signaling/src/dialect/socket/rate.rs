//! How many messages a client may send.

use std::time::Duration;

use tokio::time::Instant;

/// Counts messages second by second.
#[derive(Debug, Default)]
pub(super) struct Rate {
    window: Option<Instant>,
    count: u32,
}

impl Rate {
    /// Whether one more message, at `now`, is within what a client needs.
    pub(super) fn admits(&mut self, now: Instant) -> bool {
        match self.window {
            Some(start) if now.duration_since(start) < WINDOW => self.count += 1,
            Some(_) | None => {
                self.window = Some(now);
                self.count = 1;
            }
        }
        self.count <= MESSAGES_MAX
    }
}

const WINDOW: Duration = Duration::from_secs(1);

/// A client sends at most some 20 in its busiest second (docs/protocol.md); ten times that is no mistake any more.
const MESSAGES_MAX: u32 = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn two_hundred_a_second_pass_and_no_more() {
        let mut rate = Rate::default();
        let start = Instant::now();
        for second in 0..3 {
            let now = start + Duration::from_secs(second);
            assert!((0..200).all(|_| rate.admits(now)));
        }
        assert!(!rate.admits(start + Duration::from_millis(2_999)));
        assert!(rate.admits(start + Duration::from_secs(4)));
    }
}
