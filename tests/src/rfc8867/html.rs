//! The table as a page, with what there is to see of each case.

use std::fmt::Write;

use super::case::Case;
use super::plot::Plot;
use super::report::{Report, Verdict, show, show_bar};

/// Width and height of a picture.
const SIZE: (f64, f64) = (560.0, 130.0);

/// Room at the left for numbers.
const LEFT: f64 = 46.0;

/// Colours of flows, by their number.
const COLOURS: [&str; 5] = ["#2563eb", "#db2777", "#059669", "#d97706", "#7c3aed"];

/// A page; `plots` are by case, each with the names of those who are seen in it.
#[must_use]
pub fn write(report: &Report, plots: &[(&Case, Vec<(&str, &Plot)>)]) -> String {
    let mut out = String::from(HEAD);
    table(&mut out, report);
    for (case, plots) in plots {
        let _ =
            writeln!(out, "<h2 id=\"{0}\">{0}: {1}</h2><div class=case>", case.name, case.title);
        for (whose, plot) in plots {
            let _ = writeln!(out, "<section><h3>{whose}</h3>");
            rates(&mut out, plot, case.seconds);
            let queue = Series { values: &plot.queue, class: "queue", colour: "#dc2626" };
            picture(&mut out, "queue, ms", case.seconds, &[queue]);
            if !plot.layer.is_empty() {
                let layer = Series { values: &plot.layer, class: "layer", colour: "#0f766e" };
                picture(&mut out, "layer", case.seconds, &[layer]);
            }
            out.push_str("</section>\n");
        }
        out.push_str("</div>\n");
    }
    out.push_str("</body></html>\n");
    out
}

const HEAD: &str = "<!doctype html><html lang=en><meta charset=utf-8><title>RFC 8867</title><style>
body{font:14px system-ui;margin:2em;color:#111;background:#fff}
table{border-collapse:collapse}td,th{padding:.15em .7em;text-align:left;border-bottom:1px solid #ddd}
.short{color:#b91c1c;font-weight:600}.known{color:#b45309}
.case{display:flex;flex-wrap:wrap;gap:2em}h3{margin:.2em 0}
svg{display:block}polyline{fill:none;stroke-width:1.2}.capacity{stroke-width:2;stroke-dasharray:5 3}.estimate{stroke-dasharray:2 2}
text{font:10px system-ui;fill:#555}line{stroke:#ddd}
</style><body><h1>Congestion control: RFC 8867 and an SFU's own cases</h1>
<p>Of each case the first seed: capacity (grey, dashed), each flow's estimate (dotted) and what left the link (solid).</p>
";

fn table(out: &mut String, report: &Report) {
    out.push_str("<table><tr><th>row<th>figure<th>ours<th>bar<th>str0m<th>libwebrtc\n");
    for row in &report.rows {
        for (place, figure) in row.figures.iter().enumerate() {
            let label = if place == 0 { row.label } else { "" };
            let class = match figure.verdict {
                Verdict::Short => "short",
                Verdict::Known => "known",
                Verdict::Holds | Verdict::Shown => "",
            };
            let _ = writeln!(
                out,
                "<tr><td><a href=\"#{}\">{label}</a><td>{}<td class=\"{class}\">{}<td>{}<td>{}<td>{}",
                row.case,
                figure.name,
                show(figure.ours),
                show_bar(figure.bar),
                show(figure.reference),
                figure.libwebrtc.map_or_else(|| "–".to_owned(), show),
            );
        }
    }
    out.push_str("</table>\n");
}

/// One line of a picture.
struct Series<'a> {
    values: &'a [f64],
    class: &'static str,
    colour: &'static str,
}

fn rates(out: &mut String, plot: &Plot, seconds: u64) {
    let mut series = vec![Series { values: &plot.capacity, class: "capacity", colour: "#9ca3af" }];
    for ((sent, estimate), colour) in plot.sent.iter().zip(&plot.estimates).zip(COLOURS) {
        series.push(Series { values: estimate, class: "estimate", colour });
        series.push(Series { values: sent, class: "sent", colour });
    }
    picture(out, "kbit/s", seconds, &series);
}

#[expect(clippy::cast_precision_loss, reason = "a place in a picture")]
fn picture(out: &mut String, unit: &str, seconds: u64, series: &[Series<'_>]) {
    let (width, height) = SIZE;
    // An estimate may be far above all that is sent: it is cut off at twice of what else there is to see.
    let others = series.iter().filter(|series| series.class != "estimate");
    let highest = others.flat_map(|series| series.values).copied().fold(1.0, f64::max);
    let top = if series.len() > 1 { highest * 1.3 } else { highest };
    let (x, y) = (
        |share: f64| LEFT + share * (width - LEFT),
        |value: f64| (height - 14.0) * (1.0 - (value / top).min(1.0)) + 2.0,
    );
    let _ = writeln!(out, "<svg viewBox=\"0 0 {width} {height}\" width={width} height={height}>");
    for share in [0.0, 0.5, 1.0] {
        let (value, at) = (share * highest, y(share * highest));
        let _ = writeln!(
            out,
            "<line x1={LEFT} x2={width} y1={at:.1} y2={at:.1} /><text x=0 y={:.1}>{}</text>",
            at + 8.0,
            show(value)
        );
    }
    for tenth in (0..=seconds).step_by(usize::try_from(seconds / 6).unwrap_or(1).max(1)) {
        let at = x(tenth as f64 / seconds as f64);
        let _ = writeln!(out, "<text x={at:.1} y={height}>{tenth}</text>");
    }
    let _ = writeln!(out, "<text x={} y=12>{unit}</text>", LEFT + 4.0);
    for Series { values, class, colour } in series {
        let _ = write!(out, "<polyline class={class} stroke=\"{colour}\" points=\"");
        for (place, value) in values.iter().enumerate() {
            let _ = write!(out, "{:.1},{:.1} ", x(place as f64 / values.len() as f64), y(*value));
        }
        out.push_str("\" />\n");
    }
    out.push_str("</svg>\n");
}
