//! What a browser sees behind a link of stated rate, delay and loss (`tests/browser/links`), in the call of one who sends 720p.

use super::player::{play, play_with};

#[test]
fn a_wide_link_gives_the_best_picture_soon_and_without_a_fault() {
    play("link-unlimited");
}

#[test]
fn a_drop_to_a_fifth_and_back_is_followed_without_a_freeze() {
    play("link-drop");
}

#[test]
fn a_link_too_narrow_for_pictures_pauses_them_says_so_and_carries_sound() {
    play("link-narrow");
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
#[ignore = "long: a minute"]
fn an_upload_that_is_narrow_is_named_to_whoever_watches() {
    play("link-upload");
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

#[test]
#[ignore = "long: half a minute"]
fn twenty_who_come_at_once_cost_the_publisher_three_keyframes() {
    play("link-crowd");
}

#[test]
#[ignore = "long: a minute"]
fn whoever_speaks_has_the_best_picture_of_six_soon() {
    play("link-speakers");
}

#[test]
#[ignore = "long: three minutes"]
fn a_drop_and_return_are_followed_in_layers_of_one_stream_and_by_firefox() {
    play_with("link-drop", &["VP9"]);
    play_with("link-drop", &["AV1"]);
    play_with("link-drop", &["VP8", "firefox"]);
}

#[test]
#[ignore = "long: three minutes"]
fn a_link_between_two_sizes_has_the_smaller_one_in_each_codec() {
    for codec in ["H264", "VP9", "AV1"] {
        play_with("link-steady", &[codec]);
    }
}

#[test]
#[ignore = "long: a minute"]
fn a_wide_link_gives_the_best_picture_soon_in_h264() {
    play_with("link-unlimited", &["H264"]);
}

#[test]
#[ignore = "long: two minutes"]
fn a_wide_link_gives_the_best_picture_soon_in_layers_of_one_stream() {
    play_with("link-unlimited", &["VP9"]);
    play_with("link-unlimited", &["AV1"]);
}

/// What is short of its aim; `tests/run` passes it over.
mod known {
    use crate::player::play_with;

    #[test]
    #[ignore = "known: in one of five runs 1.45 of a thousand parts of the sound were concealed, of 1"]
    fn a_wide_link_gives_firefox_the_best_picture_soon_and_whole_sound() {
        play_with("link-unlimited", &["VP8", "firefox"]);
    }
}
