//! All chance of a simulation, from one seed.

/// xoshiro256++ (Blackman and Vigna, 2019), seeded by splitmix64: the same numbers on every machine, for ever.
#[derive(Clone, Debug)]
pub struct Random {
    state: [u64; 4],
}

/// How likely something is: a share from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Probability(f64);

impl Probability {
    /// It does not happen.
    pub const NEVER: Self = Self(0.0);

    /// This share of all cases; clamped to 0..=1.
    #[must_use]
    pub const fn share(share: f64) -> Self {
        Self(share.clamp(0.0, 1.0))
    }

    /// This many cases of a hundred.
    #[must_use]
    pub const fn percent(percent: f64) -> Self {
        Self::share(percent / 100.0)
    }

    /// Whether it can happen at all.
    #[must_use]
    pub const fn is_possible(self) -> bool {
        self.0 > 0.0
    }
}

impl Random {
    /// The numbers that belong to `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        let (first, seed) = splitmix(seed);
        let (second, seed) = splitmix(seed);
        let (third, seed) = splitmix(seed);
        let (fourth, _) = splitmix(seed);
        Self { state: [first, second, third, fourth] }
    }

    /// The next 64 bits.
    pub const fn next(&mut self) -> u64 {
        let [mut a, mut b, mut c, mut d] = self.state;
        let result = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let shifted = b << 17;
        c ^= a;
        d ^= b;
        b ^= c;
        a ^= d;
        c ^= shifted;
        d = d.rotate_left(45);
        self.state = [a, b, c, d];
        result
    }

    /// Uniform from 0 up to, not including, 1: the 53 bits that a double holds exactly.
    pub const fn unit(&mut self) -> f64 {
        const SCALE: f64 = 1.0 / (1_u64 << 53) as f64;
        (self.next() >> 11) as f64 * SCALE
    }

    /// Uniform from 0 up to, not including, `bound`; 0 for a bound of 0. The bias, below `bound` / 2⁶⁴, is no concern here.
    pub const fn below(&mut self, bound: u64) -> u64 {
        let product = self.next() as u128 * bound as u128;
        (product >> 64) as u64
    }

    /// Whether something this likely happens this time. What is impossible draws nothing.
    pub const fn chance(&mut self, probability: Probability) -> bool {
        probability.is_possible() && self.unit() < probability.0
    }

    /// From the normal distribution of mean 0 and deviation 1 (Box and Muller; the second value is not kept).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }
}

/// One step of splitmix64: an output, and the next state.
const fn splitmix(state: u64) -> (u64, u64) {
    let state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ (mixed >> 31), state)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors that the `rand_xoshiro` crate took from the reference implementation.
    #[test]
    fn the_generator_is_xoshiro256_plus_plus() {
        let mut random = Random { state: [1, 2, 3, 4] };
        let expected = [41_943_041, 58_720_359, 3_588_806_011_781_223, 3_591_011_842_654_386];
        assert_eq!(expected.map(|_| random.next()), expected);
    }

    /// The first outputs of the reference implementation of splitmix64 for this seed.
    #[test]
    fn the_seed_is_spread_by_splitmix64() {
        let random = Random::new(1_477_776_061_723_855_037);
        let expected =
            [1_985_237_415_132_408_290, 2_979_275_885_539_914_483, 13_511_426_838_097_143_398];
        assert_eq!(random.state[..3], expected);
    }

    #[test]
    fn the_normal_distribution_has_mean_0_and_deviation_1() {
        let mut random = Random::new(1);
        let draws: Vec<f64> = (0..100_000).map(|_| random.normal()).collect();
        let mean = draws.iter().sum::<f64>() / 100_000.0;
        let variance = draws.iter().map(|draw| (draw - mean).powi(2)).sum::<f64>() / 100_000.0;
        let within_1 = draws.iter().filter(|draw| draw.abs() < 1.0).count();
        assert!(mean.abs() < 0.01 && (variance - 1.0).abs() < 0.02, "{mean} {variance}");
        assert!(
            (67_800..68_800).contains(&within_1),
            "68.27 % lie within one deviation: {within_1}"
        );
    }

    #[test]
    fn chance_follows_its_probability() {
        let mut random = Random::new(2);
        let hits = (0..100_000).filter(|_| random.chance(Probability::percent(20.0))).count();
        assert!((19_500..20_500).contains(&hits), "{hits}");
        assert!(!random.chance(Probability::NEVER));
        assert!(random.chance(Probability::share(7.0)), "clamped to certainty");
        assert!((0..1_000).all(|_| random.below(3) < 3));
    }
}
