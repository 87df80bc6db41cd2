//! Measures congestion control in the cases of RFC 8867 and prints each figure beside its bar, and str0m's beside ours.
//!
//! Ends with 0 if every row holds, with 1 if one does not, and with 2 if the calibration fails or the call is wrong.

use std::fs;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use simulcast::estimator::{Part, Parts};
use tests::rfc8867::algorithm::{Algorithm, Settings};
use tests::rfc8867::calibration;
use tests::rfc8867::case::Case;
use tests::rfc8867::known::Known;
use tests::rfc8867::plot::Plot;
use tests::rfc8867::progress::Progress;
use tests::rfc8867::report::{Outcome, Report};
use tests::rfc8867::study::Study;
use tests::rfc8867::trace::{self, Moment};
use tests::rfc8867::{cases, html, json, rows, table};

/// Congestion control in the cases of RFC 8867: ours, the bar, and str0m beside it.
#[derive(Debug, Parser)]
struct Arguments {
    /// First and last seed; rows that are judged on 20 seeds run from the first one on.
    #[arg(long, default_value = "1..5", value_parser = seeds)]
    seeds: RangeInclusive<u64>,
    /// Only this case, or this group of cases; may be given more than once.
    #[arg(long)]
    case: Vec<String>,
    /// Lines `seconds,bps,queue_ms,delay_ms,loss` in place of what a case says of its forward link.
    #[arg(long)]
    trace: Option<PathBuf>,
    /// Prints JSON in place of the table.
    #[arg(long)]
    json: bool,
    /// Writes a page with plots.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Accepts rows that docs/simulcast.md lists as short, at the figure recorded there.
    #[arg(long)]
    known: bool,
    /// Ours without a part; may be given more than once.
    #[arg(long, value_name = "PART", value_parser = part)]
    without: Vec<Part>,
    /// Only the calibration.
    #[arg(long)]
    calibrate: bool,
    /// No calibration: for a quick look at one case.
    #[arg(long, conflicts_with = "calibrate")]
    uncalibrated: bool,
}

/// Where what is short is recorded.
const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/simulcast.md");

/// What it ends with when the calibration fails, or it was called wrongly.
const INVALID: u8 = 2;

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(Outcome::Holds) => ExitCode::SUCCESS,
        Ok(Outcome::Short) => ExitCode::FAILURE,
        Ok(Outcome::Invalid) => ExitCode::from(INVALID),
        Err(error) => {
            eprintln!("rfc8867: {error}");
            ExitCode::from(INVALID)
        }
    }
}

fn run(arguments: &Arguments) -> Result<Outcome, String> {
    let all = cases::all();
    let chosen = chosen(&all, &arguments.case)?;
    let trace = arguments.trace.as_ref().map_or(Ok(Vec::new()), |path| {
        trace::read(&read(path)?).map_err(|error| format!("{}: {error}", path.display()))
    })?;
    let known = known(arguments.known)?;
    let progress = Progress::new();
    let calibration = if arguments.uncalibrated {
        Vec::new()
    } else {
        calibration::run(&all, None, |done, all, case| progress.show(done, all, case))
    };
    progress.clear();
    if !arguments.json {
        print!("{}", table::calibration(&calibration));
    }
    let chosen = if arguments.calibrate { Vec::new() } else { follow(chosen, &trace) };
    let report = measure(arguments, &chosen, &trace, calibration, &known, &progress)?;
    if arguments.json {
        println!("{:#}", json::write(&report));
    } else if !arguments.calibrate {
        print!("{}", table::rows(&report));
    }
    Ok(report.outcome())
}

