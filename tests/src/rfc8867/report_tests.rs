//! From figures to verdicts, as text and as JSON.

use simulcast::estimator::{Part, Parts};

use super::{Outcome, Report, Verdict};
use crate::rfc8867::algorithm::{Algorithm, Settings};
use crate::rfc8867::calibration::Line;
use crate::rfc8867::case::Case;
use crate::rfc8867::known::Known;
use crate::rfc8867::rows::Row;
use crate::rfc8867::study::Study;
use crate::rfc8867::{cases, html, json, rows, table};

/// A case of five seconds, of ours without an estimate: its rows are short.
fn report(known: &Known) -> Report {
    let mut case = cases::all().into_iter().find(|case| case.name == "D/1").expect("D/1");
    case.seconds = 5;
    let (cases, rows): ([Case; 1], Vec<Row>) = ([case], rows::all());
    let blind = Settings { parts: Parts::ALL.without(Part::Estimate), ..Settings::default() };
    let study = Study {
        cases: &cases,
        rows: &rows,
        algorithms: &[Algorithm::Ours(blind), Algorithm::Reference],
        seeds: 1..=2,
        trace: &[],
        plots: true,
    };
    let results = study.run(|_, _, _| {});
    assert_eq!(results.plots.len(), 2, "the first seed of both");
    let report = Report::new(Vec::new(), &rows, &results, 2, known);
    let page = html::write(&report, &[(&cases[0], vec![("ours", &results.plots[&(0, 0)])])]);
    assert!(page.contains("<polyline") && page.contains("D 1 ms") && page.ends_with("</html>\n"));
    report
}

#[test]
fn a_study_of_one_case_becomes_its_rows_as_text_and_as_json() {
    let report = report(&Known::default());
    let labels: Vec<&str> = report.rows.iter().map(|row| row.label).collect();
    assert_eq!(labels, ["D 1 ms", "D 1 ms times"]);
    let up80 = &report.rows[1].figures[0];
    assert!(up80.ours.is_infinite(), "in five seconds the start estimate does not reach it");
    assert_eq!((up80.seeds.len(), up80.verdict), (2, Verdict::Short));
    assert_eq!(report.outcome(), Outcome::Short);
    let text = table::rows(&report);
    assert!(text.contains("never!") && text.contains("0 of 2 rows hold, 2 short"), "{text}");
    let json = json::write(&report);
    assert_eq!(json["outcome"], "short");
    assert_eq!(json["rows"][1]["figures"][0]["ours"], "never");
    assert_eq!(json["rows"][1]["figures"][0]["bar"]["at_most"], 2.0);
    assert_eq!(json["rows"][1]["figures"][0]["seeds"].as_array().map(Vec::len), Some(2));
}

#[test]
fn what_is_recorded_as_short_is_known_and_everything_else_is_not() {
    let document = "## Rows that are short\n| D 1 ms times | up80 at 0 s | never | no estimate |\n";
    let report = report(&Known::read(document).expect("right"));
    assert_eq!(report.rows[1].figures[0].verdict, Verdict::Known);
    assert!(report.rows[0].is_short() && !report.rows[1].is_short() && report.rows[1].is_known());
    assert_eq!(report.count(), (2, 1));
}

#[test]
fn nothing_counts_where_the_model_is_wrong() {
    let line = Line { label: "x", expected: [1.0; 4], found: [9.0; 4] };
    let report = Report { calibration: vec![line.clone()], rows: Vec::new() };
    assert_eq!(report.outcome(), Outcome::Invalid);
    assert!(table::calibration(&[line]).contains("nothing below counts"));
    let right = Line { label: "x", expected: [1.0; 4], found: [1.0; 4] };
    assert_eq!(Report { calibration: vec![right], rows: Vec::new() }.outcome(), Outcome::Holds);
}
