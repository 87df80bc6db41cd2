//! The table as text.

use std::fmt::Write;

use super::calibration::Line;
use super::report::{Report, Told, Value, Verdict, show, show_bar};

/// How wide the columns are.
const WIDTHS: [usize; 4] = [25, 36, 30, 34];

/// The calibration, row by row.
#[must_use]
pub fn calibration(lines: &[Line]) -> String {
    let mut out = String::from(
        "Calibration: str0m 0.25.0, utilisation % / queue mean ms / queue p95 ms / loss %, median of 5 seeds\n",
    );
    let four = |values: &[f64; 4]| {
        format!("{:.0} / {:.0} / {:.0} / {:.1}", values[0], values[1], values[2], values[3])
    };
    for line in lines {
        let verdict = if line.holds() { "ok" } else { "WRONG" };
        let (found, expected) = (four(&line.found), four(&line.expected));
        let _ = writeln!(out, "{:<24}{found:<28}known {expected:<28}{verdict}", line.label);
    }
    if !lines.iter().all(Line::holds) {
        out.push_str("The model is not the known one: nothing below counts.\n");
    }
    out
}

/// All rows; the names of figures stand above the rows that have them.
#[must_use]
pub fn rows(report: &Report) -> String {
    let mut out = String::new();
    let mut names = String::new();
    for row in &report.rows {
        let own = joined(row, |figure| figure.name.to_owned());
        if own != names {
            let _ = writeln!(out, "\n{own}");
            line(&mut out, ["", "ours", "bar", "str0m 0.25"], "");
            names = own;
        }
        let verdict = match (row.is_short(), row.is_known()) {
            (true, _) => "SHORT",
            (false, true) => "known",
            (false, false) => "ok",
        };
        let ours = joined(row, ours);
        let bar = joined(row, |figure| show_bar(figure.bar));
        let reference = joined(row, |figure| show(figure.reference));
        line(&mut out, [row.label, &ours, &bar, &reference], verdict);
    }
    let (all, short) = report.count();
    let _ = writeln!(out, "\n{} of {all} rows hold, {short} short", all - short);
    out
}

/// What is short is marked, so that it is found without counting slashes.
fn ours(figure: &Value) -> String {
    let mark = match figure.verdict {
        Verdict::Holds | Verdict::Shown => "",
        Verdict::Known => "~",
        Verdict::Short => "!",
    };
    format!("{}{mark}", show(figure.ours))
}

fn joined(row: &Told, show: impl Fn(&Value) -> String) -> String {
    row.figures.iter().map(show).collect::<Vec<_>>().join(" / ")
}

fn line(out: &mut String, cells: [&str; 4], verdict: &str) {
    for (cell, width) in cells.into_iter().zip(WIDTHS) {
        let _ = write!(out, "{cell:<width$} ");
    }
    let _ = writeln!(out, "{verdict}");
}
