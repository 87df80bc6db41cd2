//! Counters and gauges of a shard: one table says everything about each of them.
//!
//! The shard and its thread count in [`Counters`]. Once a second the shard hands over a [`Snapshot`], to which the
//! thread adds what it counted itself; signaling sums the snapshots of all shards and prints
//! [`Snapshot::samples`], knowing none of them by name.
//!
//! Names follow Prometheus: `confab_`, base units, `_total` on whatever only rises. Left out on purpose: how long the shard itself
//! takes (it never asks for the time, so it cannot measure that), and labels that name a person or a
//! channel (their number has no bound).

pub mod histogram;
pub mod label;

use std::fmt;
use std::ops::AddAssign;

use crate::drop::DropReason;
use crate::media::MediaKind;
use histogram::{Histogram, Histograms, Rate, Wait};
pub use label::{Blocked, Direction, Handshake, Label, Pause, ProbeOutcome, Relayed, StreamEnd};
use simulcast::allocator::Shed;

/// One number for each value of a label.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Series<L, const N: usize> {
    values: [u64; N],
    label: std::marker::PhantomData<L>,
}

impl<L: Label, const N: usize> Series<L, N> {
    /// Counts one more of `label`.
    pub fn count(&mut self, label: L) {
        self.add(label, 1);
    }

    /// Counts `amount` more of `label`.
    pub fn add(&mut self, label: L, amount: u64) {
        const { assert!(N == L::ALL.len(), "one number for each value of the label") };
        if let Some(value) = self.values.get_mut(label.index()) {
            *value = value.wrapping_add(amount);
        }
    }

    /// The number of `label`.
    #[must_use]
    pub fn of(&self, label: L) -> u64 {
        self.values.get(label.index()).copied().unwrap_or(0)
    }
}

impl<L, const N: usize> Default for Series<L, N> {
    fn default() -> Self {
        Self { values: [0; N], label: std::marker::PhantomData }
    }
}

/// How many there are at present, for each value of a label.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Spread<L, const N: usize>(Series<L, N>);

impl<L: Label, const N: usize> Spread<L, N> {
    /// Counts one more of `label`.
    pub fn count(&mut self, label: L) {
        self.0.count(label);
    }
}

impl<L, const N: usize> Default for Spread<L, N> {
    fn default() -> Self {
        Self(Series::default())
    }
}

/// One number, without labels.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Total(u64);

impl Total {
    /// Counts one more.
    pub const fn count(&mut self) {
        self.add(1);
    }

    /// Counts `amount` more.
    pub const fn add(&mut self, amount: u64) {
        self.0 = self.0.wrapping_add(amount);
    }

    /// The number.
    #[must_use]
    pub const fn value(self) -> u64 {
        self.0
    }
}

/// How many there are at present.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Gauge(u64);

impl Gauge {
    /// There are `count` at present.
    pub fn set(&mut self, count: usize) {
        self.0 = u64::try_from(count).unwrap_or(u64::MAX);
    }

    /// The number.
    #[must_use]
    pub const fn value(self) -> u64 {
        self.0
    }
}

/// What kind of metric it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MetricKind {
    /// It only rises, until the process ends.
    Counter,
    /// It rises and falls.
    Gauge,
    /// It counts values by how large they are, and only rises.
    Histogram,
}

impl MetricKind {
    /// The word of Prometheus' `# TYPE` line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// One number with all that is to be said about it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sample {
    /// The metric, `confab_…`. Samples of one metric follow one another.
    pub name: &'static str,
    /// What it counts, a sentence.
    pub help: &'static str,
    /// What kind of metric it is.
    pub kind: MetricKind,
    /// The number with its labels.
    pub reading: Reading,
}

/// One number of a metric.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Reading {
    /// What follows the metric's name: nothing, or of a histogram `_bucket`, `_sum`, `_count`.
    pub suffix: &'static str,
    /// The metric's label with its value, and a bucket's upper bound (`le`).
    pub labels: [Option<(&'static str, &'static str)>; 2],
    /// The number.
    pub value: Number,
}

impl Reading {
    const fn plain(label: Option<(&'static str, &'static str)>, value: u64) -> Self {
        Self { suffix: "", labels: [label, None], value: Number::Whole(value) }
    }
}

