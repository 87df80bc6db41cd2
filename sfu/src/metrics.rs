//! Counters and gauges of a shard: one table says everything about each of them.
//!
//! The shard and its thread count in [`Counters`]. Once a second the shard hands over a [`Snapshot`], to which the
//! thread adds what it counted itself; signaling sums the snapshots of all shards and prints
//! [`Snapshot::samples`], knowing none of them by name.
//!
//! Names follow Prometheus: `confab_`, base units, `_total` on whatever only rises. Left out on purpose: histograms of time
//! (a shard never asks for it, so it cannot measure how long it takes), and labels that name a person or a
//! channel (their number has no bound).

use std::ops::AddAssign;

use crate::drop::DropReason;
use crate::media::MediaKind;
use simulcast::Bitrate;
use simulcast::allocator::Shed;

/// What a label can say: a closed list, so that an array holds one count for each.
pub trait Label: Copy + 'static {
    /// The label's name.
    const KEY: &'static str;
    /// All it can say.
    const ALL: &'static [Self];
    /// The label's value.
    fn name(self) -> &'static str;
    /// Its place in [`Self::ALL`].
    fn index(self) -> usize;
}

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

/// Which way something went, seen from the server.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Direction {
    /// From a client.
    Received,
    /// To a client.
    Sent,
}

/// What of a packet went to another media thread.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Relayed {
    /// All of it, and it is sound.
    Sound,
    /// All of it, and it is of a picture.
    Picture,
    /// How loud it is, and nothing else.
    Level,
}

impl Relayed {
    /// A whole packet of this kind.
    #[must_use]
    pub const fn of(kind: MediaKind) -> Self {
        match kind {
            MediaKind::Audio => Self::Sound,
            MediaKind::Video => Self::Picture,
        }
    }
}

/// How a DTLS handshake ended.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Handshake {
    /// Keys were agreed, with the certificate the offer promised.
    Completed,
    /// It ended without keys.
    Failed,
    /// The certificate was not the one the offer promised.
    FingerprintMismatch,
}

/// How far a probe came.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum ProbeStage {
    /// It was decided on.
    Begun,
    /// It found a rate.
    Found,
}

/// A band of estimates, up to the rate in its name and above the one before.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum EstimateBand {
    /// Sound, and the lowest layer hardly.
    K100,
    /// The lowest layer.
    K300,
    /// The middle layer hardly.
    K600,
    /// The middle layer.
    K1200,
    /// The top layer.
    K2500,
    /// A few pictures.
    K5000,
    /// Many.
    K10000,
    /// All there are.
    More,
}

impl EstimateBand {
    /// The band of an estimate.
    #[must_use]
    pub fn of(estimate: Bitrate) -> Self {
        let kbps = estimate.as_bps().div_ceil(1_000);
        let bands = [
            (100, Self::K100),
            (300, Self::K300),
            (600, Self::K600),
            (1_200, Self::K1200),
            (2_500, Self::K2500),
            (5_000, Self::K5000),
            (10_000, Self::K10000),
        ];
        bands.into_iter().find(|(most, _)| kbps <= *most).map_or(Self::More, |(_, band)| band)
    }
}

/// What a full send path was full of.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Blocked {
    /// The socket's send buffer (EAGAIN).
    Socket,
    /// A queue behind it (ENOBUFS).
    Device,
}

/// Gives an enum its label key and its values.
macro_rules! label {
    ($label:ident, $key:literal, $($variant:ident = $name:literal),+) => {
        impl Label for $label {
            const KEY: &'static str = $key;
            const ALL: &'static [Self] = &[$(Self::$variant),+];

            fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            fn index(self) -> usize {
                self as usize
            }
        }
    };
}

label!(MediaKind, "kind", Audio = "audio", Video = "video");
label!(Direction, "direction", Received = "received", Sent = "sent");
label!(Relayed, "part", Sound = "sound", Picture = "picture", Level = "level");
label!(
    Handshake,
    "outcome",
    Completed = "completed",
    Failed = "failed",
    FingerprintMismatch = "fingerprint_mismatch"
);
label!(ProbeStage, "stage", Begun = "begun", Found = "found");
label!(
    EstimateBand,
    "up_to_kbps",
    K100 = "100",
    K300 = "300",
    K600 = "600",
    K1200 = "1200",
    K2500 = "2500",
    K5000 = "5000",
    K10000 = "10000",
    More = "inf"
);
label!(
    Shed,
    "sheds",
    Nothing = "nothing",
    New = "new",
    Layers = "layers",
    AllLayers = "all_layers",
    Pictures = "pictures"
);
label!(Blocked, "queue", Socket = "socket", Device = "device");

/// Whether a metric only rises.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MetricKind {
    /// It only rises, until the process ends.
    Counter,
    /// It rises and falls.
    Gauge,
}

