//! The first table of section 4: utilisation, mean and 95th percentile of the queue, loss, of one phase of a case.

use super::bar::Bar::{self, AtLeast, AtMost, None as No};
use super::{Figure, NONE, Row, figure};
use crate::rfc8867::measure::Measure::{
    Loss, LossAbove, OfShare, QueueMean, QueueP95, Rate, Utilisation, UtilisationEach,
};
use crate::rfc8867::metrics::{Who, Window};

/// Label, case, link and flow, seconds, bar of utilisation / queue / loss, and what libwebrtc reached of utilisation / mean queue / p95
/// queue / loss. The queue's bar is of its 95th percentile, or of its mean where that is said.
const PHASES: &str = "
5.1 0-40              | 5.1       | 0 all | 0-40    | 86 / 70 / 0.1       | 92 / 18 / 56 / 0.0
5.1 40-60             | 5.1       | 0 all | 40-60   | 88 / 30 / 0.1       | 72 / 6 / 17 / 0.0
5.1 60-80             | 5.1       | 0 all | 60-80   | 90 / mean 110 / 5.0 | 98 / 188 / 281 / 6.7
5.1 80-99             | 5.1       | 0 all | 80-99   | 77 / 70 / 0.1       | 79 / 14 / 46 / 0.0
5.1 100 ms 0-40       | 5.1/100ms | 0 all | 0-40    | 83 / 60 / 0.1       | 88 / 17 / 44 / 0.0
5.1 100 ms 40-60      | 5.1/100ms | 0 all | 40-60   | 86 / 30 / 0.1       | 81 / 7 / 18 / 0.0
5.1 100 ms 60-80      | 5.1/100ms | 0 all | 60-80   | 90 / mean 140 / 5.5 | 98 / 160 / 281 / 4.8
5.1 100 ms 80-99      | 5.1/100ms | 0 all | 80-99   | 75 / 60 / 0.1       | 70 / 11 / 30 / 0.0
5.1u 0-40             | 5.1u      | 0 all | 0-40    | 90 / 140 / 0.2      | 100 / 49 / 125 / 0.0
5.1u 60-80            | 5.1u      | 0 all | 60-80   | 90 / – / 6.0        | 128 / 280 / 297 / 10.4
5.1u 80-99            | 5.1u      | 0 all | 80-99   | 85 / mean 200 / 0.5 | 99 / 234 / 292 / 0.2
5.2 0-25              | 5.2       | 0 all | 0-25    | 95 / 35 / 0.1       | 99 / 12 / 26 / 0.0
5.2 25-50             | 5.2       | 0 all | 25-50   | 88 / mean 60 / 1.0  | 95 / 45 / 247 / 0.5
5.2 50-75             | 5.2       | 0 all | 50-75   | 88 / 40 / 0.1       | 76 / 11 / 27 / 0.0
5.2 75-100            | 5.2       | 0 all | 75-100  | 90 / mean 110 / 6.0 | 100 / 273 / 292 / 13.4
5.2 100-124           | 5.2       | 0 all | 100-124 | 80 / 90 / 0.1       | 80 / 16 / 45 / 0.0
5.3 forward 20-40     | 5.3       | 0 0   | 20-40   | 77 / mean 75 / 1.5  | 93 / 63 / 273 / 1.0
5.3 forward 40-60     | 5.3       | 0 0   | 40-60   | 83 / mean 110 / 3.0 | 95 / 156 / 280 / 5.6
5.3 forward 60-99     | 5.3       | 0 0   | 60-99   | 88 / 35 / 0.1       | 79 / 10 / 24 / 0.0
5.3 backward 35-70    | 5.3       | 1 1   | 35-70   | 85 / mean 80 / 2.0  | 93 / 67 / 272 / 1.4
5.3 backward 70-99    | 5.3       | 1 1   | 70-99   | 88 / 35 / 0.1       | 80 / 9 / 23 / 0.0
5.4 10-40             | 5.4       | 0 all | 10-40   | 96 / 40 / 0.1       | 100 / 11 / 30 / 0.0
5.4 60-119            | 5.4       | 0 all | 60-119  | 90 / 75 / 0.1       | 94 / 19 / 50 / 0.0
5.5 120-299           | 5.5       | 0 all | 120-299 | 90 / 95 / 0.1       | 95 / 23 / 55 / 0.0
5.8 45-60             | 5.8       | 0 all | 45-60   | 92 / 45 / 0.1       | 97 / 15 / 29 / 0.0
5.8 80-119            | 5.8       | 0 all | 80-119  | 89 / 75 / 0.1       | 94 / 19 / 44 / 0.0
6.3 A-B               | 6.3       | 0 all | 60-299  | 92 / 75 / 0.1       | 97 / 22 / 57 / 0.0
6.3 C-D               | 6.3       | 3 all | 60-299  | 89 / 65 / 0.1       | 93 / 16 / 43 / 0.0
D 1 ms                | D/1       | 0 all | 20-60   | 97 / 35 / 0.1       | 99 / 12 / 25 / 0.0
D 150 ms              | D/150     | 0 all | 20-60   | 97 / 35 / 0.1       | 99 / 12 / 25 / 0.0
D 300 ms              | D/300     | 0 all | 20-60   | 97 / 35 / 0.1       | 99 / 12 / 25 / 0.0
Q 70 ms               | Q/70      | 0 all | 20-60   | 85 / 55 / 1.0       | 93 / 18 / 45 / 0.6
Q 1000 ms             | Q/1000    | 0 all | 20-60   | 85 / 65 / 0.1       | 93 / 18 / 50 / 0.0
W CBR 0-60: 0-60      | W/0-60    | 0 0   | 0-60    | 87 / 70 / 0.1       | 93 / 18 / 48 / 0.0
W CBR 0-60: 60-119    | W/0-60    | 0 0   | 60-119  | 80 / 70 / 0.1       | 85 / 15 / 42 / 0.0
W CBR 60-119: 60-119  | W/60-119  | 0 0   | 60-119  | 85 / mean 230 / 6.0 | 108 / 234 / 289 / 6.7
N 20-119              | N         | 0 all | 20-119  | 90 / 60 / 0.1       | 95 / 11 / 40 / 0.0
";

