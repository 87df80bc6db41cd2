//! Messages that say little, and those that say too much.

use sfu::publication::hindrance::Shortage;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_message_above_the_bound_closes_the_socket() {
    let (server, _thread) = start().await;
    let mut sam = Client::open(server.address()).await;
    let fits = format!(r#"{{"op":"{}"}}"#, "x".repeat(socket::MESSAGE_BYTES_MAX - 9));
    assert_eq!(fits.len(), socket::MESSAGE_BYTES_MAX);
    sam.send_text(&fits).await;
    assert_eq!(sam.next().await["code"], "unknown_op");
    sam.send_raw(Message::text(fits + " ")).await;
    let (last, code) = sam.until_closed().await;
    assert_eq!((last[0]["code"].as_str(), code), (Some("too_large"), 1009));
}

#[tokio::test(start_paused = true)]
async fn what_limits_a_track_reaches_the_media_plane_once() {
    let (server, mut thread) = start().await;
    let (mut sam, _) = Client::join(server.address(), "c", "Sam").await;
    let limited = |mid: &str, by: Option<&str>| json!({ "op": "limited", "mid": mid, "by": by });
    assert_eq!(sam.ask(&limited("1", Some("cpu"))).await["code"], "bad_limit", "nothing is sent");
    connect(&mut sam, &mut thread, CALL).await;
    // A slot is no track.
    assert_eq!(sam.ask(&limited("7", Some("cpu"))).await["code"], "bad_limit");
    assert_eq!(sam.ask(&limited("1", Some("weather"))).await["code"], "bad_json");
    for by in [None, Some("bandwidth"), Some("bandwidth"), Some("cpu"), None, None] {
        sam.send(&limited("1", by)).await;
    }
    for expected in [Some(Shortage::Upload), Some(Shortage::Device), None] {
        let command = thread.carry_out().await;
        let Command::Hinder { shortage, .. } = command else { panic!("{command:?}") };
        assert_eq!(shortage, expected);
    }
    // Nothing else was told: what comes next is what is asked next.
    sam.send(&json!({ "op": "prefer", "mode": "automatic" })).await;
    assert!(matches!(thread.carry_out().await, Command::Prefer { .. }));
}
