//! What is served beside the socket, and how a server starts and stops.

use super::*;
use crate::client::get;

#[tokio::test(start_paused = true)]
async fn strangers_may_look_who_is_inside() {
    let (server, _thread) = start().await;
    let (_sam, _) = Client::join(server.address(), "Küche", "Sam").await;
    let (status, _, body) = get(server.address(), "/v1/channels/K%C3%BCche").await;
    assert_eq!(status, 200);
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body, json!({ "channel": "küche", "participants": [{ "name": "Sam" }] }));
    let (_, _, empty) = get(server.address(), "/v1/channels/attic").await;
    assert_eq!(serde_json::from_str::<Value>(&empty).unwrap()["participants"], json!([]));
    let (status, _, body) = get(server.address(), "/v1/channels/a%20b").await;
    assert_eq!(status, 400);
    assert!(body.contains("bad_channel"));
}

#[tokio::test(start_paused = true)]
async fn the_page_and_what_operators_look_at_are_served() {
    let (server, _thread) = start().await;
    let (_sam, _) = Client::join(server.address(), "c", "Sam").await;
    for path in ["/", "/c/kitchen-table"] {
        let (status, head, body) = get(server.address(), path).await;
        assert_eq!(status, 200);
        assert!(
            head.contains("content-type: text/html; charset=utf-8") && body.starts_with("<!"),
            "{path}"
        );
    }
    assert!([200, 204].contains(&get(server.address(), "/favicon.ico").await.0));
    assert_eq!(get(server.address(), "/healthz").await.2.trim(), "ok");
    let (_, head, metrics) = get(server.address(), "/metrics").await;
    assert!(head.contains("content-type: text/plain; version=0.0.4"));
    for line in [
        "# TYPE confab_sockets gauge",
        "confab_sockets 1",
        "confab_sessions 1",
        "confab_session_channels 1",
        "confab_datagrams_total{direction=\"sent\"} 0",
        "confab_subscriptions 0",
        "# TYPE confab_first_media_seconds histogram",
        "confab_first_media_seconds_bucket{kind=\"audio\",le=\"0.25\"} 0",
        "confab_first_media_seconds_sum{kind=\"video\"} 0.000000",
        "confab_estimate_bits_per_second_bucket{le=\"+Inf\"} 0",
        "confab_estimate_bits_per_second_count 0",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} in {metrics}");
    }
    let (status, _, body) = get(server.address(), "/nothing").await;
    assert_eq!((status, body.contains("not_found")), (404, true));
}

#[tokio::test(start_paused = true)]
async fn foreign_hosts_and_origins_get_a_typed_403_everywhere() {
    let (server, _thread) = start().await;
    let own = format!("http://{}", server.address());
    for path in ["/", "/v1/socket", "/v1/channels/c", "/metrics", "/nothing"] {
        for (headers, code) in [
            ([("host", "evil.example"), ("x", "y")], "foreign_host"),
            ([("host", "localhost"), ("origin", "http://evil.example")], "foreign_origin"),
            ([("host", "localhost"), ("origin", own.as_str())], "foreign_origin"),
        ] {
            let (status, _, body) = request(server.address(), "GET", path, &headers).await;
            assert_eq!(status, 403, "{path}");
            let body: Value = serde_json::from_str(&body).unwrap();
            assert_eq!(
                (body["code"].as_str(), body["fault"].as_str()),
                (Some(code), Some("peer")),
                "{path}"
            );
            assert!(!body["message"].as_str().unwrap().is_empty());
        }
    }
    assert_eq!(request(server.address(), "GET", "/", &[("origin", &own)]).await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn a_stopping_server_says_good_bye_and_ends() {
    let (server, _thread) = start().await;
    let address = server.address();
    let (sam, _) = Client::join(address, "c", "Sam").await;
    let idle = Client::open(address).await;
    let stopped = tokio::spawn(server.stop());
    for mut client in [sam, idle] {
        let (last, code) = client.until_closed().await;
        assert_eq!(
            (last[0]["op"].as_str(), last[0]["code"].as_str(), code),
            (Some("bye"), Some("shutdown"), 1001)
        );
    }
    stopped.await.unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_busy_port_is_named_with_its_flag() {
    let (server, _thread) = start().await;
    let (plane, _other) = fake::plane(1);
    let config = Config { http: server.address(), ..Config::local() };
    let error = Server::start_on(config, plane, Draw::seeded(1)).await.unwrap_err().to_string();
    let port = server.address().port();
    assert!(
        error.starts_with(&format!("TCP port {port} of 127.0.0.1 is in use"))
            && error.contains("--http"),
        "{error}"
    );
}

#[tokio::test]
async fn the_page_comes_from_a_folder_where_one_is_named() {
    let (plane, _thread) = fake::plane(1);
    let config = |folder: &str| Config { web: Some(folder.into()), ..Config::local() };
    let server = Server::start_on(config("web"), plane, Draw::seeded(1)).await.unwrap();
    let (status, _, script) = get(server.address(), "/assets/0/net/peer.js").await;
    assert_eq!((status, script), (200, std::fs::read_to_string("web/net/peer.js").unwrap()));
    server.stop().await;

    let (plane, _thread) = fake::plane(1);
    let error = Server::start_on(config("no-such"), plane, Draw::seeded(1)).await.unwrap_err();
    assert!(error.to_string().starts_with("--web no-such: "), "{error}");
}

#[tokio::test]
async fn a_busy_media_port_is_named_with_its_flag() {
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let config = Config { media: vec![address], ..Config::local() };
    let error = Server::start(config).await.unwrap_err().to_string();
    let port = address.port();
    assert!(error.starts_with(&format!("UDP port {port} of 127.0.0.1 is in use")), "{error}");
    assert!(
        error.ends_with("choose another with --media-port PORT, or --media ADDRESS:PORT"),
        "{error}"
    );
}

#[tokio::test]
async fn a_server_with_a_real_media_thread_starts_answers_and_stops() {
    let server = Server::start(Config::local()).await.unwrap();
    let address = server.address();
    let media = server.media_addresses()[0];
    assert_ne!(media.port(), 0);
    let (mut sam, _) = Client::join(address, "c", "Sam").await;
    let answer = sam.ask(&offer(1, CALL)).await;
    let candidate = format!("{} {} typ host", media.ip(), media.port());
    assert!(answer["sdp"].as_str().unwrap().contains(&candidate), "{answer}");
    drop(sam);
    server.stop().await;
    assert!(std::net::UdpSocket::bind(media).is_ok(), "its port is free again");
}