/// A number as Prometheus reads it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Number {
    /// As it is.
    Whole(u64),
    /// Seconds, in millionths.
    Micros(u64),
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(value) => write!(f, "{value}"),
            Self::Micros(value) => write!(f, "{}.{:06}", value / 1_000_000, value % 1_000_000),
        }
    }
}

/// What a field of the table can do: be summed, and say its numbers.
trait Family {
    const KIND: MetricKind;
    fn absorb(&mut self, other: &Self);
    fn values(&self) -> impl Iterator<Item = Reading>;
}

impl<L: Label, const N: usize> Family for Series<L, N> {
    const KIND: MetricKind = MetricKind::Counter;

    fn absorb(&mut self, other: &Self) {
        for (mine, theirs) in self.values.iter_mut().zip(&other.values) {
            *mine = mine.wrapping_add(*theirs);
        }
    }

    fn values(&self) -> impl Iterator<Item = Reading> {
        let labels = L::ALL.iter().map(|label| Some((L::KEY, label.name())));
        labels.zip(&self.values).map(|(label, &value)| Reading::plain(label, value))
    }
}

impl<L: Label, const N: usize> Family for Spread<L, N> {
    const KIND: MetricKind = MetricKind::Gauge;

    fn absorb(&mut self, other: &Self) {
        self.0.absorb(&other.0);
    }

    fn values(&self) -> impl Iterator<Item = Reading> {
        self.0.values()
    }
}

impl Family for Total {
    const KIND: MetricKind = MetricKind::Counter;

    fn absorb(&mut self, other: &Self) {
        self.add(other.0);
    }

    fn values(&self) -> impl Iterator<Item = Reading> {
        std::iter::once(Reading::plain(None, self.0))
    }
}

impl Family for Gauge {
    const KIND: MetricKind = MetricKind::Gauge;

    fn absorb(&mut self, other: &Self) {
        self.0 = self.0.saturating_add(other.0);
    }

    fn values(&self) -> impl Iterator<Item = Reading> {
        std::iter::once(Reading::plain(None, self.0))
    }
}

fn samples_of<F: Family>(
    family: &F,
    name: &'static str,
    help: &'static str,
) -> impl Iterator<Item = Sample> {
    let kind = F::KIND;
    family.values().map(move |reading| Sample { name, help, kind, reading })
}

