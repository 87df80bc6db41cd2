//! The layers of one want in the order in which they are climbed.

use smallvec::SmallVec;

use super::target::Reason;
use super::want::{Choice, Kind, Want};
use crate::layer::{Layer, LayerId};
use crate::units::Bitrate;

/// A layer that a want may get.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Rung {
    pub(super) layer: LayerId,
    /// What this layer costs; never less than the rung below.
    pub(super) cost: Bitrate,
}

/// The rungs of one want, lowest first.
///
/// A camera climbs the frame rates of its smallest picture, then larger pictures at their full frame rate. A screen climbs to
/// its largest picture at the lowest frame rate, then that picture's frame rates. Both orders are the order of layer ids.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Ladder {
    rungs: SmallVec<[Rung; RUNGS]>,
    /// Where it would end without [`Self::cut`].
    pub(super) top: Option<LayerId>,
    /// Why it ends below what there is and could be seen.
    pub(super) cut: Option<Reason>,
}

/// Three encodings of a camera with three temporal layers make five rungs: more is possible, and rare.
const RUNGS: usize = 5;

impl Ladder {
    /// The ladder of `want` over `layers`: active ones alone, none above the lowest that fills its height and its frame rate.
    pub(super) fn new(want: &Want, layers: &[Layer]) -> Self {
        if want.height == 0 || want.choice == Choice::Paused {
            return Self::default();
        }
        let mut active: SmallVec<[Layer; 9]> =
            layers.iter().copied().filter(|layer| layer.active).collect();
        active.sort_unstable_by_key(|layer| {
            (layer.id, layer.bitrate, layer.height, layer.frame_rate)
        });
        active.dedup_by_key(|layer| layer.id);
        let lowest = active.first().map_or(0, |layer| layer.id.spatial);
        let enough = active.iter().find(|layer| layer.height >= want.height);
        let highest = enough.or_else(|| active.last()).map_or(0, |layer| layer.id.spatial);
        let mut ladder = Self::default();
        for pictures in active.chunk_by(|one, other| one.id.spatial == other.id.spatial) {
            let spatial = pictures.first().map_or(0, |layer| layer.id.spatial);
            if spatial <= highest {
                ladder.climb(
                    want,
                    fast_enough(want, pictures),
                    spatial == lowest,
                    spatial == highest,
                );
            }
        }
        ladder.top = ladder.layer(ladder.height());
        if want.choice == Choice::Lowest {
            ladder.truncate(1, Reason::Chosen);
        }
        ladder
    }

    /// Adds the temporal layers of one spatial layer, as far as they are rungs.
    fn climb(&mut self, want: &Want, pictures: &[Layer], lowest: bool, highest: bool) {
        let rungs = match want.kind {
            Kind::Camera if lowest => pictures,
            Kind::Camera => pictures.last().map_or(&[][..], std::slice::from_ref),
            Kind::Screen if highest => pictures,
            Kind::Screen => pictures.first().map_or(&[][..], std::slice::from_ref),
        };
        for layer in rungs {
            let below = self.rungs.last().map_or(Bitrate::ZERO, |rung| rung.cost);
            self.rungs.push(Rung { layer: layer.id, cost: layer.bitrate.max(below) });
        }
    }

    /// Takes away all rungs but the lowest `most`.
    pub(super) fn truncate(&mut self, most: usize, why: Reason) {
        if most < self.rungs.len() {
            self.rungs.truncate(most);
            self.cut = Some(why);
        }
    }

    /// How many rungs there are: the level of a want that gets all.
    pub(super) fn height(&self) -> usize {
        self.rungs.len()
    }

    /// The layer at `level`; none at level 0.
    pub(super) fn layer(&self, level: usize) -> Option<LayerId> {
        self.rungs.get(level.checked_sub(1)?).map(|rung| rung.layer)
    }

    /// What `level` costs; nothing at level 0.
    pub(super) fn cost(&self, level: usize) -> Bitrate {
        let rung = level.checked_sub(1).and_then(|rung| self.rungs.get(rung));
        rung.map_or(Bitrate::ZERO, |rung| rung.cost)
    }

    /// What the step from below to `level` costs.
    pub(super) fn step(&self, level: usize) -> Bitrate {
        self.cost(level) - self.cost(level.saturating_sub(1))
    }

