//! What a figure is to reach, and of which seeds.

use crate::rfc8867::metrics::{median, quantile};

/// What is good enough.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bar {
    /// The figure is shown and not judged.
    None,
    /// At least this.
    AtLeast(f64),
    /// At most this.
    AtMost(f64),
    /// At most this far from the same figure of another row.
    Near(&'static str, f64),
}

/// How the figures of several seeds become one, which the bar is held against.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Judged {
    /// The median of the seeds asked for.
    Median,
    /// The median of twenty seeds.
    MedianOf20,
    /// The value that this share of twenty seeds do not exceed.
    ShareOf20(f64),
    /// The largest of twenty seeds.
    WorstOf20,
    /// The smallest of the seeds asked for.
    Least,
}

/// So many seeds the noisiest rows are judged on.
pub const MANY: u64 = 20;

impl Bar {
    /// Whether `figure`, as it is printed, is good enough. `other` is the figure of the row that [`Self::Near`] names.
    #[must_use]
    pub fn holds(self, figure: f64, other: Option<f64>) -> bool {
        match self {
            Self::None => true,
            Self::AtLeast(least) => figure >= least - ROUNDING,
            Self::AtMost(most) => figure <= most + ROUNDING,
            Self::Near(_, most) => {
                other.is_some_and(|other| (figure - other).abs() <= most + ROUNDING)
            }
        }
    }

    /// Whether `figure` is no worse than `recorded`.
    #[must_use]
    pub fn is_no_worse(self, figure: f64, recorded: f64) -> bool {
        match self {
            Self::None | Self::Near(..) => true,
            Self::AtLeast(_) => figure >= recorded - ROUNDING,
            Self::AtMost(_) => figure <= recorded + ROUNDING,
        }
    }
}

/// Sums of decimal fractions are not exact.
const ROUNDING: f64 = 1e-9;

impl Judged {
    /// Whether twenty seeds are needed.
    #[must_use]
    pub const fn needs_many(self) -> bool {
        match self {
            Self::Median | Self::Least => false,
            Self::MedianOf20 | Self::ShareOf20(_) | Self::WorstOf20 => true,
        }
    }

    /// Of the figures of all seeds, of which the first `asked` were asked for; NaN of none.
    #[must_use]
    pub fn of(self, figures: &[f64], asked: usize) -> f64 {
        let some = &figures[..asked.min(figures.len())];
        match self {
            Self::Median => median(&mut some.to_vec()),
            Self::Least => quantile(&mut some.to_vec(), 0.0),
            Self::MedianOf20 => median(&mut figures.to_vec()),
            Self::ShareOf20(share) => quantile(&mut figures.to_vec(), share),
            Self::WorstOf20 => quantile(&mut figures.to_vec(), 1.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_includes_its_border() {
        assert!(Bar::AtLeast(86.0).holds(86.0, None) && !Bar::AtLeast(86.0).holds(85.9, None));
        assert!(Bar::AtMost(0.1).holds(0.1, None) && !Bar::AtMost(0.1).holds(0.11, None));
        assert!(!Bar::AtMost(8.0).holds(f64::INFINITY, None));
        assert!(
            !Bar::AtMost(8.0).holds(f64::NAN, None) && !Bar::AtLeast(8.0).holds(f64::NAN, None)
        );
        assert!(Bar::Near("x", 5.0).holds(87.0, Some(92.0)));
        assert!(!Bar::Near("x", 5.0).holds(87.0, Some(92.1)));
        assert!(!Bar::Near("x", 5.0).holds(87.0, None));
    }

    #[test]
    fn what_is_known_may_get_better_and_not_worse() {
        assert!(
            Bar::AtLeast(90.0).is_no_worse(81.0, 80.0)
                && !Bar::AtLeast(90.0).is_no_worse(79.0, 80.0)
        );
        assert!(Bar::AtMost(8.0).is_no_worse(f64::INFINITY, f64::INFINITY));
        assert!(!Bar::AtMost(8.0).is_no_worse(f64::INFINITY, 12.0));
    }

    #[test]
    fn seeds_become_one_figure() {
        let figures: Vec<f64> = (1..=20).map(f64::from).collect();
        let of = |judged: Judged| judged.of(&figures, 5);
        assert!((of(Judged::Median) - 3.0).abs() < 1e-9, "of 1 to 5");
        assert!((of(Judged::Least) - 1.0).abs() < 1e-9);
        assert!((of(Judged::MedianOf20) - 10.5).abs() < 1e-9);
        assert!((of(Judged::ShareOf20(0.95)) - 19.0).abs() < 1e-9);
        assert!((of(Judged::WorstOf20) - 20.0).abs() < 1e-9);
    }
}
