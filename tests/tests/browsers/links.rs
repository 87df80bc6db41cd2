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
#[ignore = "long: a minute"]
fn a_link_between_two_sizes_has_the_smaller_one() {
    play("link-steady");
}

#[test]
#[ignore = "long: half a minute"]
fn losses_of_a_twentieth_leave_the_picture_moving() {
    play("link-loss");
}

#[test]
fn losses_in_bursts_leave_the_picture_moving() {
    play("link-bursts");
}

#[test]
fn a_tile_that_grows_shrinks_and_hides_is_followed() {
    play("link-tile");
}

#[test]
#[ignore = "long: half a minute"]
fn jitter_takes_nothing_from_the_picture() {
    play("link-jitter");
}

#[test]
#[ignore = "long: half a minute"]
fn after_two_dark_seconds_the_picture_is_back_within_one() {
    play("link-blackout");
}

#[test]
#[ignore = "long: half a minute"]
fn feedback_that_comes_badly_takes_no_more_than_one_size() {
    play("link-feedback");
}

#[test]
#[ignore = "long: half a minute"]
fn a_shared_screen_keeps_its_size_on_a_narrow_link() {
    play("link-screen");
}
