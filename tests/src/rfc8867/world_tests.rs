//! Whole runs: what is the same each time, and what is known of them beforehand.

use simulcast::Bitrate;
use simulcast::estimator::Parts;
use tools::simnet::passage::Outcome;
use tools::simnet::schedule::Schedule;
use tools::simnet::time::SimTime;

use super::run;
use crate::rfc8867::algorithm::{Algorithm, Settings};
use crate::rfc8867::case::{BulkPlan, Case};
use crate::rfc8867::metrics::{Run, Who, Window, bottleneck};
use crate::rfc8867::record::Record;
use crate::rfc8867::tcp::control::Control;
use crate::rfc8867::{calibration, cases, trace};

fn named(name: &str) -> Case {
    cases::all().into_iter().find(|case| case.name == name).expect("a case of this name")
}

const OURS: Algorithm = Algorithm::Ours(Settings { budget: None, start: None, parts: Parts::ALL });

fn short(name: &str, seconds: u64) -> Case {
    Case { seconds, ..named(name) }
}

fn alone(control: Control, kbps: u64, seconds: u64) -> Case {
    let mut case = named("5.6/300");
    case.seconds = seconds;
    case.flows.clear();
    case.bulks = vec![BulkPlan { control, start: SimTime::ZERO, end: case.end() }];
    case.links[0].rate = Schedule::constant(Bitrate::kbps(kbps));
    case.links[0].available = case.links[0].rate.clone();
    case
}

fn tcp(case: &Case, record: &Record, window: Window) -> f64 {
    bottleneck::rate(Run { case, record }, 0, Who::Tcp, window)
}

#[test]
fn tcp_fills_a_link_whose_queue_is_as_long_as_its_round_trip() {
    // CUBIC grows faster where the queue is full, and loses several segments at once; without SACK that ends in timeouts.
    for (control, least) in [(Control::NewReno, 1_960.0), (Control::Cubic, 1_800.0)] {
        let case = alone(control, 2_000, 120);
        let record = run(&case, Algorithm::Reference, 1, &[]);
        let rate = |from, to| tcp(&case, &record, Window::new(from, to));
        let tens: Vec<f64> = (0..12).map(|ten| rate(ten * 10, ten * 10 + 10).round()).collect();
        // A packet that began before the window counts whole: 0.2 kbit/s.
        let found = rate(60, 120);
        assert!((least..=2_000.3).contains(&found), "{control:?}: {found}, of {tens:?}");
    }
}

#[test]
fn tcp_loses_now_and_then_and_never_much() {
    let case = alone(Control::NewReno, 2_000, 120);
    let record = run(&case, Algorithm::Reference, 1, &[]);
    let late = record.passages.iter().filter(|passage| passage.at > SimTime::milliseconds(30_000));
    let (mut sent, mut dropped) = (0, 0);
    for passage in late.filter(|passage| passage.link == record.links[0]) {
        match passage.outcome {
            Outcome::Sent { .. } => sent += 1,
            Outcome::Dropped => dropped += 1,
            Outcome::LostBefore | Outcome::LostBehind => panic!("chance takes nothing here"),
        }
    }
    // A window between 200 and 400 ms of 2 Mbit/s, 33 and 66 segments, grows by one in each round trip: a cycle takes some 10 s.
    assert!((5..=30).contains(&dropped), "{dropped} of {sent}");
}

#[test]
fn short_clients_fetch_what_their_idle_times_allow() {
    let mut case = named("5.7");
    case.flows.clear();
    let record = run(&case, Algorithm::Reference, 1, &[]);
    let rate = tcp(&case, &record, Window::new(0, 300));
    // Ten clients, each 40 kB in the mean every 10 s and the half second that a fetch takes: some 310 kbit/s with headers.
    assert!((250.0..400.0).contains(&rate), "{rate} kbit/s");
}

#[test]
fn one_seed_is_one_run_and_another_is_another() {
    for algorithm in [Algorithm::Reference, OURS] {
        for case in [short("5.3", 8), short("S1", 8)] {
            let seen = |seed| {
                let record = run(&case, algorithm, seed, &[]);
                (
                    record.passages,
                    record.flows.into_iter().map(|flow| flow.frames).collect::<Vec<_>>(),
                )
            };
            assert!(seen(3) == seen(3), "{algorithm:?} in {}", case.name);
            assert!(seen(3) != seen(4), "{algorithm:?} in {}", case.name);
        }
    }
}

#[test]
fn ours_brings_sound_and_whole_frames_to_the_receiver() {
    let case = short("5.1", 10);
    let record = run(&case, OURS, 1, &[]);
    let flow = &record.flows[0];
    let (made, came) = flow.sound;
    // The moment of the end belongs to the run; what was made in the last 80 ms is still under way.
    assert!((500..=501).contains(&made) && came + 5 >= made, "{came} of {made}");
    let whole = flow.frames.iter().filter(|frame| frame.whole.is_some()).count();
    assert!((300..=301).contains(&flow.frames.len()), "{}", flow.frames.len());
    assert!(whole + 4 >= flow.frames.len(), "{whole} of {}", flow.frames.len());
}

#[test]
fn ours_repairs_what_is_lost() {
    let case = short("L/5", 20);
    let record = run(&case, OURS, 1, &[]);
    let frames = &record.flows[0].frames;
    let late = frames.iter().filter(|frame| frame.made < SimTime::milliseconds(19_000));
    let lost = late.filter(|frame| frame.whole.is_none()).count();
    assert!(lost <= 1, "{lost} of {} frames", frames.len());
}

#[test]
fn a_trace_takes_the_place_of_the_capacity() {
    let text = "0,400000,300,50,0\n10,100000,300,50,0.5\n";
    let moments = trace::read(text).expect("right");
    let case = short("D/1", 20).following(&moments);
    let record = run(&case, Algorithm::Reference, 1, &moments);
    let view = Run { case: &case, record: &record };
    let rate = |from, to| bottleneck::rate(view, 0, Who::All, Window::new(from, to));
    assert!((250.0..=401.0).contains(&rate(2, 10)), "{}", rate(2, 10));
    assert!(rate(11, 20) <= 101.0, "{}", rate(11, 20));
    let loss = bottleneck::loss(view, 0, Who::All, Window::new(11, 20));
    assert!(loss > 40.0, "{loss}");
}

#[test]
fn the_cheapest_line_of_the_calibration_comes_out() {
    let lines = calibration::run(&cases::all(), Some("L 5 %"), |_, _, _| {});
    let [line] = &lines[..] else { panic!("one line") };
    assert!(line.holds(), "{line:?}");
}