fn measure(
    arguments: &Arguments,
    chosen: &[Case],
    trace: &[Moment],
    calibration: Vec<calibration::Line>,
    known: &Known,
    progress: &Progress,
) -> Result<Report, String> {
    let rows = rows::all();
    let parts = arguments.without.iter().fold(Parts::ALL, |parts, part| parts.without(*part));
    let ours = Algorithm::Ours(Settings { parts, ..Settings::default() });
    let algorithms = [ours, Algorithm::Reference];
    let study = Study {
        cases: chosen,
        rows: &rows,
        algorithms: &algorithms,
        seeds: arguments.seeds.clone(),
        trace,
        plots: arguments.html.is_some(),
    };
    let results = study.run(|done, all, case| progress.show(done, all, case));
    progress.clear();
    let asked = arguments.seeds.clone().count();
    let report = Report::new(calibration, &rows, &results, asked, known);
    if let Some(path) = &arguments.html {
        let plots: Vec<(&Case, Vec<(&str, &Plot)>)> = chosen
            .iter()
            .enumerate()
            .map(|(place, case)| {
                let of = |whose: usize| results.plots.get(&(place, whose));
                let named = algorithms.iter().enumerate();
                (case, named.filter_map(|(whose, it)| Some((it.name(), of(whose)?))).collect())
            })
            .collect();
        let page = html::write(&report, &plots);
        fs::write(path, page).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(report)
}

fn chosen(all: &[Case], asked: &[String]) -> Result<Vec<Case>, String> {
    if let Some(unknown) = asked.iter().find(|asked| !all.iter().any(|case| case.is(asked))) {
        let names: Vec<&str> = all.iter().map(|case| case.name).collect();
        return Err(format!("there is no case {unknown}; there are {}", names.join(", ")));
    }
    let is_asked = |case: &&Case| asked.is_empty() || asked.iter().any(|asked| case.is(asked));
    Ok(all.iter().filter(is_asked).cloned().collect())
}

/// Cases whose capacity is the trace's.
fn follow(cases: Vec<Case>, trace: &[Moment]) -> Vec<Case> {
    cases.into_iter().map(|case| case.following(trace)).collect()
}

fn known(is_asked: bool) -> Result<Known, String> {
    if !is_asked {
        return Ok(Known::default());
    }
    let known = Known::read(&read(&PathBuf::from(DOCUMENT))?)?;
    let rows = rows::all();
    let exists = |label: &str, name: &str| {
        let mut rows = rows.iter().filter(|row| row.label == label);
        rows.any(|row| row.figures.iter().any(|figure| figure.name == name))
    };
    match &known.stale(exists)[..] {
        [] => Ok(known),
        stale => Err(format!("docs/simulcast.md names what is in no row: {}", stale.join("; "))),
    }
}

fn read(path: &PathBuf) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn part(text: &str) -> Result<Part, String> {
    let found = PARTS.iter().find(|(name, _)| *name == text);
    let names = PARTS.map(|(name, _)| name);
    found.map(|(_, part)| *part).ok_or_else(|| format!("there are {}", names.join(", ")))
}

/// As they are called in a command.
const PARTS: [(&str, Part); 11] = [
    ("estimate", Part::Estimate),
    ("delay", Part::Delay),
    ("loss", Part::Loss),
    ("probing", Part::Probing),
    ("application-limited", Part::ApplicationLimited),
    ("feedback-loss", Part::FeedbackLoss),
    ("queue-guard", Part::QueueGuard),
    ("pacing", Part::Pacing),
    ("repair", Part::Repair),
    ("care", Part::Care),
    ("keyframes", Part::Keyframes),
];

fn seeds(text: &str) -> Result<RangeInclusive<u64>, String> {
    let (first, last) = text.split_once("..").unwrap_or((text, text));
    let parse = |text: &str| text.parse::<u64>().map_err(|error| format!("{text}: {error}"));
    let (first, last) = (parse(first)?, parse(last)?);
    if first > last || last - first >= SEEDS_MAX {
        return Err(format!("from {first} to {last}: one seed at least, {SEEDS_MAX} at most"));
    }
    Ok(first..=last)
}

/// More are a mistake: each takes seconds of every core.
const SEEDS_MAX: u64 = 1_000;
