//! Everybody decodes everybody's picture and hears them, soon; and for twenty seconds, without a freeze.

use super::player::{play, play_without_udp};

#[test]
fn two_chromium() {
    play("two-chromium");
}

#[test]
fn firefox_meets_firefox() {
    play("firefox-meets");
}

#[test]
#[ignore = "long: twenty seconds of several encoders need two idle cores"]
fn two_firefox() {
    play("two-firefox");
}

#[test]
#[ignore = "long: twenty seconds of several encoders need two idle cores"]
fn chromium_and_firefox() {
    play("chromium-firefox");
}

#[test]
#[ignore = "long: twenty seconds of several encoders need two idle cores"]
fn four_chromium() {
    play("four-chromium");
}

#[test]
fn two_chromium_with_h264() {
    play("codec-h264");
}

#[test]
#[ignore = "long: twenty seconds of several encoders need two idle cores"]
fn two_chromium_with_vp9() {
    play("codec-vp9");
}

#[test]
#[ignore = "long: twenty seconds of several encoders need two idle cores"]
fn two_chromium_with_av1() {
    play("codec-av1");
}

#[test]
fn two_chromium_over_tcp() {
    play_without_udp("tcp-only");
}

#[test]
fn two_who_talk_in_a_storm() {
    play("storm");
}
