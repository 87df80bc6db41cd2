//! Which layer of a publication flows to one receiver, packet by packet.
//!
//! ```text
//!            set_target(a)             keyframe of a               set_target(b)
//!   Paused ───────────────► Waiting a ───────────────► Flowing a ───────────────► Switching a, b
//!                                                          ▲                            │
//!                                                          └── b ◄── keyframe of b ─────┤
//!                                                          └── a ◄── set_target(a) ─────┘
//! ```
//!
//! From everywhere `set_target(None)` leads to `Paused`, and another target replaces the one waited for.

use crate::layer::LayerId;

/// What flows, and what is waited for.
///
/// A layer is one simulcast encoding, known by its spatial id; all its temporal layers are forwarded. A stream with
/// several spatial layers in one encoding (SVC) is one layer here and forwarded whole.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Selector {
    /// Nothing is wanted.
    #[default]
    Paused,
    /// Nothing flows until a keyframe of `next`.
    Waiting {
        /// The layer wanted.
        next: LayerId,
    },
    /// What is wanted flows.
    Flowing {
        /// The layer that flows.
        current: LayerId,
    },
    /// `current` flows on, until a keyframe of `next`.
    Switching {
        /// The layer that flows.
        current: LayerId,
        /// The layer wanted.
        next: LayerId,
    },
}

/// What to do with a packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub enum Verdict {
    /// It continues what flows.
    Forward,
    /// It is the first of another layer, or of the first layer: the rewriter joins it to what went before.
    ForwardAsSwitch,
    /// The receiver does not get it.
    Drop(DropReason),
}

/// Why a receiver does not get a packet of a publication that it subscribes to.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum DropReason {
    /// Nothing is wanted.
    Paused,
    /// It is of the layer wanted, which cannot be joined in the middle.
    NotAKeyframe,
    /// It is of a layer that is not wanted.
    OtherLayer,
}

impl Selector {
    /// Wants `target` from here on; `None` for nothing.
    ///
    /// What flows goes on until a keyframe of `target`, and goes on as before if `target` is what flows. While switching, the
    /// target may be changed at any time: for one whose keyframe never comes, because its encoding fell silent, the
    /// caller sets another.
    pub const fn set_target(&mut self, target: Option<LayerId>) {
        *self = match (*self, target) {
            (_, None) => Self::Paused,
            (Self::Paused | Self::Waiting { .. }, Some(next)) => Self::Waiting { next },
            (Self::Flowing { current } | Self::Switching { current, .. }, Some(next)) => {
                if same(current, next) {
                    Self::Flowing { current: next }
                } else {
                    Self::Switching { current, next }
                }
            }
        };
    }

    /// Decides on a packet of the encoding `layer`; `starts_keyframe` as its payload says
    /// ([`PacketInfo`](crate::codec::PacketInfo)).
    pub const fn packet(&mut self, layer: LayerId, starts_keyframe: bool) -> Verdict {
        match *self {
            Self::Paused => Verdict::Drop(DropReason::Paused),
            Self::Waiting { next } | Self::Switching { next, .. } if same(layer, next) => {
                if starts_keyframe {
                    *self = Self::Flowing { current: next };
                    Verdict::ForwardAsSwitch
                } else {
                    Verdict::Drop(DropReason::NotAKeyframe)
                }
            }
            Self::Flowing { current } | Self::Switching { current, .. } if same(layer, current) => {
                Verdict::Forward
            }
            Self::Waiting { .. } | Self::Flowing { .. } | Self::Switching { .. } => {
                Verdict::Drop(DropReason::OtherLayer)
            }
        }
    }

    /// The layer of which a keyframe must be asked for, if any.
    #[must_use]
    pub const fn wants_keyframe(&self) -> Option<LayerId> {
        match *self {
            Self::Waiting { next } | Self::Switching { next, .. } => Some(next),
            Self::Paused | Self::Flowing { .. } => None,
        }
    }

    /// The layer that flows, if any.
    #[must_use]
    pub const fn current(&self) -> Option<LayerId> {
        match *self {
            Self::Flowing { current } | Self::Switching { current, .. } => Some(current),
            Self::Paused | Self::Waiting { .. } => None,
        }
    }

    /// The layer wanted last, if any: what flows, or what is waited for.
    #[must_use]
    pub const fn target(&self) -> Option<LayerId> {
        match *self {
            Self::Flowing { current: layer }
            | Self::Waiting { next: layer }
            | Self::Switching { next: layer, .. } => Some(layer),
            Self::Paused => None,
        }
    }
}