/// Of all flows of link 0.
const ALL: (usize, Who) = (0, Who::All);

/// What libwebrtc reached: utilisation, mean queue, p95 queue, loss.
struct Reached(f64, f64, f64, f64);

/// All of them.
pub(super) fn rows() -> Vec<Row> {
    let lines = PHASES.lines().filter(|line| !line.is_empty());
    let mut rows: Vec<Row> = lines
        .map(|line| phase(line).unwrap_or_else(|| panic!("a line of the table is wrong: {line}")))
        .collect();
    rows.extend(tcp());
    rows.extend(lossy());
    rows
}

/// Reads a line of [`PHASES`]; `None` where it is wrong.
fn phase(line: &'static str) -> Option<Row> {
    let [label, case, of, window, bars, reached] = split(line, '|')?;
    let (link, who) = of.split_once(' ')?;
    let link = link.parse().ok()?;
    let who = match who.trim() {
        "all" => Who::All,
        flow => Who::Flow(flow.parse().ok()?),
    };
    let (from, to) = window.split_once('-')?;
    let window = Window::new(from.parse().ok()?, to.parse().ok()?);
    let [utilisation, queue, loss] = split(bars, '/')?;
    let (mean, p95) = match queue.strip_prefix("mean ") {
        Some(mean) => (AtMost(mean.parse().ok()?), No),
        None if queue == "–" => (No, No),
        None => (No, AtMost(queue.parse().ok()?)),
    };
    let [by_utilisation, by_mean, by_p95, by_loss] = split(reached, '/')?;
    let number = |text: &str| text.parse::<f64>().ok();
    let least = AtLeast(number(utilisation)?);
    let most = AtMost(number(loss)?);
    let figures = vec![
        figure("utilisation %", Utilisation(link, who, window), least, number(by_utilisation)?),
        figure("queue mean ms", QueueMean(link, who, window), mean, number(by_mean)?),
        figure("queue p95 ms", QueueP95(link, who, window), p95, number(by_p95)?),
        figure("loss %", Loss(link, who, window), most, number(by_loss)?),
    ];
    Some(Row { case, label, figures })
}

/// So many parts, without the space around them.
fn split<const PARTS: usize>(text: &str, at: char) -> Option<[&str; PARTS]> {
    text.split(at).map(str::trim).collect::<Vec<_>>().try_into().ok()
}

/// What a flow would have of 2 Mbit/s beside one TCP if both were equal, in kbit/s. Percent of media beside a long TCP are of this: 47 % of
/// libwebrtc's are the 476 kbit/s that the specification has as a goal.
pub const FAIR_KBPS: f64 = 1_000.0;

/// Beside a long TCP the bar is a rate.
fn beside(label: &'static str, case: &'static str, rate: Bar, loss: Bar, reached: &Reached) -> Row {
    let window = Window::new(60, 119);
    let (link, who) = ALL;
    let figures = vec![
        figure("% of its share", OfShare(link, who, window, FAIR_KBPS), No, reached.0),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_into_its_figures_and_bars() {
        let line =
            "5.3 backward 35-70 | 5.3 | 1 1 | 35-70 | 85 / mean 80 / 2.0 | 93 / 67 / 272 / 1.4";
        let row = phase(line).expect("right");
        assert_eq!((row.label, row.case), ("5.3 backward 35-70", "5.3"));
        let window = Window::new(35, 70);
        let [utilisation, mean, p95, loss] = &row.figures[..] else { panic!() };
        assert_eq!(utilisation.measure, Utilisation(1, Who::Flow(1), window));
        assert_eq!((utilisation.bar, utilisation.libwebrtc), (AtLeast(85.0), Some(93.0)));
        assert_eq!((mean.bar, p95.bar, loss.bar), (AtMost(80.0), No, AtMost(2.0)));
        assert_eq!(p95.libwebrtc, Some(272.0));
    }

    #[test]
    fn a_queue_without_a_bar_and_all_flows_are_read() {
        let row = phase("x | 5.1u | 0 all | 60-80 | 90 / – / 6 | 1 / 2 / 3 / 4").expect("right");
        assert_eq!((row.figures[1].bar, row.figures[2].bar), (No, No));
        assert_eq!(row.figures[0].measure, Utilisation(0, Who::All, Window::new(60, 80)));
    }

    #[test]
    fn a_wrong_line_is_no_row() {
        assert!(phase("x | 5.1 | 0 all | 60-80 | 90 / 6 | 1 / 2 / 3 / 4").is_none());
        assert!(phase("x | 5.1 | 0 all | 60 | 90 / 5 / 6 | 1 / 2 / 3 / 4").is_none());
        assert!(phase("x | 5.1 | 0 some | 60-80 | 90 / 5 / 6 | 1 / 2 / 3 / 4").is_none());
        assert!(phase("x | 5.1 | 0 all | 60-80 | 90 / 5 / 6").is_none());
    }
}
