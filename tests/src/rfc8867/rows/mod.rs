//! Every row of the table: its figures, each with its bar and what libwebrtc reached.

pub mod bar;
pub mod layers;
pub mod phases;
pub mod steps;

use super::measure::Measure;
use bar::{Bar, Judged};

/// A row.
#[derive(Clone, Debug)]
pub struct Row {
    /// The case it is of.
    pub case: &'static str,
    /// What it is called; unique in the table.
    pub label: &'static str,
    /// In the order in which they are printed.
    pub figures: Vec<Figure>,
}

/// A figure of a row.
#[derive(Clone, Debug)]
pub struct Figure {
    /// What it is called; unique in its row.
    pub name: &'static str,
    /// How it is computed.
    pub measure: Measure,
    /// What ours is to reach.
    pub bar: Bar,
    /// Over which seeds, and how these become one number.
    pub judged: Judged,
    /// What libwebrtc's controller reached in this model, as the specification has it.
    pub libwebrtc: Option<f64>,
}

/// All rows, in the order in which they are printed.
#[must_use]
pub fn all() -> Vec<Row> {
    let mut rows = phases::rows();
    rows.extend(steps::rows());
    rows.extend(layers::rows());
    rows
}

/// A figure that is judged by the median of the seeds asked for.
#[must_use]
pub(super) fn figure(name: &'static str, measure: Measure, bar: Bar, libwebrtc: f64) -> Figure {
    let libwebrtc = (!libwebrtc.is_nan()).then_some(libwebrtc);
    Figure { name, measure, bar, judged: Judged::Median, libwebrtc }
}

/// There is no such figure.
pub(super) const NONE: f64 = f64::NAN;

/// It was never reached.
pub(super) const NEVER: f64 = f64::INFINITY;

impl Figure {
    /// The same, judged otherwise.
    #[must_use]
    pub(super) fn judged(self, judged: Judged) -> Self {
        Self { judged, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rfc8867::cases;

    #[test]
    fn rows_are_of_cases_that_exist_and_have_names_of_their_own() {
        let cases = cases::all();
        let rows = all();
        for row in &rows {
            assert!(cases.iter().any(|case| case.name == row.case), "{}", row.label);
            let mut names: Vec<&str> = row.figures.iter().map(|figure| figure.name).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), row.figures.len(), "{}", row.label);
        }
        let mut labels: Vec<&str> = rows.iter().map(|row| row.label).collect();
        labels.sort_unstable();
        labels.dedup();
        assert_eq!(labels.len(), rows.len());
    }
}
