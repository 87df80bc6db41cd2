//! The table as JSON.

use serde_json::{Value as Json, json};

use super::calibration::Line;
use super::report::{Outcome, Report, Told, Value, Verdict};
use super::rows::bar::{Bar, Judged};

/// All of it. What was never reached is `"never"`, and what there is not is `null`.
#[must_use]
pub fn write(report: &Report) -> Json {
    json!({
        "calibration": report.calibration.iter().map(calibrated).collect::<Vec<_>>(),
        "rows": report.rows.iter().map(told).collect::<Vec<_>>(),
        "outcome": match report.outcome() {
            Outcome::Holds => "holds",
            Outcome::Short => "short",
            Outcome::Invalid => "invalid",
        },
    })
}

fn calibrated(line: &Line) -> Json {
    json!({
        "row": line.label,
        "expected": line.expected.map(number),
        "found": line.found.map(number),
        "holds": line.holds(),
    })
}

fn told(row: &Told) -> Json {
    let figures: Vec<Json> = row.figures.iter().map(value).collect();
    json!({ "case": row.case, "row": row.label, "figures": figures })
}

fn value(value: &Value) -> Json {
    json!({
        "name": value.name,
        "ours": number(value.ours),
        "seeds": value.seeds.iter().map(|seed| number(*seed)).collect::<Vec<_>>(),
        "bar": bar(value.bar),
        "judged": match value.judged {
            Judged::Median => "median".to_owned(),
            Judged::MedianOf20 => "median of 20".to_owned(),
            Judged::ShareOf20(share) => format!("{share} of 20"),
            Judged::WorstOf20 => "worst of 20".to_owned(),
            Judged::Least => "least".to_owned(),
        },
        "str0m": number(value.reference),
        "libwebrtc": value.libwebrtc.map(number),
        "verdict": match value.verdict {
            Verdict::Holds => "holds",
            Verdict::Known => "known",
            Verdict::Short => "short",
            Verdict::Shown => "shown",
        },
    })
}

fn bar(bar: Bar) -> Json {
    match bar {
        Bar::None => Json::Null,
        Bar::AtLeast(least) => json!({ "at_least": least }),
        Bar::AtMost(most) => json!({ "at_most": most }),
        Bar::Near(row, most) => json!({ "near": row, "at_most": most }),
    }
}

fn number(value: f64) -> Json {
    if value.is_infinite() { json!("never") } else { json!(value) }
}