/// Writes the counters, their sum and their samples from one table.
macro_rules! table {
    ($($field:ident: $family:ty, $name:literal, $help:literal;)+) => {
        /// The living counters of one shard or of its thread; whoever counts owns them.
        #[derive(Clone, Debug, Default, Eq, PartialEq)]
        pub struct Counters {
            $(#[doc = $help] pub $field: $family,)+
        }

        impl Counters {
            fn absorb(&mut self, other: &Self) {
                $(self.$field.absorb(&other.$field);)+
            }

            fn samples(&self) -> impl Iterator<Item = Sample> {
                std::iter::empty()$(.chain(samples_of(&self.$field, $name, $help)))+
            }
        }
    };
}

table! {
    // Counted by the thread: a simulation has none of these.
    turns: Total, "confab_turns_total", "Rounds of the media thread's loop.";
    commands: Total, "confab_commands_total", "Commands taken from signaling.";
    datagrams: Series<Direction, 2>, "confab_datagrams_total", "Datagrams through the media sockets.";
    bytes: Series<Direction, 2>, "confab_datagram_bytes_total", "Bytes of these datagrams, without UDP and IP headers.";
    runs: Series<Direction, 2>, "confab_datagram_runs_total", "Messages to and from the kernel that carried these datagrams: one each, or runs of them.";
    sends_blocked: Series<Blocked, 2>, "confab_sends_blocked_total", "Times a full queue of the system made datagrams wait.";
    streams_accepted: Total, "confab_tcp_connections_accepted_total", "TCP connections for media that were accepted.";
    streams_ended: Series<StreamEnd, 4>, "confab_tcp_connections_ended_total", "TCP connections for media that ended, or were refused.";
    receive_errors: Total, "confab_receive_errors_total", "Errors of a socket while receiving; none of them costs a datagram.";
    events_held: Total, "confab_events_held_total", "Times signaling had no room for an event, which then waited.";

    // Counted by the shard.
    shards: Spread<Shed, 5>, "confab_shards", "Media threads by what they give up of pictures because they have too much to do.";
    participants: Gauge, "confab_participants", "Participants.";
    channels: Gauge, "confab_channels", "Voice channels with at least one participant.";
    publications: Gauge, "confab_publications", "Uploaded tracks.";
    subscriptions: Gauge, "confab_subscriptions", "Slots that carry a publication.";
    handshakes: Series<Handshake, 3>, "confab_handshakes_total", "DTLS handshakes that ended.";
    stun_answered: Total, "confab_stun_requests_answered_total", "STUN binding requests answered.";
    packets_received: Series<MediaKind, 2>, "confab_rtp_packets_received_total", "RTP packets taken into a publication.";
    packets_relayed: Series<Relayed, 3>, "confab_rtp_packets_relayed_total", "RTP packets handed to another media thread: of sound that nobody there hears, the level alone.";
    packets_forwarded: Series<MediaKind, 2>, "confab_rtp_packets_forwarded_total", "RTP packets sent to a receiver for the first time.";
    packets_resent: Series<MediaKind, 2>, "confab_rtp_packets_resent_total", "RTP packets sent again, because a receiver lost them.";
    packets_padding: Total, "confab_rtp_packets_padding_total", "RTP packets sent to find out what a link carries: packets sent once more, or empty ones.";
    probes: Series<ProbeOutcome, 3>, "confab_probes_total", "Probes of what a receiver's link carries: sent, and those that found more than was believed, or no more.";
    estimates: Histogram<Rate, 8>, "confab_estimate_bits_per_second", "What the links of receivers of pictures carry, each once a second.";
    targets: Histogram<Rate, 8>, "confab_target_bits_per_second", "What receivers of pictures are given of them, each once a second.";
    firsts: Histograms<MediaKind, Wait, 2, 8>, "confab_first_media_seconds", "From somebody's join to the first packet of sound or pictures that left for them.";
    packets_recovered: Series<MediaKind, 2>, "confab_rtp_packets_recovered_total", "RTP packets that a publisher sent again and that were still wanted.";
    packets_missing: Series<MediaKind, 2>, "confab_rtp_packets_missing_total", "RTP packets of a publisher that never arrived.";
    rtcp_packets: Series<Direction, 2>, "confab_rtcp_packets_total", "RTCP compounds.";
    nacked_packets: Series<Direction, 2>, "confab_nacked_packets_total", "Packets asked for again by NACK.";
    keyframe_requests: Series<Direction, 2>, "confab_keyframe_requests_total", "Keyframes asked for by PLI or FIR.";
    switches: Series<MediaKind, 2>, "confab_switches_total", "Times a slot began, or went on with another layer or publication.";
    pauses: Series<Pause, 4>, "confab_pauses_total", "Times a picture that flowed to a receiver was paused, by reason.";

    // Counted by whoever drops.
    dropped: Series<DropReason, { DropReason::COUNT }>, "confab_dropped_total", "Datagrams and packets dropped, by reason.";
}

/// A copy of all counters and gauges at one moment. Snapshots add up.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Snapshot {
    counters: Counters,
}

impl Snapshot {
    /// A copy of `counters`.
    #[must_use]
    pub fn of(counters: &Counters) -> Self {
        Self { counters: counters.clone() }
    }

    /// What was counted.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Every number, in the order of the table; those of one metric follow one another.
    pub fn samples(&self) -> impl Iterator<Item = Sample> {
        self.counters.samples()
    }
}

impl AddAssign<&Counters> for Snapshot {
    fn add_assign(&mut self, counters: &Counters) {
        self.counters.absorb(counters);
    }
}