    /// The level of a want that got `layer` before: the highest rung that is not above it.
    pub(super) fn level(&self, layer: LayerId) -> usize {
        self.rungs.iter().take_while(|rung| rung.layer <= layer).count()
    }
}

/// Of the temporal layers of one spatial layer: up to the lowest that has the preferred frame rate.
fn fast_enough<'a>(want: &Want, pictures: &'a [Layer]) -> &'a [Layer] {
    let enough = pictures
        .iter()
        .position(|layer| want.frame_rate > 0 && layer.frame_rate >= want.frame_rate);
    enough.and_then(|place| pictures.get(..=place)).unwrap_or(pictures)
}

#[cfg(test)]
mod tests {
    use super::super::want::{Class, WantId};
    use super::*;

    fn want(kind: Kind) -> Want {
        let (id, class, choice) = (WantId(0), Class::Visible, Choice::Automatic);
        Want { id, kind, class, height: 1080, size: 1, frame_rate: 0, choice }
    }

    fn layers() -> Vec<Layer> {
        let mut layers = Vec::new();
        for (spatial, height, kbps) in [(0, 180, 100), (1, 360, 300), (2, 720, 900)] {
            for (temporal, frame_rate) in [(0, 8), (1, 15), (2, 30)] {
                layers.push(Layer {
                    id: LayerId { spatial, temporal },
                    height,
                    frame_rate,
                    bitrate: Bitrate::kbps(kbps + 25 * u64::from(temporal)),
                    active: true,
                });
            }
        }
        layers
    }

    fn ids(want: &Want, layers: &[Layer]) -> Vec<(u8, u8)> {
        let ladder = Ladder::new(want, layers);
        ladder.rungs.iter().map(|rung| (rung.layer.spatial, rung.layer.temporal)).collect()
    }

    #[test]
    fn a_camera_gives_up_resolution_first_and_frame_rate_before_the_picture() {
        assert_eq!(ids(&want(Kind::Camera), &layers()), [(0, 0), (0, 1), (0, 2), (1, 2), (2, 2)]);
    }

    #[test]
    fn a_screen_gives_up_frame_rate_first_and_resolution_last() {
        assert_eq!(ids(&want(Kind::Screen), &layers()), [(0, 0), (1, 0), (2, 0), (2, 1), (2, 2)]);
    }

    #[test]
    fn nothing_is_above_the_lowest_layer_that_fills_the_view() {
        for (height, top) in [(1, 0), (180, 0), (181, 1), (360, 1), (361, 2), (2_000, 2)] {
            let want = Want { height, ..want(Kind::Camera) };
            assert_eq!(ids(&want, &layers()).last(), Some(&(top, 2)), "{height}");
        }
        let slow = Want { frame_rate: 10, ..want(Kind::Camera) };
        assert_eq!(ids(&slow, &layers()), [(0, 0), (0, 1), (1, 1), (2, 1)]);
    }

    #[test]
    fn silent_layers_are_no_rungs_and_unknown_heights_do_not_limit() {
        let mut silent = layers();
        silent
            .iter_mut()
            .filter(|layer| layer.id.spatial == 0)
            .for_each(|layer| layer.active = false);
        assert_eq!(ids(&want(Kind::Camera), &silent), [(1, 0), (1, 1), (1, 2), (2, 2)]);
        let mut unknown = layers();
        unknown.iter_mut().for_each(|layer| layer.height = 0);
        let small = Want { height: 100, ..want(Kind::Camera) };
        assert_eq!(ids(&small, &unknown).last(), Some(&(2, 2)));
    }

    #[test]
    fn costs_never_fall_on_the_way_up() {
        let mut odd = layers();
        odd.iter_mut()
            .filter(|layer| layer.id.spatial == 1)
            .for_each(|layer| layer.bitrate = Bitrate::ZERO);
        let ladder = Ladder::new(&want(Kind::Camera), &odd);
        assert_eq!(ladder.cost(4), ladder.cost(3));
        assert_eq!(ladder.step(4), Bitrate::ZERO);
        assert_eq!(ladder.cost(0), Bitrate::ZERO);
    }
}
