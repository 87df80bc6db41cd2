//! The first table of section 4: utilisation, mean and 95th percentile of the queue, loss, of one phase of a case.

use super::bar::Bar::{self, AtLeast, AtMost, None as No};
use super::{Figure, NONE, Row, figure};
use crate::rfc8867::measure::Measure::{
    Loss, LossAbove, QueueMean, QueueP95, Rate, Utilisation, UtilisationEach,
};
use crate::rfc8867::metrics::{Who, Window};

/// What libwebrtc reached: utilisation, mean queue, p95 queue, loss.
struct Reached(f64, f64, f64, f64);

/// The bar of a phase: utilisation, the queue, loss.
struct Bars(f64, Queue, f64);

enum Queue {
    P95(f64),
    Mean(f64),
    Free,
}
use Queue::{Free, Mean, P95};

/// Of all flows of link 0.
const ALL: (usize, Who) = (0, Who::All);

/// The flow that goes the other way, in the cases that have one.
const BACK: (usize, Who) = (1, Who::Flow(1));

type Of = (usize, Who);

#[expect(clippy::needless_pass_by_value, reason = "written down where it is called")]
fn phase(
    label: &'static str,
    case: &'static str,
    of: Of,
    window: (u32, u32),
    bars: Bars,
    reached: Reached,
) -> Row {
    let Bars(utilisation, queue, loss) = bars;
    let (link, who) = of;
    let window = Window::new(window.0, window.1);
    let (mean, p95) = match queue {
        P95(most) => (No, AtMost(most)),
        Mean(most) => (AtMost(most), No),
        Free => (No, No),
    };
    let figures = vec![
        figure("utilisation %", Utilisation(link, who, window), AtLeast(utilisation), reached.0),
        figure("queue mean ms", QueueMean(link, who, window), mean, reached.1),
        figure("queue p95 ms", QueueP95(link, who, window), p95, reached.2),
        figure("loss %", Loss(link, who, window), AtMost(loss), reached.3),
    ];
    Row { case, label, figures }
}

/// All of them.
pub(super) fn rows() -> Vec<Row> {
    let mut rows = variable();
    rows.extend(two());
    rows.extend(congested());
    rows.extend(shared());
    rows.extend(tcp());
    rows.extend(paths());
    rows.extend(home());
    rows.extend(lossy());
    rows
}

fn variable() -> Vec<Row> {
    vec![
        phase(
            "5.1 0-40",
            "5.1",
            ALL,
            (0, 40),
            Bars(86.0, P95(70.0), 0.1),
            Reached(92.0, 18.0, 56.0, 0.0),
        ),
        phase(
            "5.1 40-60",
            "5.1",
            ALL,
            (40, 60),
            Bars(88.0, P95(30.0), 0.1),
            Reached(72.0, 6.0, 17.0, 0.0),
        ),
        phase(
            "5.1 60-80",
            "5.1",
            ALL,
            (60, 80),
            Bars(90.0, Mean(110.0), 5.0),
            Reached(98.0, 188.0, 281.0, 6.7),
        ),
        phase(
            "5.1 80-99",
            "5.1",
            ALL,
            (80, 99),
            Bars(77.0, P95(70.0), 0.1),
            Reached(79.0, 14.0, 46.0, 0.0),
        ),
        phase(
            "5.1 100 ms 0-40",
            "5.1/100ms",
            ALL,
            (0, 40),
            Bars(83.0, P95(60.0), 0.1),
            Reached(88.0, 17.0, 44.0, 0.0),
        ),
        phase(
            "5.1 100 ms 40-60",
            "5.1/100ms",
            ALL,
            (40, 60),
            Bars(86.0, P95(30.0), 0.1),
            Reached(81.0, 7.0, 18.0, 0.0),
        ),
        phase(
            "5.1 100 ms 60-80",
            "5.1/100ms",
            ALL,
            (60, 80),
            Bars(90.0, Mean(140.0), 5.5),
            Reached(98.0, 160.0, 281.0, 4.8),
        ),
        phase(
            "5.1 100 ms 80-99",
            "5.1/100ms",
            ALL,
            (80, 99),
            Bars(75.0, P95(60.0), 0.1),
            Reached(70.0, 11.0, 30.0, 0.0),
        ),
        phase(
            "5.1u 0-40",
            "5.1u",
            ALL,
            (0, 40),
            Bars(90.0, P95(140.0), 0.2),
            Reached(100.0, 49.0, 125.0, 0.0),
        ),
        phase(
            "5.1u 60-80",
            "5.1u",
            ALL,
            (60, 80),
            Bars(90.0, Free, 6.0),
            Reached(128.0, 280.0, 297.0, 10.4),
        ),
        phase(
            "5.1u 80-99",
            "5.1u",
            ALL,
            (80, 99),
            Bars(85.0, Mean(200.0), 0.5),
            Reached(99.0, 234.0, 292.0, 0.2),
        ),
    ]
}

