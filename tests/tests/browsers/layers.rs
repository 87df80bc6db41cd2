//! The size of a tile decides which layer is received.

use super::player::play;

#[test]
fn a_smaller_tile_gets_a_smaller_layer_and_a_larger_one_a_larger() {
    play("tile-size");
}
