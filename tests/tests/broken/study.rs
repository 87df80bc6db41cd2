//! One row of the cases of RFC 8867, of the whole and of what lacks a part, with the same seeds.

use std::ops::RangeInclusive;
use std::time::Duration;

use simulcast::Bitrate;
use tests::rfc8867::algorithm::{Algorithm, Settings};
use tests::rfc8867::case::Case;
use tests::rfc8867::cases;
use tests::rfc8867::known::Known;
use tests::rfc8867::measure::Measure;
use tests::rfc8867::metrics::{Run, Who, Window, median};
use tests::rfc8867::rows::bar::{Bar, Judged};
use tests::rfc8867::rows::{self, Row};
use tests::rfc8867::study::Study;
use tests::rfc8867::world;
use tools::simnet::schedule::Schedule;

/// Says which rows are short even of the whole, at which figure.
const DOCUMENT: &str = include_str!("../../../docs/simulcast.md");

/// Runs the row `label` with all parts and as `broken` has it. With all it holds; as broken, `figure` is short at the same bar. Where
/// a figure is known to be short, the whole is no worse than was recorded, and what is broken is. Each figure is the median of `seeds`,
/// also of a row that is judged by twenty.
///
/// # Panics
/// Where that is not so.
pub(crate) fn turns_red(broken: Settings, label: &str, figure: &str, seeds: RangeInclusive<u64>) {
    let row = row(label);
    let cases: Vec<Case> = cases::all().into_iter().filter(|case| case.name == row.case).collect();
    let (rows, algorithms) = ([row], [Settings::default(), broken].map(Algorithm::Ours));
    let (trace, plots) = (&[][..], false);
    let study = Study { cases: &cases, rows: &rows, algorithms: &algorithms, seeds, trace, plots };
    let results = study.run(|_, _, _| {});
    let known = Known::read(DOCUMENT).expect("the document is right");
    let mut is_there = false;
    for (number, it) in rows[0].figures.iter().enumerate() {
        let [whole, broken] = [0, 1].map(|whose| median(&mut results.values(0, number, whose)));
        let recorded = known.recorded(label, it.name);
        let passes = |value| {
            it.bar.holds(value, None) || recorded.is_some_and(|was| it.bar.is_no_worse(value, was))
        };
        let said = format!("{label}, {}: {whole:.2} with all, {broken:.2} without", it.name);
        eprintln!("{said}, bar {:?}, recorded {recorded:?}", it.bar);
        assert!(it.bar == Bar::None || passes(whole), "{said}");
        if it.name == figure {
            is_there = true;
            assert!(!passes(broken), "{said}");
        }
    }
    assert!(is_there, "{label} has no figure {figure}");
}

/// By its label, judged on no more seeds than are asked for.
fn row(label: &str) -> Row {
    let row = rows::all().into_iter().find(|row| row.label == label);
    let mut row = row.unwrap_or_else(|| panic!("there is no row {label}"));
    for figure in &mut row.figures {
        figure.judged = Judged::Median;
    }
    row
}

/// Changes of layer in the 120 s of S2 on a link of `kbps` in place of its own.
pub(crate) fn switches(kbps: u64, settings: Settings, seed: u64) -> f64 {
    let mut case = cases::all().into_iter().find(|case| case.name == "S2").expect("S2");
    case.links[0].rate = Schedule::constant(Bitrate::kbps(kbps));
    case.links[0].available = case.links[0].rate.clone();
    let record = world::run(&case, Algorithm::Ours(settings), seed, &[]);
    Measure::Switches(Window::new(0, 120)).of(Run { case: &case, record: &record })
}

/// The loss in percent of Q on a link whose queue takes only so long, from 20 s on.
pub(crate) fn loss_of_short_queue(queue: Duration, settings: Settings, seed: u64) -> f64 {
    let mut case = cases::all().into_iter().find(|case| case.name == "Q/70").expect("Q/70");
    case.links[0].queue = queue;
    let record = world::run(&case, Algorithm::Ours(settings), seed, &[]);
    Measure::Loss(0, Who::All, Window::new(20, 60)).of(Run { case: &case, record: &record })
}