/// Whether both are of one encoding.
const fn same(one: LayerId, other: LayerId) -> bool {
    one.spatial == other.spatial
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LOW: LayerId = LayerId::spatial(0);
    const HIGH: LayerId = LayerId::spatial(2);

    #[test]
    fn the_old_layer_flows_until_a_keyframe_of_the_other() {
        let mut selector = Selector::default();
        assert_eq!(selector.packet(LOW, true), Verdict::Drop(DropReason::Paused));
        selector.set_target(Some(LOW));
        assert_eq!(selector.wants_keyframe(), Some(LOW));
        assert_eq!(selector.packet(LOW, false), Verdict::Drop(DropReason::NotAKeyframe));
        assert_eq!(selector.packet(HIGH, true), Verdict::Drop(DropReason::OtherLayer));
        assert_eq!(selector.packet(LOW, true), Verdict::ForwardAsSwitch);
        selector.set_target(Some(HIGH));
        assert_eq!(selector.packet(LOW, false), Verdict::Forward);
        assert_eq!(selector.packet(HIGH, false), Verdict::Drop(DropReason::NotAKeyframe));
        assert_eq!(selector.packet(HIGH, true), Verdict::ForwardAsSwitch);
        assert_eq!(selector.packet(LOW, true), Verdict::Drop(DropReason::OtherLayer));
        assert_eq!(selector.wants_keyframe(), None);
    }

    #[test]
    fn a_target_that_fell_silent_is_replaced_without_a_gap() {
        let mut selector = Selector::Switching { current: LOW, next: HIGH };
        selector.set_target(Some(LayerId::spatial(1)));
        assert_eq!(selector.packet(LOW, false), Verdict::Forward);
        selector.set_target(Some(LOW));
        assert_eq!(selector, Selector::Flowing { current: LOW });
        assert_eq!(selector.packet(LOW, false), Verdict::Forward);
    }

    #[test]
    fn a_temporal_layer_of_what_flows_is_no_switch() {
        let mut selector = Selector::Flowing { current: LOW };
        selector.set_target(Some(LayerId { spatial: 0, temporal: 2 }));
        assert_eq!(selector.wants_keyframe(), None);
        assert_eq!(selector.packet(LOW, false), Verdict::Forward);
    }

    #[derive(Clone, Copy, Debug)]
    enum Call {
        Target(Option<u8>),
        Packet(u8, bool),
    }

    fn any_call() -> impl Strategy<Value = Call> {
        prop_oneof![
            1 => proptest::option::of(0..4_u8).prop_map(Call::Target),
            4 => (0..4_u8, any::<bool>()).prop_map(|(layer, key)| Call::Packet(layer, key)),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5_000))]

        #[test]
        fn layers_change_only_at_a_keyframe_of_the_target_and_flow_on_until_then(
            calls in proptest::collection::vec(any_call(), 0..60)
        ) {
            let mut selector = Selector::default();
            // The model: what flows and what was asked for last.
            let (mut flows, mut target) = (None, None);
            for call in calls {
                match call {
                    Call::Target(to) => {
                        selector.set_target(to.map(LayerId::spatial));
                        target = to;
                        if to.is_none() {
                            flows = None;
                        }
                    }
                    Call::Packet(layer, key) => match selector.packet(LayerId::spatial(layer), key) {
                        Verdict::Forward => prop_assert_eq!(flows, Some(layer)),
                        Verdict::ForwardAsSwitch => {
                            prop_assert!(key && target == Some(layer) && flows != Some(layer));
                            flows = Some(layer);
                        }
                        Verdict::Drop(reason) => {
                            prop_assert!(flows != Some(layer), "what flows was cut");
                            prop_assert!(!(key && target == Some(layer)), "a keyframe was missed");
                            prop_assert_eq!(reason == DropReason::Paused, target.is_none());
                            prop_assert_eq!(reason == DropReason::NotAKeyframe, target == Some(layer));
                        }
                    },
                }
                prop_assert_eq!(selector.current(), flows.map(LayerId::spatial));
                prop_assert_eq!(selector.target(), target.map(LayerId::spatial));
                let missing = if flows == target { None } else { target };
                prop_assert_eq!(selector.wants_keyframe(), missing.map(LayerId::spatial));
            }
        }
    }
}
