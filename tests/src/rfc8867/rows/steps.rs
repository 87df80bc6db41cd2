//! The second table of section 4: times, shares, and what became of frames.

use super::bar::Bar::{AtLeast, AtMost, Near, None as No};
use super::bar::Judged;
use super::{NEVER, NONE, Row, figure};
use crate::rfc8867::measure::Measure::{
    Drain, FrameP95, FramesLost, Freeze, Jain, LongestBelow, Rate, Spread, TcpShare, Up80,
    Utilisation,
};
use crate::rfc8867::metrics::steps::Aim::{Share, Usable};
use crate::rfc8867::metrics::{Who, Window};

/// All of them.
pub(super) fn rows() -> Vec<Row> {
    let mut rows = variable();
    rows.extend(congested());
    rows.extend(shared());
    rows.extend(tcp());
    rows.extend(paths());
    rows.extend(lossy());
    rows
}

const ALL: Who = Who::All;
const FIRST: Who = Who::Flow(0);

fn variable() -> Vec<Row> {
    let whole = Window::new(0, 99);
    vec![
        Row {
            case: "5.1",
            label: "5.1 times",
            figures: vec![
                figure("up80 at 0 s", Up80(0, ALL, 0.0, Usable), AtMost(2.0), 1.2),
                figure("up80 at 40 s", Up80(0, ALL, 40.0, Usable), AtMost(5.0), 14.2),
                figure("up80 at 80 s", Up80(0, ALL, 80.0, Usable), AtMost(8.0), 8.8),
                figure("drain at 60 s", Drain(0, ALL, 60.0), AtMost(8.0), 15.4),
                figure("frame p95 ms", FrameP95(0, whole), AtMost(400.0), 1084.0),
                figure("freeze s", Freeze(0, whole), AtMost(1.5), 1.5),
            ],
        },
        Row {
            case: "5.1/100ms",
            label: "5.1 100 ms times",
            figures: vec![
                figure("up80 at 0 s", Up80(0, ALL, 0.0, Usable), AtMost(7.0), 8.1)
                    .judged(Judged::MedianOf20),
                figure("up80 at 40 s", Up80(0, ALL, 40.0, Usable), AtMost(6.0), 10.6),
                figure("up80 at 80 s", Up80(0, ALL, 80.0, Usable), AtMost(8.0), 14.1),
                figure("drain at 60 s", Drain(0, ALL, 60.0), AtMost(12.0), 13.2),
            ],
        },
        Row {
            case: "5.2",
            label: "5.2 times",
            figures: vec![
                figure("drain at 25 s", Drain(0, ALL, 25.0), AtMost(6.0), 3.8),
                figure("drain at 75 s", Drain(0, ALL, 75.0), AtMost(10.0), NEVER),
                figure("up80 at 50 s", Up80(0, ALL, 50.0, Usable), AtMost(6.0), 14.3),
                figure("up80 at 100 s", Up80(0, ALL, 100.0, Usable), AtMost(8.0), 10.4),
                figure("Jain, lowest", Jain(0, halves()), AtLeast(0.90), 0.885),
            ],
        },
    ]
}

/// The second half of each phase of 5.2.
fn halves() -> Vec<Window> {
    let half = |from: f64, to: f64| Window { from, to };
    vec![
        half(12.5, 25.0),
        half(37.5, 50.0),
        half(62.5, 75.0),
        half(87.5, 100.0),
        half(112.0, 124.0),
    ]
}

fn congested() -> Vec<Row> {
    let back = Who::Flow(1);
    let whole = Window::new(0, 99);
    vec![
        Row {
            case: "5.3",
            label: "5.3 forward times",
            figures: vec![
                figure("drain at 20 s", Drain(0, FIRST, 20.0), AtMost(5.0), 4.8),
                figure("drain at 40 s", Drain(0, FIRST, 40.0), AtMost(7.0), 14.6),
                figure("up80 at 60 s", Up80(0, FIRST, 60.0, Usable), AtMost(6.0), 16.0),
            ],
        },
        Row {
            case: "5.3",
            label: "5.3 backward times",
            figures: vec![
                figure("drain at 35 s", Drain(1, back, 35.0), AtMost(6.0), 8.0),
                figure("up80 at 70 s", Up80(1, back, 70.0, Usable), AtMost(6.0), 12.5),
            ],
        },
        Row {
            case: "5.3/clear",
            label: "5.3 unimpaired feedback",
            figures: vec![figure("utilisation %", Utilisation(0, FIRST, whole), No, 86.0)],
        },
        Row {
            case: "5.3",
            label: "5.3 congested feedback",
            figures: vec![figure(
                "utilisation %",
                Utilisation(0, FIRST, whole),
                Near("5.3 unimpaired feedback", 5.0),
                87.0,
            )],
        },
    ]
}

