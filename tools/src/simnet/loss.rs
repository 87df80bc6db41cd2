//! Packets that vanish.

use super::random::{Probability, Random};

/// By which law packets vanish.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Loss {
    /// None do.
    #[default]
    None,
    /// Each by itself.
    Independent(Probability),
    /// In bursts, by Gilbert and Elliott: the way is good or bad, and all is lost while it is bad.
    Bursts {
        /// From good to bad, at each packet.
        worsens: Probability,
        /// From bad to good, at each packet; a burst lasts 1 / this packets in the mean.
        recovers: Probability,
    },
}

impl Loss {
    /// About 5 % in bursts of 5.
    pub const BURSTS: Self =
        Self::Bursts { worsens: Probability::share(0.0105), recovers: Probability::share(0.2) };

    /// This share of all packets, 0 to 1, in bursts of `length` in the mean; each by itself where that is 1 or less. Of a share
    /// of 1 there is but one burst.
    #[must_use]
    pub fn of(share: f64, length: f64) -> Self {
        if share <= 0.0 {
            Self::None
        } else if length <= 1.0 || share >= 1.0 {
            Self::Independent(Probability::share(share))
        } else {
            // Bad for `length` packets, so good for as many more as the share is short of 1.
            let recovers = 1.0 / length;
            let worsens = recovers * share / (1.0 - share);
            let [worsens, recovers] = [worsens, recovers].map(Probability::share);
            Self::Bursts { worsens, recovers }
        }
    }
}

/// Whether the way is bad at the moment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Weather {
    is_bad: bool,
}

impl Weather {
    /// Whether the next packet is lost.
    pub(super) fn loses(&mut self, loss: Loss, random: &mut Random) -> bool {
        match loss {
            Loss::None => false,
            Loss::Independent(probability) => random.chance(probability),
            Loss::Bursts { worsens, recovers } => {
                self.is_bad =
                    if self.is_bad { !random.chance(recovers) } else { random.chance(worsens) };
                self.is_bad
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(loss: Loss, packets: usize) -> Vec<bool> {
        let (mut weather, mut random) = (Weather::default(), Random::new(4));
        (0..packets).map(|_| weather.loses(loss, &mut random)).collect()
    }

    #[test]
    fn independent_losses_have_their_share() {
        let lost = run(Loss::Independent(Probability::percent(20.0)), 100_000);
        let count = lost.iter().filter(|lost| **lost).count();
        assert!((19_500..20_500).contains(&count), "{count}");
        assert!(run(Loss::None, 1_000).iter().all(|lost| !lost));
    }

    #[test]
    fn bursts_lose_5_percent_in_runs_of_5() {
        let lost = run(Loss::BURSTS, 400_000);
        let count = lost.iter().filter(|lost| **lost).count();
        let bursts = lost.windows(2).filter(|pair| !pair[0] && pair[1]).count();
        assert!(
            (19_000..21_000).contains(&count),
            "0.0105 / 0.2105 of 400,000 are 19,952: {count}"
        );
        let mean = count * 100 / bursts;
        assert!((480..520).contains(&mean), "1 / 0.2, in hundredths: {mean}");
    }

    #[test]
    fn a_share_and_a_length_are_what_comes_out() {
        let share = |loss, packets| {
            let lost = run(loss, packets);
            let bursts = lost.windows(2).filter(|pair| !pair[0] && pair[1]).count();
            (lost.iter().filter(|lost| **lost).count(), bursts)
        };
        let (lost, bursts) = share(Loss::of(0.2, 10.0), 400_000);
        assert!((76_000..84_000).contains(&lost), "a fifth of 400,000: {lost}");
        assert!((950..1_050).contains(&(lost * 100 / bursts)), "ten, in hundredths");
        assert_eq!(Loss::of(0.2, 1.0), Loss::Independent(Probability::share(0.2)));
        assert_eq!(share(Loss::of(1.0, 5.0), 1_000), (1_000, 0));
        assert_eq!(Loss::of(0.0, 5.0), Loss::None);
    }
}
