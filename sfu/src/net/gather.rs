//! How long a turn waits for more before it begins.

use std::io;
use std::time::{Duration, Instant};

use super::poll::Poll;

/// Waits for as long as the last turn took: a busy thread then works on many datagrams at a time, and sends them in runs; an idle one
/// does at once what comes.
#[derive(Debug)]
pub(super) struct Gather {
    /// Watches nothing, and so wakes for nothing before its time.
    poll: Poll,
    window: Duration,
}

impl Gather {
    /// # Errors
    /// Too many open files.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { poll: Poll::new()?, window: Duration::ZERO })
    }

    /// Waits, but not beyond `due`.
    ///
    /// # Errors
    /// None that is known: as [`Poll::wait`].
    pub(super) fn wait(&mut self, now: Instant, due: Option<Instant>) -> io::Result<()> {
        let left = due.map_or(WINDOW_MAX, |due| due.saturating_duration_since(now));
        let window = self.window.min(left);
        if window >= WINDOW_MIN {
            let _nothing = self.poll.wait(Some(window))?;
        }
        Ok(())
    }

    /// A turn took so long, from the end of its gathering on.
    pub(super) fn turn_took(&mut self, time: Duration) {
        self.window = time.min(WINDOW_MAX);
    }
}

/// The longest wait: with the turn that it makes cheaper it stays below the 5 ms that a packet may take at worst.
const WINDOW_MAX: Duration = Duration::from_millis(2);

/// Shorter ones are left out: to sleep and wake costs 5 to 50 µs, and a turn that took less than this sent some 100 datagrams at
/// most, which leaves the thread idle most of the time.
const WINDOW_MIN: Duration = Duration::from_micros(250);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::clock::Clock;

    const fn us(count: u64) -> Duration {
        Duration::from_micros(count)
    }

    /// How long it waits after a turn that took so long.
    fn waits(gather: &mut Gather, took: Duration, due: Option<Duration>) -> Duration {
        let clock = Clock::new();
        gather.turn_took(took);
        let start = clock.now();
        gather.wait(start, due.map(|due| start + due)).unwrap();
        clock.now() - start
    }

    #[test]
    fn an_idle_thread_does_not_wait_and_a_busy_one_as_long_as_it_worked() {
        let mut gather = Gather::new().unwrap();
        // What does not sleep is done in no time: the best of many, however busy the machine is.
        let idle = (0..50).map(|_| waits(&mut gather, us(200), None)).min().unwrap();
        assert!(idle < us(200), "{idle:?}");
        assert!(waits(&mut gather, us(900), None) >= us(900));
        let longest = (0..50).map(|_| waits(&mut gather, us(80_000), None)).min().unwrap();
        assert!(longest >= WINDOW_MAX && longest < us(80_000), "{longest:?}");
    }

    #[test]
    fn what_is_due_is_not_kept_waiting() {
        let mut gather = Gather::new().unwrap();
        let due = (0..50).map(|_| waits(&mut gather, us(1_900), Some(us(0)))).min().unwrap();
        assert!(due < us(1_900), "{due:?}");
    }
}
