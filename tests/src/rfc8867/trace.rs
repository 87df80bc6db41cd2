//! Capacity traces: what a recorded network did, in place of what a case says of its forward link.

use std::time::Duration;

use simulcast::Bitrate;
use tools::simnet::link::LinkPlan;
use tools::simnet::loss::Loss;
use tools::simnet::route::Route;
use tools::simnet::schedule::Schedule;
use tools::simnet::time::SimTime;

/// From one moment on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    /// From when.
    pub at: SimTime,
    /// How fast the link is.
    pub rate: Bitrate,
    /// How long its queue is.
    pub queue: Duration,
    /// One way.
    pub delay: Duration,
    /// Share of packets lost on the way to it.
    pub loss: f64,
}

impl Moment {
    /// The link from here on.
    #[must_use]
    pub const fn link(&self) -> LinkPlan {
        LinkPlan { rate: Schedule::constant(self.rate), queue: self.queue }
    }

    /// What `route` becomes from here on; losses come in bursts of `burst` packets in the mean.
    #[must_use]
    pub fn route(&self, route: &Route, burst: f64) -> Route {
        let loss_before = Loss::of(self.loss, burst);
        Route { delay: self.delay, loss_before, ..route.clone() }
    }
}

/// Reads lines `seconds,bps,queue_ms,delay_ms,loss`; empty lines and those that begin with `#` are passed over.
///
/// # Errors
/// Which line is wrong, and how: whoever wrote the file is at fault.
pub fn read(text: &str) -> Result<Vec<Moment>, String> {
    let lines = (1..).zip(text.lines().map(str::trim));
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let moments: Vec<Moment> = lines
        .map(|(number, line)| moment(line).map_err(|why| format!("line {number}: {why}")))
        .collect::<Result<_, _>>()?;
    if moments.is_empty() {
        return Err("there is no line in it".to_owned());
    }
    if !moments.is_sorted_by_key(|moment| moment.at) {
        return Err("lines are not in order of time".to_owned());
    }
    Ok(moments)
}

fn moment(line: &str) -> Result<Moment, String> {
    let numbers: Vec<f64> = line
        .split(',')
        .map(|field| field.trim().parse::<f64>().map_err(|error| format!("{field}: {error}")))
        .collect::<Result<_, _>>()?;
    let [seconds, bps, queue_ms, delay_ms, loss] = numbers[..] else {
        return Err(format!("{} fields, not seconds,bps,queue_ms,delay_ms,loss", numbers.len()));
    };
    let duration = |seconds: f64| {
        Duration::try_from_secs_f64(seconds).map_err(|error| format!("{seconds} s: {error}"))
    };
    if !(0.0..=1.0).contains(&loss) {
        return Err(format!("a loss of {loss} is no share of 1"));
    }
    if !(0.0..1e12).contains(&bps) {
        return Err(format!("{bps} bit/s is no rate"));
    }
    Ok(Moment {
        at: SimTime::ZERO + duration(seconds)?,
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked")]
        rate: Bitrate::bps(bps as u64),
        queue: duration(queue_ms / 1_000.0)?,
        delay: duration(delay_ms / 1_000.0)?,
        loss,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_read_line_by_line() {
        let text = "# a train\n0,2000000,300,50,0\n\n 1.5, 400000 ,70,25.5,0.05\n";
        let first = Moment {
            at: SimTime::ZERO,
            rate: Bitrate::kbps(2_000),
            queue: Duration::from_millis(300),
            delay: Duration::from_millis(50),
            loss: 0.0,
        };
        let second = Moment {
            at: SimTime::milliseconds(1_500),
            rate: Bitrate::kbps(400),
            queue: Duration::from_millis(70),
            delay: Duration::from_micros(25_500),
            loss: 0.05,
        };
        assert_eq!(read(text), Ok(vec![first, second]));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let complaint = |text: &str| read(text).expect_err("wrong");
        assert!(complaint("0,1,2,3,0\n1,2,3").starts_with("line 2: 3 fields"));
        assert!(complaint("0,x,1,1,0").starts_with("line 1: x"));
        assert!(complaint("0,1,1,1,1.5").contains("no share"));
        assert!(complaint("-1,1,1,1,0").contains("line 1"));
        assert!(complaint("0,1,nan,1,0").contains("line 1"));
        assert!(complaint("0,inf,1,1,0").contains("no rate"));
        assert!(complaint("1,1,1,1,0\n0,1,1,1,0").contains("order"));
        assert!(complaint("\n#\n").contains("no line"));
    }
}
