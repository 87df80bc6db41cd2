//! What an operator limits, reached.

use super::*;
use crate::client::get;

#[tokio::test(start_paused = true)]
async fn a_camera_more_than_the_channel_may_have_stays_off_and_the_rest_holds() {
    let (server, _thread) = start_with(Limits { pictures: 1, ..Limits::default() }).await;
    let voice = |camera: bool, screen: bool| json!({ "op": "voice", "muted": false, "deafened": false, "camera": camera, "screen": screen });
    let (mut sam, _) = Client::join(server.address(), "c", "Sam").await;
    assert_eq!(sam.ask(&voice(true, false)).await["op"], "changed");
    let (mut mira, _) = Client::join(server.address(), "c", "Mira").await;
    mira.send(&voice(false, true)).await;
    for _told_with_all_and_alone in 0..2 {
        let changed = mira.next().await;
        let shown = &changed["participant"];
        assert_eq!(
            (&shown["id"], &shown["muted"], &shown["screen"]),
            (&json!("p2"), &json!(false), &json!(false))
        );
    }
    let error = mira.next().await;
    assert_eq!((&error["code"], &error["fault"]), (&json!("pictures_full"), &json!("operator")));
    // Whoever has one on may go on, and one that goes off makes room.
    assert_eq!(sam.next().await["op"], "joined");
    assert_eq!(sam.next().await["op"], "changed");
    assert_eq!(sam.ask(&voice(false, false)).await["participant"]["camera"], false);
    assert_eq!(mira.next().await["participant"]["id"], "p1");
    assert_eq!(mira.ask(&voice(false, true)).await["participant"]["screen"], true);
}

#[tokio::test(start_paused = true)]
async fn metrics_have_an_address_of_their_own_where_one_is_named() {
    let (plane, _thread) = fake::plane(64);
    let any = "127.0.0.1:0".parse().unwrap();
    let config = Config { metrics: Some(any), ..Config::local() };
    let server = Server::start_on(config, plane, Draw::seeded(1)).await.unwrap();
    let (public, own) = (server.address(), server.metrics_address());
    assert_ne!(public, own);
    assert_eq!(get(own, "/metrics").await.0, 200);
    assert_eq!(get(public, "/metrics").await.0, 404);
    assert_eq!((get(own, "/").await.0, get(own, "/v1/socket").await.0), (404, 404));
    server.stop().await;
    assert!(tokio::net::TcpStream::connect(own).await.is_err());
}