fn shared() -> Vec<Row> {
    let third = 3_500_000.0 / 3.0;
    let same = Window::new(60, 119);
    let fair = Window::new(120, 299);
    vec![
        Row {
            case: "5.4",
            label: "5.4 fairness",
            figures: vec![
                figure("Jain", Jain(0, vec![same]), AtLeast(0.92), 0.994),
                figure("max/min", Spread(0, same), AtMost(2.1), 1.2),
                figure(
                    "third flow up80",
                    Up80(0, Who::Flow(2), 40.0, Share(third)),
                    AtMost(10.0),
                    8.0,
                )
                .judged(Judged::MedianOf20),
            ],
        },
        Row {
            case: "5.5",
            label: "5.5 fairness",
            figures: vec![
                figure("Jain", Jain(0, vec![fair]), AtLeast(0.88), 0.936),
                figure("max/min", Spread(0, fair), AtMost(3.0), 2.2),
            ],
        },
        Row {
            case: "5.8",
            label: "5.8 fairness",
            figures: vec![
                figure("Jain", Jain(0, vec![Window::new(80, 119)]), AtLeast(0.92), 0.98),
                figure(
                    "resumed flow up80",
                    Up80(0, Who::Flow(1), 60.0, Share(third)),
                    AtMost(50.0),
                    13.6,
                )
                .judged(Judged::MedianOf20),
            ],
        },
    ]
}

fn tcp() -> Vec<Row> {
    let media = Window::new(60, 119);
    let whole = Window::new(60, 299);
    let share = |case, label, bar, reached| Row {
        case,
        label,
        figures: vec![figure("TCP's share %", TcpShare(media), bar, reached)],
    };
    vec![
        share("5.6/300", "5.6 queue 300 TCP", AtLeast(30.0), 79.0),
        share("5.6/1000", "5.6 queue 1000 TCP", AtLeast(30.0), 61.0),
        share("5.6/cubic", "5.6 CUBIC TCP", No, NONE),
        Row {
            case: "5.7",
            label: "5.7 fairness",
            figures: vec![
                figure("Jain", Jain(0, vec![whole]), AtLeast(0.95), 1.0),
                figure(
                    "longest below 150 kbit/s s",
                    LongestBelow(0, 150.0, whole),
                    AtMost(5.0),
                    NONE,
                ),
            ],
        },
    ]
}

fn paths() -> Vec<Row> {
    let window = Window::new(60, 299);
    let crowd = Window::new(40, 119);
    let delayed = |case, label, bar, reached| Row {
        case,
        label,
        figures: vec![figure("up80 at 0 s", Up80(0, ALL, 0.0, Usable), AtMost(bar), reached)],
    };
    vec![
        Row {
            case: "W/0-60",
            label: "W CBR 0-60 times",
            figures: vec![figure("up80 at 60 s", Up80(0, FIRST, 60.0, Usable), AtMost(8.0), 11.0)],
        },
        Row {
            case: "N",
            label: "N fairness",
            figures: vec![
                figure("Jain", Jain(0, vec![crowd]), AtLeast(0.94), 0.97),
                figure("max/min", Spread(0, crowd), AtMost(2.3), 1.8),
            ],
        },
        Row {
            case: "6.3",
            label: "6.3 rates",
            figures: vec![
                figure("S1 kbit/s", Rate(3, FIRST, window), AtLeast(300.0), 322.0),
                figure("S2 kbit/s", Rate(0, Who::Flow(1), window), No, 1617.0),
                figure("S3 kbit/s", Rate(3, Who::Flow(2), window), No, 1080.0),
            ],
        },
        delayed("D/1", "D 1 ms times", 2.0, 1.2),
        delayed("D/150", "D 150 ms times", 3.0, 1.4),
        delayed("D/300", "D 300 ms times", 4.0, 1.5),
    ]
}

fn lossy() -> Vec<Row> {
    let window = Window::new(20, 60);
    let frames = |most, reached| figure("frame p95 ms", FrameP95(0, window), AtMost(most), reached);
    let lost =
        |most, reached| figure("frames lost %", FramesLost(0, window), AtMost(most), reached);
    let frozen = |most, reached| figure("freeze s", Freeze(0, window), AtMost(most), reached);
    let row = |case, label, figures| Row { case, label, figures };
    vec![
        row("L/5", "L 5 % frames", vec![frames(250.0, 229.0), lost(0.2, 0.1)]),
        row("L/10", "L 10 % frames", vec![frames(350.0, 320.0), lost(0.3, 0.1)]),
        row("L/bursts", "L bursts frames", vec![frames(260.0, 234.0), frozen(0.5, 0.3)]),
        row("L/20", "L 20 % frames", vec![lost(0.5, 0.1), frozen(0.5, 0.0)]),
    ]
}
