//! Histograms: how many values there were, by how large they are, within bounds that never change.

use std::marker::PhantomData;
use std::time::Duration;

use simulcast::Bitrate;

use super::label::Label;
use super::{Family, MetricKind, Number, Reading};

/// What a histogram counts.
pub trait Scale: 'static {
    /// One value.
    type Value: Copy;
    /// The upper bound of each bucket, which belongs to it: in the unit of [`Self::amount`], and as Prometheus reads it. What is above
    /// the last bound falls into a bucket of its own, so there is one more of them than of bounds.
    const BOUNDS: &'static [(u64, &'static str)];
    /// A value as a whole number.
    fn amount(value: Self::Value) -> u64;
    /// The sum of such numbers.
    fn number(sum: u64) -> Number;
}

/// Rates, in bits per second.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rate;

impl Scale for Rate {
    type Value = Bitrate;
    // Sound and the lowest layer hardly; the lowest; the middle one hardly; the middle one; the top one; a few pictures; many.
    const BOUNDS: &'static [(u64, &'static str)] = &[
        (100_000, "100000"),
        (300_000, "300000"),
        (600_000, "600000"),
        (1_200_000, "1200000"),
        (2_500_000, "2500000"),
        (5_000_000, "5000000"),
        (10_000_000, "10000000"),
    ];

    fn amount(value: Bitrate) -> u64 {
        value.as_bps()
    }

    fn number(sum: u64) -> Number {
        Number::Whole(sum)
    }
}

/// Times that a person waits, in seconds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Wait;

impl Scale for Wait {
    type Value = Duration;
    // Nobody notices; what a handshake takes nearby, and across an ocean; a second, from where on people wonder; too long.
    const BOUNDS: &'static [(u64, &'static str)] = &[
        (100_000, "0.1"),
        (250_000, "0.25"),
        (500_000, "0.5"),
        (1_000_000, "1"),
        (2_000_000, "2"),
        (5_000_000, "5"),
        (10_000_000, "10"),
    ];

    fn amount(value: Duration) -> u64 {
        u64::try_from(value.as_micros()).unwrap_or(u64::MAX)
    }

    fn number(sum: u64) -> Number {
        Number::Micros(sum)
    }
}

/// Values of one scale, in `N` buckets.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Histogram<S, const N: usize> {
    /// How many fell into each bucket and no lower one; the last has no bound.
    buckets: [u64; N],
    sum: u64,
    scale: PhantomData<S>,
}

impl<S: Scale, const N: usize> Histogram<S, N> {
    /// Counts a value. Allocates nothing.
    pub fn count(&mut self, value: S::Value) {
        const { assert!(N == S::BOUNDS.len() + 1, "a bucket for each bound, and one above") };
        let amount = S::amount(value);
        let place = S::BOUNDS.iter().take_while(|(bound, _)| amount > *bound).count();
        if let Some(bucket) = self.buckets.get_mut(place) {
            *bucket = bucket.wrapping_add(1);
        }
        self.sum = self.sum.wrapping_add(amount);
    }

    /// How many values there were.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.buckets.iter().fold(0, |total, bucket| total.wrapping_add(*bucket))
    }

    /// How many values there were up to each bound, and in all.
    pub fn cumulated(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let bounds = S::BOUNDS.iter().map(|(_, bound)| *bound).chain(["+Inf"]);
        bounds.zip(&self.buckets).scan(0_u64, |total, (bound, bucket)| {
            *total = total.wrapping_add(*bucket);
            Some((bound, *total))
        })
    }

    fn readings(
        &self,
        label: Option<(&'static str, &'static str)>,
    ) -> impl Iterator<Item = Reading> {
        let bucket = move |(bound, value)| Reading {
            suffix: "_bucket",
            labels: [label, Some(("le", bound))],
            value: Number::Whole(value),
        };
        let plain = move |suffix, value| Reading { suffix, labels: [label, None], value };
        let rest = [("_sum", S::number(self.sum)), ("_count", Number::Whole(self.total()))];
        let rest = rest.into_iter().map(move |(suffix, value)| plain(suffix, value));
        self.cumulated().map(bucket).chain(rest)
    }
}

impl<S, const N: usize> Default for Histogram<S, N> {
    fn default() -> Self {
        Self { buckets: [0; N], sum: 0, scale: PhantomData }
    }
}

impl<S: Scale, const N: usize> Family for Histogram<S, N> {
    const KIND: MetricKind = MetricKind::Histogram;

