//! Reloads, leaving and returning, and a server that was restarted.

use super::player::play;

#[test]
fn a_reload_and_a_return_leave_no_ghost() {
    play("reload");
}

#[test]
fn pages_come_back_by_themselves_after_the_server_was_restarted() {
    play("server-restart");
}
