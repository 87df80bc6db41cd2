//! Which of three layers the reference sends: the highest that fits, down at once, up with patience.

use std::time::Duration;

use tools::simnet::time::SimTime;

/// Bits a second of the layers.
pub const LAYERS: [f64; 3] = [150_000.0, 500_000.0, 1_500_000.0];

/// How long a higher layer must fit before it is sent.
const PATIENCE: Duration = Duration::from_millis(500);

/// What a layer weighs on the wire, with sound, in bits a second.
#[must_use]
pub fn wire_rate(layer: f64) -> f64 {
    1.066 * layer + 48_000.0
}

/// The highest layer whose rate on the wire fits `capacity`; none where none does.
#[must_use]
pub fn right_layer(capacity: f64) -> Option<u8> {
    (0..3).rev().find(|layer| wire_rate(LAYERS[usize::from(*layer)]) <= capacity)
}

/// The choice over time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Choice {
    layer: u8,
    /// Since when a higher layer fits without a break, and the lowest that did.
    rising: Option<(SimTime, u8)>,
}

impl Choice {
    /// The layer to send at `now`, where `room` bits a second are there for pictures and `wanted` is the highest of use.
    pub fn at(&mut self, now: SimTime, room: f64, wanted: u8) -> u8 {
        let fits =
            (0..=wanted).rev().find(|layer| LAYERS[usize::from(*layer)] <= room).unwrap_or(0);
        if fits <= self.layer {
            self.layer = fits;
            self.rising = None;
            return fits;
        }
        let (since, lowest) =
            self.rising.map_or((now, fits), |(since, low)| (since, low.min(fits)));
        self.rising = Some((since, lowest));
        if now.since(since) >= PATIENCE {
            self.layer = lowest;
            self.rising = (fits > lowest).then_some((now, fits));
        }
        self.layer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_right_layer_fits_with_its_headers_and_sound() {
        assert_eq!(right_layer(5_000_000.0), Some(2));
        assert_eq!(right_layer(1_647_000.0), Some(2), "1.066 × 1500 + 48");
        assert_eq!(right_layer(1_646_000.0), Some(1));
        assert_eq!(right_layer(900_000.0), Some(1));
        assert_eq!(right_layer(300_000.0), Some(0));
        assert_eq!(right_layer(200_000.0), None);
    }

    #[test]
    fn layers_go_down_at_once_and_up_after_half_a_second() {
        let ms = SimTime::milliseconds;
        let mut choice = Choice::default();
        assert_eq!(choice.at(ms(0), 2e6, 2), 0);
        assert_eq!(choice.at(ms(499), 2e6, 2), 0);
        assert_eq!(choice.at(ms(500), 2e6, 2), 2);
        assert_eq!(choice.at(ms(501), 6e5, 2), 1);
        assert_eq!(choice.at(ms(600), 2e6, 2), 1);
        assert_eq!(choice.at(ms(900), 6e5, 2), 1, "a break: the time begins anew");
        assert_eq!(choice.at(ms(1_000), 2e6, 2), 1);
        assert_eq!(choice.at(ms(1_200), 2e6, 0), 0, "no more is wanted");
    }
}
