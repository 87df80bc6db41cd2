//! What each layer of one encoding costs, and whether it arrives.

use std::time::{Duration, Instant};

use simulcast::codec::PacketInfo;
use simulcast::frames::{Frames, Place};
use simulcast::layer::{SPATIAL_MAX, TEMPORAL_MAX};
use simulcast::{Layer, LayerId, LayerSet};

use super::frame_rate::FrameRate;
use super::rate::PeakRate;

/// The layers of one encoding, each measured with all it depends on.
#[derive(Debug)]
pub(super) struct Layers {
    /// By [`place`].
    measured: [Option<Measured>; LAYERS],
}

#[derive(Clone, Copy, Debug)]
struct Measured {
    rate: PeakRate,
    /// Of the frames that its receivers get of its spatial layer.
    frames: FrameRate,
    /// When a frame of the layer itself came last, or the stream said that it has it.
    last: Instant,
    /// How many pictures of the stream have begun since.
    pictures: u8,
}

const LAYERS: usize = SPATIAL_MAX as usize * TEMPORAL_MAX as usize;

/// The temporal id under which the highest temporal layer is offered, whatever its own: one that is found later, since its
/// first frame comes later, is then no step up.
pub const TEMPORAL_ALL: u8 = TEMPORAL_MAX - 1;

impl Layers {
    pub(super) const fn new() -> Self {
        Self { measured: [const { None }; LAYERS] }
    }

    /// Takes a packet in; `place` by the layers of its own encoding.
    pub(super) fn packet(
        &mut self,
        arrival: Instant,
        info: &PacketInfo,
        place: &Place,
        offered: LayerSet,
        bytes: usize,
    ) {
        if place.number.is_none() {
            return;
        }
        for layer in offered.layers() {
            let Some(slot) = self.measured.get_mut(index(layer)) else { continue };
            let is_own = layer == info.layer;
            let measured = slot.get_or_insert_with(|| Measured {
                rate: PeakRate::new(arrival),
                frames: FrameRate::new(arrival),
                last: arrival,
                pictures: 0,
            });
            if is_own {
                (measured.last, measured.pictures) = (arrival, 0);
            } else if info.starts_frame && info.layer.spatial == 0 {
                measured.pictures = measured.pictures.saturating_add(1);
            }
            if place.within.contains(layer) {
                measured.rate.add(arrival, bytes);
                if info.starts_frame && info.layer.spatial == layer.spatial {
                    measured.frames.add(arrival);
                }
            }
        }
    }

    /// The layers that `frames` has and that have arrived of late; none where it does not tell its layers.
    pub(super) fn all(&self, now: Instant, frames: &Frames) -> impl Iterator<Item = Layer> {
        let offered = frames.offered();
        offered.layers().filter_map(move |id| {
            let measured = self.measured.get(index(id))?.as_ref()?;
            let is_late = measured.pictures >= SILENT_PICTURES
                && now.saturating_duration_since(measured.last) >= SILENT;
            Some(Layer {
                id: LayerId { temporal: offered_as(offered, id), ..id },
                height: frames.height(id.spatial),
                frame_rate: measured.frames.rate(),
                bitrate: measured.rate.peak(now),
                active: !is_late,
            })
        })
    }
}

/// Under which temporal id a layer is offered.
fn offered_as(offered: LayerSet, layer: LayerId) -> u8 {
    let above = |other: LayerId| other.spatial == layer.spatial && other.temporal > layer.temporal;
    if offered.layers().any(above) { layer.temporal } else { TEMPORAL_ALL }
}

const fn index(layer: LayerId) -> usize {
    layer.spatial as usize * TEMPORAL_MAX as usize + layer.temporal as usize
}

/// A layer of which no frame came for so long, and in [`SILENT_PICTURES`], is not sent, though others of its stream are.
const SILENT: Duration = Duration::from_millis(1_500);

/// Twice the longest pattern of temporal layers that browsers send, which takes four pictures: a screen that stands still shows one
/// a second, so that by time alone each layer but the lowest would fall silent between two of its frames, and a change of slide be held
/// back in it.
const SILENT_PICTURES: u8 = 8;