fn two() -> Vec<Row> {
    vec![
        phase(
            "5.2 0-25",
            "5.2",
            ALL,
            (0, 25),
            Bars(95.0, P95(35.0), 0.1),
            Reached(99.0, 12.0, 26.0, 0.0),
        ),
        phase(
            "5.2 25-50",
            "5.2",
            ALL,
            (25, 50),
            Bars(88.0, Mean(60.0), 1.0),
            Reached(95.0, 45.0, 247.0, 0.5),
        ),
        phase(
            "5.2 50-75",
            "5.2",
            ALL,
            (50, 75),
            Bars(88.0, P95(40.0), 0.1),
            Reached(76.0, 11.0, 27.0, 0.0),
        ),
        phase(
            "5.2 75-100",
            "5.2",
            ALL,
            (75, 100),
            Bars(90.0, Mean(110.0), 6.0),
            Reached(100.0, 273.0, 292.0, 13.4),
        ),
        phase(
            "5.2 100-124",
            "5.2",
            ALL,
            (100, 124),
            Bars(80.0, P95(90.0), 0.1),
            Reached(80.0, 16.0, 45.0, 0.0),
        ),
    ]
}

fn congested() -> Vec<Row> {
    let forward = (0, Who::Flow(0));
    vec![
        phase(
            "5.3 forward 20-40",
            "5.3",
            forward,
            (20, 40),
            Bars(77.0, Mean(75.0), 1.5),
            Reached(93.0, 63.0, 273.0, 1.0),
        ),
        phase(
            "5.3 forward 40-60",
            "5.3",
            forward,
            (40, 60),
            Bars(83.0, Mean(110.0), 3.0),
            Reached(95.0, 156.0, 280.0, 5.6),
        ),
        phase(
            "5.3 forward 60-99",
            "5.3",
            forward,
            (60, 99),
            Bars(88.0, P95(35.0), 0.1),
            Reached(79.0, 10.0, 24.0, 0.0),
        ),
        phase(
            "5.3 backward 35-70",
            "5.3",
            BACK,
            (35, 70),
            Bars(85.0, Mean(80.0), 2.0),
            Reached(93.0, 67.0, 272.0, 1.4),
        ),
        phase(
            "5.3 backward 70-99",
            "5.3",
            BACK,
            (70, 99),
            Bars(88.0, P95(35.0), 0.1),
            Reached(80.0, 9.0, 23.0, 0.0),
        ),
    ]
}

fn shared() -> Vec<Row> {
    vec![
        phase(
            "5.4 10-40",
            "5.4",
            ALL,
            (10, 40),
            Bars(96.0, P95(40.0), 0.1),
            Reached(100.0, 11.0, 30.0, 0.0),
        ),
        phase(
            "5.4 60-119",
            "5.4",
            ALL,
            (60, 119),
            Bars(90.0, P95(75.0), 0.1),
            Reached(94.0, 19.0, 50.0, 0.0),
        ),
        phase(
            "5.5 120-299",
            "5.5",
            ALL,
            (120, 299),
            Bars(90.0, P95(95.0), 0.1),
            Reached(95.0, 23.0, 55.0, 0.0),
        ),
        phase(
            "5.8 45-60",
            "5.8",
            ALL,
            (45, 60),
            Bars(92.0, P95(45.0), 0.1),
            Reached(97.0, 15.0, 29.0, 0.0),
        ),
        phase(
            "5.8 80-119",
            "5.8",
            ALL,
            (80, 119),
            Bars(89.0, P95(75.0), 0.1),
            Reached(94.0, 19.0, 44.0, 0.0),
        ),
    ]
}

/// Beside a long TCP the bar is a rate.
fn beside(label: &'static str, case: &'static str, rate: Bar, loss: Bar, reached: &Reached) -> Row {
    let window = Window::new(60, 119);
    let (link, who) = ALL;
    let figures = vec![
        figure("utilisation %", Utilisation(link, who, window), No, reached.0),
        figure("queue mean ms", QueueMean(link, who, window), No, reached.1),
        figure("queue p95 ms", QueueP95(link, who, window), No, reached.2),
        figure("loss %", Loss(link, who, window), loss, reached.3),
        figure("kbit/s", Rate(link, who, window), rate, NONE),
    ];
    Row { case, label, figures }
}