    fn absorb(&mut self, other: &Self) {
        for (mine, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            *mine = mine.wrapping_add(*theirs);
        }
        self.sum = self.sum.wrapping_add(other.sum);
    }

    fn values(&self) -> impl Iterator<Item = Reading> {
        self.readings(None)
    }
}

/// A histogram for each of the `K` values of a label.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Histograms<L, S, const K: usize, const N: usize> {
    each: [Histogram<S, N>; K],
    label: PhantomData<L>,
}

impl<L: Label, S: Scale, const K: usize, const N: usize> Histograms<L, S, K, N> {
    /// Counts a value of `label`. Allocates nothing.
    pub fn count(&mut self, label: L, value: S::Value) {
        const { assert!(K == L::ALL.len(), "one histogram for each value of the label") };
        if let Some(histogram) = self.each.get_mut(label.index()) {
            histogram.count(value);
        }
    }

    /// That of `label`.
    #[must_use]
    pub fn of(&self, label: L) -> Option<&Histogram<S, N>> {
        self.each.get(label.index())
    }
}

impl<L, S, const K: usize, const N: usize> Default for Histograms<L, S, K, N> {
    fn default() -> Self {
        Self { each: std::array::from_fn(|_| Histogram::default()), label: PhantomData }
    }
}

impl<L: Label, S: Scale, const K: usize, const N: usize> Family for Histograms<L, S, K, N> {
    const KIND: MetricKind = MetricKind::Histogram;

    fn absorb(&mut self, other: &Self) {
        self.each.iter_mut().zip(&other.each).for_each(|(mine, theirs)| mine.absorb(theirs));
    }

    fn values(&self) -> impl Iterator<Item = Reading> {
        let labels = L::ALL.iter().map(|label| Some((L::KEY, label.name())));
        labels.zip(&self.each).flat_map(|(label, histogram)| histogram.readings(label))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::MediaKind;

    #[test]
    fn values_fall_at_and_below_their_bound_and_buckets_cumulate() {
        let mut rates = Histogram::<Rate, 8>::default();
        for kbps in [0, 100, 101, 2_500, 10_000, 10_001, 90_000] {
            rates.count(Bitrate::kbps(kbps));
        }
        let expected = [
            ("100000", 2),
            ("300000", 3),
            ("600000", 3),
            ("1200000", 3),
            ("2500000", 4),
            ("5000000", 4),
            ("10000000", 5),
            ("+Inf", 7),
        ];
        assert_eq!(rates.cumulated().collect::<Vec<_>>(), expected);
    }

    /// Prometheus, "Exposition formats": each bucket with `le`, the last of them `+Inf` and equal to `_count`; and `_sum`.
    #[test]
    fn readings_are_as_prometheus_asks() {
        let mut waits = Histograms::<MediaKind, Wait, 2, 8>::default();
        waits.count(MediaKind::Video, Duration::from_millis(300));
        waits.count(MediaKind::Video, Duration::from_micros(12_000_007));
        let readings: Vec<_> = waits.values().skip(10).collect();
        assert_eq!(readings.len(), 10);
        for reading in &readings {
            assert_eq!(reading.labels[0], Some(("kind", "video")));
        }
        let text = |nth: usize| {
            let Reading { suffix, labels, value } = readings[nth];
            format!("{suffix} {} {value}", labels[1].map_or("", |(_, bound)| bound))
        };
        assert_eq!(text(1), "_bucket 0.25 0");
        assert_eq!(text(2), "_bucket 0.5 1");
        assert_eq!(text(7), "_bucket +Inf 2");
        assert_eq!(text(8), "_sum  12.300007");
        assert_eq!(text(9), "_count  2");
    }

    #[test]
    fn histograms_of_two_shards_add_up_and_counting_allocates_nothing() {
        let (mut one, mut other) =
            (Histogram::<Wait, 8>::default(), Histogram::<Wait, 8>::default());
        let info = allocation_counter::measure(|| {
            one.count(Duration::from_secs(3));
            other.count(Duration::from_secs(4));
        });
        assert_eq!(info.count_total, 0);
        one.absorb(&other);
        assert_eq!((one.total(), one.sum), (2, 7_000_000));
    }

    #[test]
    fn bounds_rise_and_say_what_they_are() {
        fn check<S: Scale>(unit: f64) {
            assert!(S::BOUNDS.is_sorted_by(|(one, _), (other, _)| one < other));
            for (bound, text) in S::BOUNDS {
                assert_eq!((*bound as f64 / unit).to_string(), *text);
            }
        }
        check::<Rate>(1.0);
        check::<Wait>(1_000_000.0);
    }
}
