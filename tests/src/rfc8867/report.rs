//! What a run of the table says: each figure beside its bar.

use super::calibration::Line;
use super::known::Known;
use super::rows::bar::{Bar, Judged};
use super::rows::{Figure, Row};
use super::study::Results;

/// The whole.
#[derive(Debug)]
pub struct Report {
    /// Whether the model is right; empty where that was not asked.
    pub calibration: Vec<Line>,
    /// The rows of the cases that were run.
    pub rows: Vec<Told>,
}

/// A row.
#[derive(Debug)]
pub struct Told {
    /// The case it is of.
    pub case: &'static str,
    /// What it is called.
    pub label: &'static str,
    /// Its figures.
    pub figures: Vec<Value>,
}

/// A figure.
#[derive(Debug)]
pub struct Value {
    /// What it is called.
    pub name: &'static str,
    /// As it is judged.
    pub ours: f64,
    /// By seed.
    pub seeds: Vec<f64>,
    /// What it is to reach.
    pub bar: Bar,
    /// Over which seeds.
    pub judged: Judged,
    /// str0m's, the same way on the seeds asked for.
    pub reference: f64,
    /// libwebrtc's, as the specification has it.
    pub libwebrtc: Option<f64>,
    /// What it comes to.
    pub verdict: Verdict,
}

/// What a figure comes to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// Good enough.
    Holds,
    /// Too short, as is known, and no worse than was recorded.
    Known,
    /// Too short.
    Short,
    /// It has no bar.
    Shown,
}

/// How a program ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// Every row holds.
    Holds,
    /// A row is short.
    Short,
    /// The model is wrong: nothing after the calibration counts.
    Invalid,
}

impl Report {
    /// Of `results`, whose first algorithm is ours and whose second, if any, is the reference. `asked` seeds were asked for.
    #[must_use]
    pub fn new(
        calibration: Vec<Line>,
        rows: &[Row],
        results: &Results,
        asked: usize,
        known: &Known,
    ) -> Self {
        let judged = |row: &str, name: &str| {
            let place = rows.iter().position(|other| other.label == row)?;
            let number = rows[place].figures.iter().position(|figure| figure.name == name)?;
            let values = results.values(place, number, 0);
            let judged = rows[place].figures[number].judged;
            (!values.is_empty()).then(|| judged.of(&values, asked))
        };
        let value = |place: usize, row: &Row, number: usize, figure: &Figure| {
            let seeds = results.values(place, number, 0);
            let ours = figure.judged.of(&seeds, asked);
            let other = match figure.bar {
                Bar::Near(row, _) => judged(row, figure.name),
                Bar::None | Bar::AtLeast(_) | Bar::AtMost(_) => None,
            };
            let recorded = known.recorded(row.label, figure.name);
            let verdict = match figure.bar {
                Bar::None => Verdict::Shown,
                bar if bar.holds(ours, other) => Verdict::Holds,
                bar if recorded.is_some_and(|was| bar.is_no_worse(ours, was)) => Verdict::Known,
                Bar::AtLeast(_) | Bar::AtMost(_) | Bar::Near(..) => Verdict::Short,
            };
            let reference = figure.judged.of(&results.values(place, number, 1), asked);
            let Figure { name, bar, judged, libwebrtc, .. } = *figure;
            Value { name, ours, seeds, bar, judged, reference, libwebrtc, verdict }
        };
        let was_run = |place: &usize| !results.values(*place, 0, 0).is_empty();
        let rows = rows.iter().enumerate().filter(|(place, _)| was_run(place));
        let rows = rows.map(|(place, row)| Told {
            case: row.case,
            label: row.label,
            figures: row
                .figures
                .iter()
                .enumerate()
                .map(|(number, figure)| value(place, row, number, figure))
                .collect(),
        });
        Self { calibration, rows: rows.collect() }
    }

    /// How the program ends.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        if !self.calibration.iter().all(Line::holds) {
            Outcome::Invalid
        } else if self.rows.iter().any(Told::is_short) {
            Outcome::Short
        } else {
            Outcome::Holds
        }
    }

    /// How many rows there are, and how many of them are short.
    #[must_use]
    pub fn count(&self) -> (usize, usize) {
        (self.rows.len(), self.rows.iter().filter(|row| row.is_short()).count())
    }
}

impl Told {
    /// Whether one of its figures is short.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.figures.iter().any(|figure| figure.verdict == Verdict::Short)
    }

    /// Whether one of its figures is known to be short.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.figures.iter().any(|figure| figure.verdict == Verdict::Known)
    }
}

/// A figure as it is printed.
#[must_use]
pub fn show(value: f64) -> String {
    if value.is_nan() {
        "–".to_owned()
    } else if value.is_infinite() {
        "never".to_owned()
    } else if value.abs() >= 100.0 {
        format!("{value:.0}")
    } else if value.abs() >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

/// A bar as it is printed.
#[must_use]
pub fn show_bar(bar: Bar) -> String {
    match bar {
        Bar::None => "–".to_owned(),
        Bar::AtLeast(least) => format!("≥{least}"),
        Bar::AtMost(most) => format!("≤{most}"),
        Bar::Near(_, most) => format!("±{most}"),
    }
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
