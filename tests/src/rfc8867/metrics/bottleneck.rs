//! What a link carried: utilisation, queue, loss, rates.

use tools::simnet::passage::{Outcome, Passage};

use super::{Run, STEP, Who, Window, moment, quantile};

/// Packets of `who` at `link`, in order of time.
fn passages<'a>(run: Run<'a>, link: usize, who: Who) -> impl Iterator<Item = &'a Passage> {
    let routes = match who {
        Who::Tcp => run.record.tcp_routes.clone(),
        Who::All | Who::Flow(_) => {
            run.flows(who, link).into_iter().map(|flow| run.record.routes[flow]).collect()
        }
    };
    let id = run.record.links[link];
    let of_link = run.record.passages.iter().filter(move |passage| passage.link == id);
    of_link.filter(move |passage| routes.contains(&passage.route))
}

/// Bits that left the link in the window.
#[must_use]
pub fn bits(run: Run<'_>, link: usize, who: Who, window: Window) -> f64 {
    let sent = passages(run, link, who).filter(|passage| {
        matches!(passage.outcome, Outcome::Sent { .. }) && window.contains(passage.at)
    });
    sent.map(|passage| f64::from(passage.size) * 8.0).sum()
}

/// In kbit/s.
#[must_use]
pub fn rate(run: Run<'_>, link: usize, who: Who, window: Window) -> f64 {
    bits(run, link, who, window) / window.length() / 1_000.0
}

/// In percent of what could have been used.
#[must_use]
pub fn utilisation(run: Run<'_>, link: usize, who: Who, window: Window) -> f64 {
    let flows = run.flows(who, link);
    let mut usable = 0.0;
    let mut at = window.from + STEP / 2.0;
    while at < window.to {
        usable += run.usable(link, &flows, moment(at)) * STEP;
        at += STEP;
    }
    100.0 * bits(run, link, who, window) / usable
}

/// Queue delays of what was delivered, in milliseconds.
fn queue_delays(run: Run<'_>, link: usize, who: Who, window: Window) -> Vec<f64> {
    let within = passages(run, link, who).filter(|passage| window.contains(passage.at));
    within
        .filter_map(|passage| match passage.outcome {
            Outcome::Sent { queue_delay } => Some(queue_delay.as_secs_f64() * 1_000.0),
            Outcome::Dropped | Outcome::LostBefore | Outcome::LostBehind => None,
        })
        .collect()
}

/// In milliseconds.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "packets of a run are far fewer than 2⁵³")]
pub fn queue_mean(run: Run<'_>, link: usize, who: Who, window: Window) -> f64 {
    let delays = queue_delays(run, link, who, window);
    delays.iter().sum::<f64>() / delays.len() as f64
}

/// In milliseconds.
#[must_use]
pub fn queue_p95(run: Run<'_>, link: usize, who: Who, window: Window) -> f64 {
    quantile(&mut queue_delays(run, link, who, window), 0.95)
}

/// In percent of what was offered to the link.
#[must_use]
pub fn loss(run: Run<'_>, link: usize, who: Who, window: Window) -> f64 {
    let (mut offered, mut gone) = (0_u32, 0_u32);
    for passage in passages(run, link, who).filter(|passage| window.contains(passage.at)) {
        match passage.outcome {
            Outcome::Sent { .. } => offered += 1,
            Outcome::Dropped | Outcome::LostBefore => {
                offered += 1;
                gone += 1;
            }
            Outcome::LostBehind => gone += 1,
        }
    }
    100.0 * f64::from(gone) / f64::from(offered)
}

/// Bits a second in each step of [`STEP`] from 0 to the end of the case.
#[must_use]
pub fn rates(run: Run<'_>, link: usize, who: Who) -> Vec<f64> {
    let mut rates = vec![0.0; steps(run)];
    for passage in passages(run, link, who) {
        if let Outcome::Sent { .. } = passage.outcome
            && let Some(rate) = rates.get_mut(step_of(passage.at.elapsed().as_secs_f64(), STEP))
        {
            *rate += f64::from(passage.size) * 8.0 / STEP;
        }
    }
    rates
}

/// The longest queue delay, in milliseconds, in each span of `step` seconds from 0 to the end of the case.
#[must_use]
pub fn longest_delays(run: Run<'_>, link: usize, who: Who, step: f64) -> Vec<f64> {
    let mut longest = vec![0.0_f64; steps(run)];
    for passage in passages(run, link, who) {
        if let Outcome::Sent { queue_delay } = passage.outcome
            && let Some(delay) = longest.get_mut(step_of(passage.at.elapsed().as_secs_f64(), step))
        {
            *delay = delay.max(queue_delay.as_secs_f64() * 1_000.0);
        }
    }
    longest
}

#[expect(clippy::cast_possible_truncation, reason = "a case has few steps")]
const fn steps(run: Run<'_>) -> usize {
    run.case.seconds as usize * 10
}

/// In which step a moment lies.
#[must_use]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in a list")]
pub fn step_of(seconds: f64, step: f64) -> usize {
    // A moment on the border belongs to the step that it begins, whatever the division makes of it.
    (seconds / step + 1e-9) as usize
}
