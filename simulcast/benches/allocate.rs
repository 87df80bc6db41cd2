//! How long one decision takes: 1,000 wants of nine layers each, first and repeated. The bound is 1 ms.

use std::hint::black_box;
use std::time::{Duration, Instant};

use simulcast::allocator::{Budget, Choice, Class, Kind, Targets, Want, WantId, allocate};
use simulcast::{Bitrate, Layer, LayerId};

const WANTS: u32 = 1_000;
const ROUNDS: u32 = 200;

#[expect(clippy::disallowed_methods, reason = "a benchmark is there to read the clock")]
fn now() -> Instant {
    Instant::now()
}

fn layers() -> Vec<Layer> {
    let mut layers = Vec::new();
    for (spatial, height, kbps) in [(0, 180, 100), (1, 360, 400), (2, 720, 1_300)] {
        for (temporal, frame_rate) in [(0, 8), (1, 15), (2, 30)] {
            layers.push(Layer {
                id: LayerId { spatial, temporal },
                height,
                frame_rate,
                bitrate: Bitrate::kbps(kbps + 50 * u64::from(temporal)),
                active: true,
            });
        }
    }
    layers
}

#[expect(clippy::print_stdout, reason = "a benchmark prints its result")]
fn main() {
    let layers = layers();
    let classes = [Class::Thumbnail, Class::Visible, Class::Speaker, Class::Pinned];
    let wants: Vec<Want> = (0..WANTS)
        .zip(classes.into_iter().cycle())
        .map(|(id, class)| Want {
            id: WantId(id),
            kind: if id % 7 == 0 { Kind::Screen } else { Kind::Camera },
            class,
            height: 720,
            size: id % 50,
            frame_rate: 0,
            choice: Choice::Automatic,
        })
        .collect();
    let ladders = vec![layers.as_slice(); wants.len()];
    let measure = |name: &str, budget: Budget, previous: &Targets, at: Instant| {
        // The fastest round: the others share the machine.
        let rounds = (0..ROUNDS).map(|_| {
            let start = now();
            drop(black_box(allocate(at, budget, &wants, &ladders, black_box(previous))));
            now().duration_since(start)
        });
        let each = rounds.min().unwrap_or_default();
        println!("{WANTS} wants of 9 layers, {name}: {} µs (bound: 1000)", each.as_micros());
    };
    let at = now();
    let plenty = Budget::estimated(Bitrate::kbps(700_000));
    let half = Budget::estimated(Bitrate::kbps(350_000));
    measure("first", plenty, &Targets::default(), at);
    let first = allocate(at, plenty, &wants, &ladders, &Targets::default());
    measure("nothing changes", plenty, &first, at + Duration::from_millis(100));
    measure("half is taken back", half, &first, at + Duration::from_millis(100));
    let less = allocate(at, half, &wants, &ladders, &first);
    let rich = allocate(at + Duration::from_secs(8), plenty, &wants, &ladders, &less);
    measure("half comes back", plenty, &rich, at + Duration::from_secs(11));
}
