//! Who gets which layer, over any wants, layers and budgets.

use std::time::{Duration, Instant};

use simulcast::allocator::{Budget, Choice, Class, Kind, Target, Targets, Want, WantId, allocate};
use simulcast::{Bitrate, Layer, LayerId};

use super::supply::Supply;
use crate::clock::Clock;

/// A receiver of 25 pictures is the largest there is.
const WANTS_MAX: u8 = 25;

/// More decisions in a row tell nothing new.
const DECISIONS_MAX: u32 = 32;

/// Decides again and again. The budget holds, each target is a layer that its publication sends and its receiver wants, costs are
/// those of the layers, nobody who sees nothing gets something, and the order of wants does not matter.
///
/// # Panics
/// Where that is not so.
pub fn check_allocator(data: &[u8]) {
    let mut supply = Supply::new(data);
    let mut now = Clock::new().instant(tools::simnet::time::SimTime::ZERO);
    let mut previous = Targets::default();
    let mut wishes = Vec::new();
    for _ in 0..DECISIONS_MAX {
        if !supply.has_more() {
            break;
        }
        let change = supply.byte();
        if change & 1 == 1 {
            wishes = (0..supply.byte() % (WANTS_MAX + 1)).map(|id| wish(id, &mut supply)).collect();
        }
        now += Duration::from_millis(u64::from(change) * 8);
        let budget = Bitrate::bps(u64::from(supply.word()));
        previous = check_decision(now, budget, &wishes, &previous);
    }
}

struct Wish {
    want: Want,
    layers: Vec<Layer>,
}

fn wish(id: u8, supply: &mut Supply<'_>) -> Wish {
    let flags = supply.byte();
    let want = Want {
        id: WantId(id.into()),
        kind: if flags & 1 == 0 { Kind::Camera } else { Kind::Screen },
        class: match flags >> 1 & 3 {
            0 => Class::Thumbnail,
            1 => Class::Visible,
            2 => Class::Speaker,
            _ => Class::Pinned,
        },
        height: if flags & 8 == 0 { 0 } else { supply.short() },
        size: supply.word(),
        frame_rate: if flags & 16 == 0 { 0 } else { supply.byte() },
        choice: match flags >> 5 & 3 {
            0 => Choice::Lowest,
            1 => Choice::Paused,
            _ => Choice::Automatic,
        },
    };
    let layers = (0..supply.byte() % 10).map(|_| layer(supply)).collect();
    Wish { want, layers }
}

fn layer(supply: &mut Supply<'_>) -> Layer {
    let place = supply.byte();
    Layer {
        id: LayerId { spatial: place & 7, temporal: place >> 3 & 7 },
        height: supply.short(),
        frame_rate: supply.byte(),
        bitrate: Bitrate::bps(supply.word().into()),
        active: place & 0x80 == 0,
    }
}

fn decide(now: Instant, budget: Bitrate, wishes: &[&Wish], previous: &Targets) -> Targets {
    let wants: Vec<Want> = wishes.iter().map(|wish| wish.want).collect();
    let layers: Vec<&[Layer]> = wishes.iter().map(|wish| wish.layers.as_slice()).collect();
    allocate(now, Budget::estimated(budget), &wants, &layers, previous)
}

fn check_decision(now: Instant, budget: Bitrate, wishes: &[Wish], previous: &Targets) -> Targets {
    let forward: Vec<&Wish> = wishes.iter().collect();
    let targets = decide(now, budget, &forward, previous);
    assert!(targets.total <= budget, "{:?} above {budget:?}", targets.total);
    let sum: u64 = targets.targets.iter().map(|target| target.cost.as_bps()).sum();
    assert_eq!(targets.total.as_bps(), sum);
    assert_eq!(targets.targets.len(), wishes.len());
    for (wish, target) in wishes.iter().zip(&targets.targets) {
        check_target(wish, target);
    }
    let backward: Vec<&Wish> = wishes.iter().rev().collect();
    let mut turned = decide(now, budget, &backward, previous);
    turned.targets.reverse();
    assert_eq!(turned, targets);
    assert_eq!(decide(now, budget, &forward, &targets), targets, "no fixpoint");
    targets
}

fn check_target(Wish { want, layers }: &Wish, target: &Target) {
    assert_eq!(target.id, want.id);
    let Some(id) = target.layer else {
        assert_eq!(target.cost, Bitrate::ZERO);
        return;
    };
    assert!(want.height > 0 && want.choice != Choice::Paused, "nobody sees it");
    let active = || layers.iter().filter(|layer| layer.active);
    assert!(active().any(|layer| layer.id == id), "a layer that is not sent");
    // Of a layer that is listed twice either cost counts.
    let cheapest = active().filter(|layer| layer.id == id).map(|layer| layer.bitrate).min();
    assert!(cheapest.is_some_and(|cheapest| target.cost >= cheapest));
    if want.choice == Choice::Lowest {
        let lowest = active().map(|layer| layer.id.spatial).min();
        assert_eq!(Some(id.spatial), lowest);
    }
}
