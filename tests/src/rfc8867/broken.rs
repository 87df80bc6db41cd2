//! What lacks a part, and the rows that notice it: a test that cannot fail is none. Parts that no row notices are in docs/simulcast.md.

use std::fmt::Write as _;
use std::ops::RangeInclusive;

use simulcast::Bitrate;
use simulcast::estimator::{Part, Parts};

use super::algorithm::{Algorithm, Settings};
use super::case::Case;
use super::known::Known;
use super::report::{Report, Verdict, show, show_bar};
use super::rows::Row;
use super::study::Study;

/// Something that lacks a part.
#[derive(Clone, Copy, Debug)]
pub struct Broken {
    /// What is wrong with it.
    pub what: &'static str,
    /// How it is made.
    pub settings: Settings,
    /// Rows, each of which must be short. Of those with a figure, that figure.
    pub rows: &'static [(&'static str, Option<&'static str>)],
    /// The rows that are quick.
    pub quick: usize,
}

/// What became of one of its rows.
#[derive(Clone, Debug)]
pub struct Noticed {
    /// What is wrong.
    pub what: &'static str,
    /// The row.
    pub label: &'static str,
    /// Its figures: name, value, bar.
    pub figures: Vec<(&'static str, f64, String)>,
    /// Whether it turned red.
    pub is_red: bool,
}

/// Everything that can be broken.
#[must_use]
pub fn all() -> Vec<Broken> {
    let without = |part| Settings { parts: Parts::ALL.without(part), ..Settings::default() };
    let constant = Settings { start: Some(Bitrate::kbps(1_000)), ..without(Part::Estimate) };
    let broken = |what, settings, quick, rows| Broken { what, settings, rows, quick };
    vec![
        broken(
            "estimate constant 1 Mbit/s",
            constant,
            2,
            &[("S1", None), ("S3", None), ("5.1 40-60", None), ("5.2 25-50", None)],
        ),
        broken(
            "no delay-based part",
            without(Part::Delay),
            0,
            &[
                ("5.1 0-40", Some("queue p95 ms")),
                ("5.4 60-119", Some("queue p95 ms")),
                ("Q 1000 ms", Some("queue p95 ms")),
            ],
        ),
        broken(
            "no probing",
            without(Part::Probing),
            2,
            &[("S1", None), ("S3", None), ("S5", None), ("5.1 times", Some("up80 at 40 s"))],
        ),
        broken(
            "no pacing",
            without(Part::Pacing),
            0,
            &[("5.4 60-119", None), ("Q 70 ms", Some("loss %"))],
        ),
        broken("hysteresis off", without(Part::Hysteresis), 0, &[("S6", Some("loss %"))]),
    ]
}

/// Runs the rows of what is broken, all or the quick ones.
///
/// # Panics
/// If a row has no such name.
#[must_use]
pub fn run(
    cases: &[Case],
    rows: &[Row],
    known: &Known,
    seeds: &RangeInclusive<u64>,
    only_quick: bool,
    mut progress: impl FnMut(usize, usize, &str),
) -> Vec<Noticed> {
    let mut noticed = Vec::new();
    for broken in all() {
        let named = if only_quick { &broken.rows[..broken.quick] } else { broken.rows };
        let asked: Vec<Row> = named
            .iter()
            .map(|(label, _)| {
                let row = rows.iter().find(|row| row.label == *label);
                row.unwrap_or_else(|| panic!("there is no row {label}")).clone()
            })
            .collect();
        let of = |case: &&Case| asked.iter().any(|row| row.case == case.name);
        let cases: Vec<Case> = cases.iter().filter(of).cloned().collect();
        if cases.is_empty() {
            continue;
        }
        let algorithms = [Algorithm::Ours(broken.settings)];
        let (seeds, trace) = (seeds.clone(), &[][..]);
        let study = Study {
            cases: &cases,
            rows: &asked,
            algorithms: &algorithms,
            seeds,
            trace,
            plots: false,
        };
        let results = study.run(|done, all, _| progress(done, all, broken.what));
        let asked_seeds = study.seeds.clone().count();
        let report = Report::new(Vec::new(), &asked, &results, asked_seeds, known);
        for (told, (label, figure)) in report.rows.iter().zip(named) {
            let figures = told.figures.iter();
            let of: Vec<_> =
                figures.filter(|it| figure.is_none_or(|figure| figure == it.name)).collect();
            assert!(!of.is_empty(), "{label} has no figure {figure:?}");
            let is_red = of.iter().any(|it| it.verdict == Verdict::Short);
            let figures = of.iter().map(|it| (it.name, it.ours, show_bar(it.bar))).collect();
            noticed.push(Noticed { what: broken.what, label: told.label, figures, is_red });
        }
    }
    noticed
}

/// As a table.
#[must_use]
pub fn table(noticed: &[Noticed]) -> String {
    let mut out = String::new();
    for one in noticed {
        let figures =
            one.figures.iter().map(|(name, value, bar)| format!("{name} {} {bar}", show(*value)));
        let figures = figures.collect::<Vec<_>>().join(", ");
        let verdict = if one.is_red { "red" } else { "NOT NOTICED" };
        let _ = writeln!(out, "{:<46} {:<24} {verdict:<12} {figures}", one.what, one.label);
    }
    let missed = noticed.iter().filter(|one| !one.is_red).count();
    let _ = writeln!(
        out,
        "{} of {} rows turned red, {missed} did not",
        noticed.len() - missed,
        noticed.len()
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rfc8867::rows;

    #[test]
    fn every_row_and_figure_exists_and_quick_ones_come_first() {
        let rows = rows::all();
        for broken in all() {
            assert!(broken.quick <= broken.rows.len(), "{}", broken.what);
            for (label, figure) in broken.rows {
                let row = rows.iter().find(|row| row.label == *label).expect("a row");
                let has = |name: &&str| row.figures.iter().any(|figure| figure.name == *name);
                assert!(figure.as_ref().is_none_or(has), "{label}: {figure:?}");
            }
        }
    }

    #[test]
    fn what_is_not_noticed_is_told() {
        let one = |is_red| Noticed {
            what: "w",
            label: "l",
            figures: vec![("f", 1.0, "≤2".into())],
            is_red,
        };
        let table = table(&[one(true), one(false)]);
        assert!(
            table.contains("NOT NOTICED") && table.contains("1 of 2 rows turned red, 1 did not")
        );
    }
}