fn tcp() -> Vec<Row> {
    let window = Window::new(60, 299);
    let (link, who) = ALL;
    let each = vec![
        figure("utilisation %", UtilisationEach(link, window), AtLeast(25.0), 14.0),
        figure("queue mean ms", QueueMean(link, who, window), No, 12.0),
        figure("queue p95 ms", QueueP95(link, who, window), AtMost(190.0), 62.0),
        figure("loss %", Loss(link, who, window), AtMost(0.5), 0.0),
    ];
    vec![
        beside(
            "5.6 queue 300",
            "5.6/300",
            AtLeast(215.0),
            AtMost(1.0),
            &Reached(21.0, 173.0, 282.0, 0.4),
        ),
        beside(
            "5.6 queue 1000",
            "5.6/1000",
            AtLeast(280.0),
            AtMost(1.2),
            &Reached(47.0, 445.0, 948.0, 0.8),
        ),
        beside("5.6 CUBIC, queue 300", "5.6/cubic", No, No, &Reached(NONE, NONE, NONE, NONE)),
        Row { case: "5.7", label: "5.7 each media", figures: each },
    ]
}

fn paths() -> Vec<Row> {
    let late = (20, 60);
    let delayed = || (Bars(97.0, P95(35.0), 0.1), Reached(99.0, 12.0, 25.0, 0.0));
    let delay = |label, case| {
        let (bars, reached) = delayed();
        phase(label, case, ALL, late, bars, reached)
    };
    vec![
        phase(
            "6.3 A-B",
            "6.3",
            ALL,
            (60, 299),
            Bars(92.0, P95(75.0), 0.1),
            Reached(97.0, 22.0, 57.0, 0.0),
        ),
        phase(
            "6.3 C-D",
            "6.3",
            (3, Who::All),
            (60, 299),
            Bars(89.0, P95(65.0), 0.1),
            Reached(93.0, 16.0, 43.0, 0.0),
        ),
        delay("D 1 ms", "D/1"),
        delay("D 150 ms", "D/150"),
        delay("D 300 ms", "D/300"),
        phase(
            "Q 70 ms",
            "Q/70",
            ALL,
            late,
            Bars(85.0, P95(55.0), 1.0),
            Reached(93.0, 18.0, 45.0, 0.6),
        ),
        phase(
            "Q 1000 ms",
            "Q/1000",
            ALL,
            late,
            Bars(85.0, P95(65.0), 0.1),
            Reached(93.0, 18.0, 50.0, 0.0),
        ),
    ]
}

fn home() -> Vec<Row> {
    let forward = (0, Who::Flow(0));
    vec![
        phase(
            "W CBR 0-60: 0-60",
            "W/0-60",
            forward,
            (0, 60),
            Bars(87.0, P95(70.0), 0.1),
            Reached(93.0, 18.0, 48.0, 0.0),
        ),
        phase(
            "W CBR 0-60: 60-119",
            "W/0-60",
            forward,
            (60, 119),
            Bars(80.0, P95(70.0), 0.1),
            Reached(85.0, 15.0, 42.0, 0.0),
        ),
        phase(
            "W CBR 60-119: 60-119",
            "W/60-119",
            forward,
            (60, 119),
            Bars(85.0, Mean(230.0), 6.0),
            Reached(108.0, 234.0, 289.0, 6.7),
        ),
        phase(
            "N 20-119",
            "N",
            ALL,
            (20, 119),
            Bars(90.0, P95(60.0), 0.1),
            Reached(95.0, 11.0, 40.0, 0.0),
        ),
    ]
}

/// What of a loss is the queue's and not chance's, in percent: as much as the other rows allow.
const OWN_LOSS: f64 = 1.0;

/// Behind chance losses; `chance` in percent.
fn behind(
    label: &'static str,
    case: &'static str,
    utilisation: Figure,
    p95: f64,
    chance: f64,
) -> Row {
    let window = Window::new(20, 60);
    let (link, who) = ALL;
    let figures = vec![
        utilisation,
        figure("queue mean ms", QueueMean(link, who, window), No, NONE),
        figure("queue p95 ms", QueueP95(link, who, window), AtMost(p95), NONE),
        figure("loss %", Loss(link, who, window), No, NONE),
        figure("beyond chance %", LossAbove(link, who, window, chance), AtMost(OWN_LOSS), NONE),
    ];
    Row { case, label, figures }
}

fn lossy() -> Vec<Row> {
    let window = Window::new(20, 60);
    let (link, who) = ALL;
    let share = |least, reached| {
        figure("utilisation %", Utilisation(link, who, window), AtLeast(least), reached)
    };
    let rate = figure("kbit/s", Rate(link, who, window), AtLeast(200.0), 219.0);
    vec![
        behind("L 1 %", "L/1", share(95.0, 103.0), 65.0, 1.0),
        behind("L 5 %", "L/5", share(92.0, 97.0), 40.0, 5.0),
        behind("L 10 %", "L/10", share(82.0, 87.0), 40.0, 10.0),
        behind("L 20 %", "L/20", rate, 40.0, 20.0),
        behind("L bursts", "L/bursts", share(95.0, 100.0), 55.0, 5.0),
    ]
}
