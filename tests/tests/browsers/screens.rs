//! Shared screens.

use super::player::play;

#[test]
fn a_shared_screen_comes_beside_the_camera_and_goes() {
    play("screen-share");
}
