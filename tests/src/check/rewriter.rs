//! Outgoing streams over any switches, losses, reordering and skips.

use std::collections::VecDeque;
use std::time::Duration;

use simulcast::codec::{FrameNumbers, PacketInfo, PictureId};
use simulcast::rewriter::{Capture, Input, Rewrite, Rewriter};
use simulcast::{RtpTimestamp, SequenceNumber};

use super::supply::Supply;

/// More packets tell nothing new.
const PACKETS_MAX: u32 = 512;

/// How many steps back numbers are compared: 31 holes of at most 2,048 do not come around.
const COMPARED: usize = 31;

/// Sends a stream through a rewriter. No number is given to two packets, a switch goes on with the very next number and never
/// back in time, and within a run holes keep their size.
///
/// # Panics
/// Where that is not so.
pub fn check_rewriter(data: &[u8]) {
    let mut supply = Supply::new(data);
    let clock_rate = if supply.byte() & 1 == 0 { 90_000 } else { 48_000 };
    let mut line = Line::new(clock_rate, supply.short(), supply.word());
    for _ in 0..PACKETS_MAX {
        if !supply.has_more() {
            break;
        }
        line.step(&mut supply);
    }
}

struct Line {
    rewriter: Rewriter,
    clock_rate: u32,
    index: u64,
    run: u32,
    timestamp: u32,
    arrival: Duration,
    /// What each step sent, by run and index, with its number; the newest last.
    sent: VecDeque<Option<(u32, u64, SequenceNumber)>>,
    skipped: Vec<(u32, u64)>,
    /// What the packet behind all others gets, and the latest timestamp.
    next: Option<SequenceNumber>,
    latest: Option<RtpTimestamp>,
}

impl Line {
    fn new(clock_rate: u32, sequence: u16, timestamp: u32) -> Self {
        Self {
            rewriter: Rewriter::new(SequenceNumber(sequence), RtpTimestamp(timestamp)),
            clock_rate,
            index: 1 << 20,
            run: 0,
            timestamp: 0,
            arrival: Duration::ZERO,
            sent: VecDeque::new(),
            skipped: Vec::new(),
            next: None,
            latest: None,
        }
    }

    fn step(&mut self, supply: &mut Supply<'_>) {
        self.sent.push_back(None);
        if self.sent.len() > COMPARED {
            self.sent.pop_front();
        }
        let flags = supply.byte();
        let step = supply.byte();
        self.arrival += Duration::from_millis(u64::from(flags >> 4));
        match flags & 0x0f {
            0 | 1 => self.switch(supply),
            2 => {
                self.index += 1 + u64::from(step);
                // Before the first packet there is nothing to leave out of.
                if self.latest.is_some() {
                    self.skipped.push((self.run, self.index));
                }
                let hole = self.rewriter.skip(self.index, RtpTimestamp(self.timestamp), None);
                assert!(hole.is_none(), "nothing later has a number");
                // What the network lost in front of it keeps its numbers.
                self.next = self.next.map(|next| next.plus(step.into()));
            }
            3 | 4 => {
                let late = self.index - u64::from(step).min(self.index);
                self.forward(late, false, supply);
            }
            5 => {
                self.index += u64::from(step) << 8;
                self.forward(self.index, false, supply);
            }
            _ => {
                self.index += 1 + u64::from(step >> 5);
                self.timestamp = self.timestamp.wrapping_add(u32::from(step & 0x1f) * 300);
                self.forward(self.index, false, supply);
            }
        }
    }

    /// To a stream with numbers and a clock of its own.
    fn switch(&mut self, supply: &mut Supply<'_>) {
        self.run += 1;
        self.index = u64::from(supply.word()) + 1_000_000;
        self.timestamp = supply.word();
        self.forward(self.index, true, supply);
    }

    fn forward(&mut self, index: u64, switch: bool, supply: &mut Supply<'_>) {
        let id = supply.byte();
        let info = PacketInfo {
            numbers: FrameNumbers::Vp8 {
                picture_id: Some(PictureId::Short(id & 0x7f)),
                tl0: Some(id >> 4),
            },
            frame_number: Some(id.into()),
            ..PacketInfo::default()
        };
        let capture = if id & 3 == 0 {
            Capture::Known { clock: u32::from(id >> 7), ntp: u64::from(supply.word()) << 12 }
        } else {
            Capture::Unknown
        };
        let rewrite = self.rewriter.forward(Input {
            switch,
            index,
            timestamp: RtpTimestamp(self.timestamp),
            clock_rate: self.clock_rate,
            capture,
            arrival: self.arrival,
            info: &info,
        });
        match rewrite {
            Some(rewrite) => self.check(index, switch, rewrite),
            None => assert!(!switch, "a switch always has a number"),
        }
    }

    fn check(&mut self, index: u64, switch: bool, rewrite: Rewrite) {
        let Rewrite { sequence, timestamp, .. } = rewrite;
        assert!(!self.skipped.contains(&(self.run, index)), "a skipped packet has a number");
        if switch {
            assert!(
                self.next.is_none_or(|next| next == sequence),
                "a hole of ours, or a number twice"
            );
            let is_later = |latest| timestamp.distance_from(latest) > 0;
            assert!(self.latest.is_none_or(is_later), "back in time");
        }
        if index == self.index {
            self.next = Some(sequence.next());
        }
        self.latest = Some(self.latest.map_or(timestamp, |latest| later(timestamp, latest)));
        for (run, other, number) in self.sent.iter().flatten() {
            let same = (*run, *other) == (self.run, index);
            assert_eq!(same, *number == sequence, "{run} {other} against {} {index}", self.run);
        }
        if let Some(place) = self.sent.back_mut() {
            *place = Some((self.run, index, sequence));
        }
    }
}

fn later(one: RtpTimestamp, other: RtpTimestamp) -> RtpTimestamp {
    if one.distance_from(other) > 0 { one } else { other }
}