impl AddAssign<&Self> for Snapshot {
    fn add_assign(&mut self, other: &Self) {
        self.counters.absorb(&other.counters);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn whole(sample: Sample) -> u64 {
        match sample.reading.value {
            Number::Whole(value) | Number::Micros(value) => value,
        }
    }

    fn value(snapshot: &Snapshot, name: &str, label: Option<&str>) -> u64 {
        let wanted = |sample: &Sample| {
            sample.name == name && sample.reading.labels[0].map(|(_, value)| value) == label
        };
        let mut found = snapshot.samples().filter(wanted);
        let sample = found.next().expect("a sample");
        assert_eq!(found.next(), None, "one sample for each label");
        whole(sample)
    }

    #[test]
    fn what_is_counted_shows_under_its_name_and_label() {
        let mut counters = Counters::default();
        counters.packets_forwarded.add(MediaKind::Video, 3);
        counters.dropped.count(DropReason::Muted);
        counters.participants.set(2);
        counters.turns.count();
        let snapshot = Snapshot::of(&counters);
        assert_eq!(value(&snapshot, "confab_rtp_packets_forwarded_total", Some("video")), 3);
        assert_eq!(value(&snapshot, "confab_rtp_packets_forwarded_total", Some("audio")), 0);
        assert_eq!(value(&snapshot, "confab_dropped_total", Some("muted")), 1);
        assert_eq!(value(&snapshot, "confab_participants", None), 2);
        assert_eq!(value(&snapshot, "confab_turns_total", None), 1);
        assert_eq!(snapshot.samples().map(whole).sum::<u64>(), 7);
    }

    #[test]
    fn snapshots_of_two_shards_add_up() {
        let (mut one, mut other) = (Counters::default(), Counters::default());
        one.datagrams.add(Direction::Sent, 1);
        one.participants.set(1);
        other.datagrams.add(Direction::Sent, 10);
        other.dropped.add(DropReason::TooOld, 100);
        other.participants.set(2);
        let mut sum = Snapshot::of(&one);
        sum += &Snapshot::of(&other);
        assert_eq!(value(&sum, "confab_datagrams_total", Some("sent")), 11);
        assert_eq!(value(&sum, "confab_dropped_total", Some("too_old")), 100);
        assert_eq!(value(&sum, "confab_participants", None), 3);
    }

    #[test]
    fn probes_and_pauses_are_counted_by_what_became_of_them() {
        let mut counters = Counters::default();
        counters.probes.add(ProbeOutcome::Sent, 5);
        counters.probes.add(ProbeOutcome::FoundMore, 2);
        counters.pauses.count(Pause::Hidden);
        let snapshot = Snapshot::of(&counters);
        let probes = |outcome| value(&snapshot, "confab_probes_total", Some(outcome));
        assert_eq!(["sent", "found_more", "found_less"].map(probes), [5, 2, 0]);
        let pauses = |reason| value(&snapshot, "confab_pauses_total", Some(reason));
        assert_eq!(["paused", "chosen", "hidden", "server"].map(pauses), [0, 0, 1, 0]);
    }

    /// Prometheus, "Metric and label naming": a prefix of the application, base units, `_total` on counters.
    #[test]
    fn names_are_as_prometheus_asks() {
        let snapshot = Snapshot::default();
        let mut seen = BTreeSet::new();
        let mut last = "";
        for sample in snapshot.samples() {
            let name = sample.name;
            assert!(name.starts_with("confab_"), "{name}");
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
            assert_eq!(name.ends_with("_total"), sample.kind == MetricKind::Counter, "{name}");
            assert!(sample.help.ends_with('.'), "{name}");
            let mut labels = sample.reading.labels.into_iter().flatten();
            assert!(labels.all(|(key, value)| !key.is_empty() && !value.is_empty()), "{name}");
            let is_histogram = sample.kind == MetricKind::Histogram;
            assert_eq!(is_histogram, !sample.reading.suffix.is_empty(), "{name}");
            assert!(name == last || seen.insert(name), "{name} is not in one piece");
            last = name;
        }
    }

    #[test]
    fn counting_allocates_nothing() {
        let mut counters = Counters::default();
        let info = allocation_counter::measure(|| {
            for &reason in DropReason::ALL {
                counters.dropped.count(reason);
            }
        });
        assert_eq!(info.count_total, 0);
        assert!(DropReason::ALL.iter().all(|&reason| counters.dropped.of(reason) == 1));
    }
}
