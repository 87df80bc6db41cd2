//! Whether the model is the one in which the reference's figures are known: ten rows of str0m that must come out again.

use super::algorithm::Algorithm;
use super::case::Case;
use super::measure::Measure::{Loss, OfShare, QueueMean, QueueP95, Utilisation};
use super::metrics::{Who, Window, median};
use super::rows::bar::{Bar, Judged};
use super::rows::phases::FAIR_KBPS;
use super::rows::{Figure, Row};
use super::study::Study;

/// One of the rows.
#[derive(Clone, Debug)]
pub struct Line {
    /// What it is called.
    pub label: &'static str,
    /// Utilisation in percent, mean and 95th percentile of the queue in milliseconds, loss in percent: as they must come out.
    pub expected: [f64; 4],
    /// As they came out: the median of the seeds.
    pub found: [f64; 4],
}

/// Seeds that the known figures are of.
pub const SEEDS: std::ops::RangeInclusive<u64> = 1..=5;

/// How far utilisation may be off, in points.
const UTILISATION: f64 = 3.0;

/// How far a queue may be off: a share of it, or milliseconds.
const QUEUE: (f64, f64) = (0.1, 4.0);

/// How far loss may be off, in points.
const LOSS: f64 = 1.5;

/// Label, case, window, figures.
type Known = (&'static str, &'static str, (u32, u32), [f64; 4]);

/// Here percent are of the flow's fair share.
const BESIDE_TCP: &str = "5.6/300";

/// All of them.
const LINES: [Known; 12] = [
    ("5.2 0-25", "5.2", (0, 25), [98.0, 12.0, 24.0, 0.0]),
    ("5.2 50-75", "5.2", (50, 75), [95.0, 16.0, 29.0, 0.0]),
    ("5.4 30-40", "5.4", (30, 40), [100.0, 14.0, 28.0, 0.0]),
    ("5.5 60-120", "5.5", (60, 120), [100.0, 283.0, 296.0, 9.8]),
    ("5.5 120-299", "5.5", (120, 299), [100.0, 279.0, 296.0, 10.6]),
    ("5.6 media, queue 300", "5.6/300", (60, 119), [50.0, 172.0, 280.0, 0.4]),
    ("Q 70 from 20 s", "Q/70", (20, 60), [100.0, 50.0, 59.0, 13.1]),
    ("L 5 %", "L/5", (20, 60), [102.0, 11.0, 24.0, 5.0]),
    ("L 20 %", "L/20", (20, 60), [52.0, 2.0, 6.0, 20.1]),
    ("D 1 ms", "D/1", (20, 60), [100.0, 11.0, 23.0, 0.0]),
    ("D 150 ms", "D/150", (20, 60), [100.0, 11.0, 23.0, 0.0]),
    ("D 300 ms", "D/300", (20, 60), [100.0, 11.0, 23.0, 0.0]),
];

/// Runs str0m in `cases`, as far as they are needed, and compares. `only` names one line; all otherwise.
#[must_use]
pub fn run(
    cases: &[Case],
    only: Option<&str>,
    progress: impl FnMut(usize, usize, &str),
) -> Vec<Line> {
    let lines: Vec<_> =
        LINES.iter().filter(|line| only.is_none_or(|only| line.0 == only)).collect();
    let rows: Vec<Row> =
        lines.iter().map(|(label, case, window, _)| row(label, case, *window)).collect();
    let is_needed = |case: &&Case| rows.iter().any(|row| row.case == case.name);
    let needed: Vec<Case> = cases.iter().filter(is_needed).cloned().collect();
    let study = Study {
        cases: &needed,
        rows: &rows,
        algorithms: &[Algorithm::Reference],
        seeds: SEEDS,
        trace: &[],
        plots: false,
    };
    let results = study.run(progress);
    let found = |row: usize| [0, 1, 2, 3].map(|figure| median(&mut results.values(row, figure, 0)));
    (0..)
        .zip(&lines)
        .map(|(row, (label, _, _, expected))| Line {
            label,
            expected: *expected,
            found: found(row),
        })
        .collect()
}

fn row(label: &'static str, case: &'static str, (from, to): (u32, u32)) -> Row {
    let window = Window::new(from, to);
    let figure = |name, measure| Figure {
        name,
        measure,
        bar: Bar::None,
        judged: Judged::Median,
        libwebrtc: None,
    };
    let utilisation = if case == BESIDE_TCP {
        OfShare(0, Who::All, window, FAIR_KBPS)
    } else {
        Utilisation(0, Who::All, window)
    };
    let figures = vec![
        figure("utilisation %", utilisation),
        figure("queue mean ms", QueueMean(0, Who::All, window)),
        figure("queue p95 ms", QueueP95(0, Who::All, window)),
        figure("loss %", Loss(0, Who::All, window)),
    ];
    Row { case, label, figures }
}

impl Line {
    /// Whether it came out again.
    #[must_use]
    pub fn holds(&self) -> bool {
        let within = |place: usize, most: f64| {
            (self.found[place] - self.expected[place]).abs() <= most + 1e-9
        };
        let queue = |place: usize| within(place, (QUEUE.0 * self.expected[place]).max(QUEUE.1));
        within(0, UTILISATION) && queue(1) && queue(2) && within(3, LOSS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_holds_within_its_tolerances_and_not_beyond() {
        let line = |found| Line { label: "x", expected: [50.0, 172.0, 20.0, 0.4], found };
        assert!(line([53.0, 189.2, 24.0, 1.9]).holds());
        assert!(!line([53.1, 172.0, 20.0, 0.4]).holds());
        assert!(!line([50.0, 189.3, 20.0, 0.4]).holds());
        assert!(!line([50.0, 172.0, 24.1, 0.4]).holds());
        assert!(!line([50.0, 172.0, 20.0, 2.0]).holds());
        assert!(!line([f64::NAN, 172.0, 20.0, 0.4]).holds());
    }
}
