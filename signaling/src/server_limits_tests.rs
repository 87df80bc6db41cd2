//! What an operator limits, reached.

use super::*;
use crate::client::get;
use crate::token::grant::GrantLimits;

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

/// How often a limit was reached, as metrics say.
async fn reached(server: &Server, limit: &str) -> String {
    let (_, _, metrics) = get(server.address(), "/metrics").await;
    let name = format!("confab_limits_reached_total{{limit=\"{limit}\"}} ");
    metrics.lines().find_map(|line| line.strip_prefix(&name)).unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn each_limit_that_is_reached_is_told_and_counted() {
    let limits = Limits {
        participants: 2,
        channel: 1,
        sockets: 4,
        pictures: 0,
        each: GrantLimits { publications: Some(1), ..GrantLimits::default() },
        joins: 4,
        messages: 9,
        ..Limits::default()
    };
    let (server, _thread) = start_with(limits).await;
    let join = |channel: &str| json!({ "op": "join", "channel": channel, "name": "Sam" });
    let mut clients = Vec::new();
    for _ in 0..4 {
        clients.push(Client::open(server.address()).await);
    }
    let [sam, mira, jonas, late] = clients.as_mut_slice() else { panic!("four") };
    assert_eq!(sam.ask(&join("c")).await["op"], "welcome");
    assert_eq!(mira.ask(&join("c")).await["code"], "channel_full");
    assert_eq!(mira.ask(&join("d")).await["op"], "welcome");
    assert_eq!(jonas.ask(&join("e")).await["code"], "server_full");
    let fifth = late.ask(&join("f")).await;
    assert_eq!((&fifth["code"], &fifth["fault"]), (&json!("too_many_joins"), &json!("peer")));
    assert_eq!(sam.ask(&offer(1, CALL)).await["code"], "tracks_full");
    sam.send(&json!({ "op": "voice", "muted": true, "deafened": false, "camera": true, "screen": false })).await;
    assert_eq!(sam.next().await["op"], "changed");
    assert_eq!(sam.next().await["code"], "pictures_full");
    let headers = [
        ("connection", "upgrade, close"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    assert_eq!(request(server.address(), "GET", "/v1/socket", &headers).await.0, 503);
    // Seven messages came; two more may, from whomever at this address.
    for client in [&mut *jonas, late] {
        assert_eq!(client.ask(&json!({ "op": "fly" })).await["code"], "unknown_op");
    }
    jonas.send(&json!({ "op": "fly" })).await;
    let (last, code) = jonas.until_closed().await;
    assert_eq!((&last[0]["code"], code), (&json!("too_many"), 4008));
    for (limit, times) in [
        ("participants", "1"),
        ("channel", "1"),
        ("pictures", "1"),
        ("tracks", "1"),
        ("sockets", "1"),
        ("joins", "1"),
        ("messages", "1"),
    ] {
        assert_eq!(reached(&server, limit).await, times, "{limit}");
    }
    // A second later they may again, and only the server is still full.
    advance(Duration::from_secs(1)).await;
    assert_eq!(late.ask(&join("f")).await["code"], "server_full");
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
