//! The third table of section 4: what an SFU's receiver sees.

use super::bar::Bar::{AtLeast, AtMost, None as No};
use super::bar::Judged::{MedianOf20, ShareOf20, WorstOf20};
use super::{NONE, Row, figure};
use crate::rfc8867::measure::Measure::{
    Blank, Drain, FallTo, Freeze, Kept, Loss, RiseTo, Switches, TimeIn, Utilisation, Violations,
};
use crate::rfc8867::metrics::{Who, Window};

/// The top layer, and the one below.
const TOP: u8 = 2;
const MIDDLE: u8 = 1;

/// Of all flows.
const ALL: Who = Who::All;

/// All of them.
pub(super) fn rows() -> Vec<Row> {
    let mut rows = one();
    rows.push(many());
    rows
}

/// One publication.
fn one() -> Vec<Row> {
    let row = |case, figures| Row { case, label: case, figures };
    let loss =
        |window, most, reached| figure("loss %", Loss(0, ALL, window), AtMost(most), reached);
    let (join, between) = (Window::new(0, 60), Window::new(0, 120));
    let (drop, flap) = (Window::new(30, 60), Window::new(0, 70));
    vec![
        row(
            "S1",
            vec![
                figure("to the top s, 19 of 20", RiseTo(TOP, 0.0), AtMost(3.0), 0.7)
                    .judged(ShareOf20(0.95)),
                figure("to the top s, worst", RiseTo(TOP, 0.0), AtMost(6.0), 12.3)
                    .judged(WorstOf20),
                figure("top kept %", Kept(TOP, join), AtLeast(95.0), NONE),
            ],
        ),
        row(
            "S2",
            vec![
                figure("middle %", TimeIn(MIDDLE, between), AtLeast(90.0), 81.0),
                figure("switches", Switches(between), AtMost(6.0), 7.0),
                loss(between, 0.1, NONE),
            ],
        ),
        row(
            "S3",
            vec![
                figure("down s", FallTo(MIDDLE, 30.0), AtMost(1.0), 0.5),
                figure("drain s", Drain(0, ALL, 30.0), AtMost(3.0), 1.8),
                loss(drop, 1.0, 0.3),
                figure("up s", RiseTo(TOP, 60.0), AtMost(6.0), 3.1).judged(MedianOf20),
                figure("up s, worst", RiseTo(TOP, 60.0), AtMost(10.0), 17.0).judged(WorstOf20),
            ],
        ),
        row("S4", vec![figure("to the top s", RiseTo(TOP, 60.0), AtMost(1.5), 0.6)]),
        row(
            "S5",
            vec![
                figure("to the top s", RiseTo(TOP, 30.0), AtMost(8.0), 12.5).judged(MedianOf20),
                figure("to the top s, worst", RiseTo(TOP, 30.0), AtMost(12.0), NONE)
                    .judged(WorstOf20),
            ],
        ),
        row(
            "S6",
            vec![
                figure("utilisation %", Utilisation(0, ALL, flap), AtLeast(38.0), 33.0),
                loss(flap, 2.0, 0.0),
                figure("freeze s", Freeze(0, flap), AtMost(1.0), 0.0),
            ],
        ),
    ]
}

/// Twenty-five of them.
fn many() -> Row {
    let window = Window::new(0, 120);
    Row {
        case: "S7",
        label: "S7",
        figures: vec![
            figure("violations", Violations, AtMost(0.0), NONE),
            figure("loss %", Loss(0, ALL, window), AtMost(0.5), NONE),
            figure("freeze s", Freeze(0, window), AtMost(0.0), NONE),
            figure("without its lowest layer s", Blank, AtMost(1.0), NONE),
            figure("utilisation %", Utilisation(0, ALL, window), No, NONE),
        ],
    }
}
