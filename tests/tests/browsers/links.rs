//! What a browser sees behind a link of stated rate, delay and loss (`tests/browser/links`), in the call of one who sends 720p.

use super::player::play;

#[test]
fn a_wide_link_gives_the_best_picture_soon_and_without_a_fault() {
    play("link-unlimited");
}

#[test]
fn a_drop_to_a_fifth_and_back_is_followed_without_a_freeze() {
    play("link-drop");
}

#[test]
fn losses_in_bursts_leave_the_picture_moving() {
    play("link-bursts");
}

#[test]
fn a_tile_that_grows_shrinks_and_hides_is_followed() {
    play("link-tile");
}