impl MetricKind {
    /// The word of Prometheus' `# TYPE` line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
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
    /// Whether it only rises.
    pub kind: MetricKind,
    /// The label with its value, where the metric has one.
    pub label: Option<(&'static str, &'static str)>,
    /// The number.
    pub value: u64,
}

/// What a field of the table can do: be summed, and say its samples.
trait Family {
    const KIND: MetricKind;
    fn absorb(&mut self, other: &Self);
    fn values(&self) -> impl Iterator<Item = (Option<(&'static str, &'static str)>, u64)>;
}

impl<L: Label, const N: usize> Family for Series<L, N> {
    const KIND: MetricKind = MetricKind::Counter;

    fn absorb(&mut self, other: &Self) {
        for (mine, theirs) in self.values.iter_mut().zip(&other.values) {
            *mine = mine.wrapping_add(*theirs);
        }
    }

    fn values(&self) -> impl Iterator<Item = (Option<(&'static str, &'static str)>, u64)> {
        L::ALL.iter().zip(&self.values).map(|(label, &value)| (Some((L::KEY, label.name())), value))
    }
}

impl<L: Label, const N: usize> Family for Spread<L, N> {
    const KIND: MetricKind = MetricKind::Gauge;

    fn absorb(&mut self, other: &Self) {
        self.0.absorb(&other.0);
    }

    fn values(&self) -> impl Iterator<Item = (Option<(&'static str, &'static str)>, u64)> {
        self.0.values()
    }
}

impl Family for Total {
    const KIND: MetricKind = MetricKind::Counter;

    fn absorb(&mut self, other: &Self) {
        self.add(other.0);
    }

    fn values(&self) -> impl Iterator<Item = (Option<(&'static str, &'static str)>, u64)> {
        std::iter::once((None, self.0))
    }
}

impl Family for Gauge {
    const KIND: MetricKind = MetricKind::Gauge;

    fn absorb(&mut self, other: &Self) {
        self.0 = self.0.saturating_add(other.0);
    }

    fn values(&self) -> impl Iterator<Item = (Option<(&'static str, &'static str)>, u64)> {
        std::iter::once((None, self.0))
    }
}

fn samples_of<F: Family>(
    family: &F,
    name: &'static str,
    help: &'static str,
) -> impl Iterator<Item = Sample> {
    let kind = F::KIND;
    family.values().map(move |(label, value)| Sample { name, help, kind, label, value })
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
    probes: Series<ProbeStage, 2>, "confab_probes_total", "Probes of what a receiver's link carries: begun, and those that found a rate.";
    estimates: Spread<EstimateBand, 8>, "confab_estimates", "Receivers of pictures by what their links carry, in kbit/s up to the label and above the one before.";
    packets_recovered: Series<MediaKind, 2>, "confab_rtp_packets_recovered_total", "RTP packets that a publisher sent again and that were still wanted.";
    packets_missing: Series<MediaKind, 2>, "confab_rtp_packets_missing_total", "RTP packets of a publisher that never arrived.";
    rtcp_packets: Series<Direction, 2>, "confab_rtcp_packets_total", "RTCP compounds.";
    nacked_packets: Series<Direction, 2>, "confab_nacked_packets_total", "Packets asked for again by NACK.";
    keyframe_requests: Series<Direction, 2>, "confab_keyframe_requests_total", "Keyframes asked for by PLI or FIR.";
    switches: Series<MediaKind, 2>, "confab_switches_total", "Times a slot went on with another layer or publication.";

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

    fn value(snapshot: &Snapshot, name: &str, label: Option<&str>) -> u64 {
        let wanted =
            |sample: &Sample| sample.name == name && sample.label.map(|(_, value)| value) == label;
        let mut found = snapshot.samples().filter(wanted);
        let sample = found.next().expect("a sample");
        assert_eq!(found.next(), None, "one sample for each label");
        sample.value
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
        assert_eq!(snapshot.samples().map(|sample| sample.value).sum::<u64>(), 7);
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
    fn estimates_fall_into_the_bands_of_their_names() {
        let name = |kbps| EstimateBand::of(Bitrate::kbps(kbps)).name();
        assert_eq!(
            [100, 101, 2_500, 9_000, 10_001].map(name),
            ["100", "300", "2500", "10000", "inf"]
        );
        let (mut one, mut other) = (Counters::default(), Counters::default());
        one.estimates.count(EstimateBand::K300);
        other.estimates.count(EstimateBand::K300);
        let mut sum = Snapshot::of(&one);
        sum += &other;
        assert_eq!(value(&sum, "confab_estimates", Some("300")), 2);
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
            assert!(
                sample.label.is_none_or(|(key, value)| !key.is_empty() && !value.is_empty()),
                "{name}"
            );
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
