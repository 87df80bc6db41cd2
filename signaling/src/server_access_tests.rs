//! Tokens at the door and afterwards, and what moderators decide.

use super::*;
use crate::client::get;
use crate::token::claims::{Claims, LimitClaims, Publish};
use crate::token::keys::Keys;
use crate::token::{mint::mint, now};

/// A server with the keys of the tests, on a plane without media.
async fn guarded() -> (Server, Thread) {
    let (plane, thread) = fake::plane(64);
    let keys = Some("tests/data/tokens/keys.toml".into());
    let config = Config { keys, ..Config::local() };
    let server = Server::start_on(config, plane, Draw::seeded(1)).await.unwrap();
    (server, Thread { fake: thread, _clock: Frozen::now() })
}

fn claims(channel: &str) -> Claims {
    Claims {
        channel: channel.to_owned(),
        publish: vec![Publish::Sound, Publish::Picture, Publish::Screen],
        subscribe: true,
        moderate: false,
        admin: false,
        name: None,
        metadata: None,
        limits: LimitClaims::default(),
        exp: now() + 60,
        nbf: None,
        iat: None,
    }
}

fn token(claims: &Claims) -> String {
    let keys = Keys::read(include_str!("../tests/data/tokens/keys.toml")).unwrap();
    mint(claims, &keys, Some("shared"), None, now()).unwrap()
}

async fn knock(server: &Server, claims: &Claims) -> (Client, Value) {
    let mut client = Client::open(server.address()).await;
    let join = json!({ "op": "join", "channel": "c", "name": "Typed", "token": token(claims) });
    let answer = client.ask(&join).await;
    (client, answer)
}

async fn come(server: &Server, claims: &Claims) -> Client {
    let (client, answer) = knock(server, claims).await;
    assert_eq!(answer["op"], "welcome", "{answer}");
    client
}

#[tokio::test(start_paused = true)]
async fn with_keys_only_a_good_token_opens_the_door_and_the_socket_stays_for_another_try() {
    let (server, _thread) = guarded().await;
    let mut client = Client::open(server.address()).await;
    let join =
        |token: Value| json!({ "op": "join", "channel": "c", "name": "Sam", "token": token });
    assert_eq!(client.ask(&join(Value::Null)).await["code"], "no_token");
    assert_eq!(client.ask(&join(json!("a.b.c"))).await["code"], "bad_token");
    let elsewhere = client.ask(&join(json!(token(&claims("d"))))).await;
    assert_eq!((&elsewhere["code"], &elsewhere["fault"]), (&json!("not_granted"), &json!("peer")));
    assert_eq!(elsewhere["message"], "channel: the token is not for this channel");
    let welcome = client.ask(&join(json!(token(&claims("c"))))).await;
    assert_eq!(welcome["op"], "welcome");
    let grant = &welcome["grant"];
    assert_eq!(grant["publish"], json!(["sound", "picture", "screen"]));
    assert_eq!((&grant["subscribe"], &grant["moderate"]), (&json!(true), &json!(false)));
    assert!((58_000..=60_000).contains(&grant["expires_ms"].as_u64().unwrap()), "{grant}");
}

#[tokio::test(start_paused = true)]
async fn a_token_says_who_somebody_is() {
    let (server, _thread) = guarded().await;
    let mut mira = come(&server, &claims("c")).await;
    let metadata = json!({ "colour": "red" });
    let named = Claims {
        name: Some("Sam".to_owned()),
        metadata: metadata.as_object().cloned(),
        ..claims("*")
    };
    let (_sam, welcome) = knock(&server, &named).await;
    for shown in [&mira.next().await["participant"], &welcome["participants"][1]] {
        assert_eq!((&shown["name"], &shown["metadata"]), (&json!("Sam"), &metadata));
    }
}

#[tokio::test(start_paused = true)]
async fn an_expired_token_is_told_and_ends_the_session_after_a_grace_unless_renewed() {
    let (server, _thread) = guarded().await;
    let soon = Claims { exp: now() + 20, ..claims("c") };
    let mut sam = come(&server, &soon).await;
    let mut mira = come(&server, &soon).await;
    assert_eq!(sam.next().await["op"], "joined");
    advance(Duration::from_secs(21)).await;
    for client in [&mut sam, &mut mira] {
        assert_eq!(client.next().await["code"], "token_expired");
    }
    let renew = |claims: &Claims| json!({ "op": "renew", "token": token(claims) });
    assert_eq!(mira.ask(&renew(&claims("d"))).await["code"], "not_granted");
    assert_eq!(mira.ask(&renew(&claims("c"))).await["op"], "grant");
    // Heard of, so that nobody is cut off for silence.
    assert_eq!(sam.ask(&json!({ "op": "fly" })).await["code"], "unknown_op");
    advance(Duration::from_millis(29_500)).await;
    let (last, code) = sam.until_closed().await;
    assert_eq!((&last.last().unwrap()["code"], code), (&json!("expired"), 4003));
    let left = mira.next().await;
    assert_eq!((&left["op"], &left["reason"]), (&json!("left"), &json!("server")));
}

/// What of an answer is accepted, by the m-line's mid.
fn directions(answer: &Value) -> Vec<(String, String)> {
    let sections = answer["sdp"].as_str().unwrap().split("\r\nm=").skip(1);
    let line = |section: &str, names: &[&str]| {
        section.lines().find_map(|line| {
            let line = line.strip_prefix("a=")?;
            names.iter().any(|name| line.starts_with(name)).then(|| line.to_owned())
        })
    };
    let ways = ["sendonly", "recvonly", "inactive"];
    sections.map(|it| (line(it, &["mid:"]).unwrap(), line(it, &ways).unwrap())).collect()
}

#[tokio::test(start_paused = true)]
async fn what_a_token_does_not_grant_is_answered_as_inactive_and_never_reaches_the_media_plane() {
    let (server, mut thread) = guarded().await;
    let speaker = Claims { publish: vec![Publish::Sound], subscribe: false, ..claims("c") };
    let mut sam = come(&server, &speaker).await;
    sam.send(&offer(1, CALL)).await;
    let commands = carried_out(&mut thread, 3).await;
    let Command::Negotiate(negotiate) = &commands[1] else { panic!("{commands:?}") };
    let sources: Vec<Source> = negotiate.publications.iter().map(|it| it.source).collect();
    assert!(!sources.is_empty() && sources.iter().all(|it| *it == Source::Microphone));
    assert!(negotiate.slots.is_empty(), "nothing is received");
    let answer = sam.next().await;
    let received = directions(&answer).into_iter().filter(|(_, way)| way == "recvonly").count();
    let sent = directions(&answer).into_iter().filter(|(_, way)| way == "sendonly").count();
    assert_eq!((received, sent), (sources.len(), 0));
    let voice = json!({ "op": "voice", "muted": false, "deafened": false, "camera": true, "screen": false });
    sam.send(&voice).await;
    let shown = sam.next().await;
    assert_eq!(
        (&shown["participant"]["muted"], &shown["participant"]["camera"]),
        (&json!(false), &json!(false))
    );
    assert_eq!(sam.next().await["op"], "changed");
    assert_eq!(sam.next().await["message"], "publish: the token does not grant this");

    // Another token grants the rest from the next offer on.
    thread.carry_out().await;
    assert_eq!(
        sam.ask(&json!({ "op": "renew", "token": token(&claims("c")) })).await["op"],
        "grant"
    );
    sam.send(&offer(2, CALL)).await;
    let Command::Negotiate(negotiate) = thread.carry_out().await else { panic!("no restart") };
    assert!(negotiate.publications.iter().any(|it| it.source == Source::Camera));
    assert!(!negotiate.slots.is_empty());
    assert_eq!(sam.next().await["op"], "answer");

    // And one that grants less ends what it does not.
    sam.send(&json!({ "op": "renew", "token": token(&speaker) })).await;
    assert_eq!(sam.next().await["code"], "media_lost");
    assert_eq!(sam.next().await["grant"]["publish"], json!(["sound"]));
    assert!(matches!(thread.carry_out().await, Command::Leave { .. }));
}

#[tokio::test(start_paused = true)]
async fn the_bounds_of_a_token_hold() {
    let (server, mut thread) = guarded().await;
    let limits = LimitClaims {
        bitrate_down: Some(700_000),
        publications: Some(1),
        ..LimitClaims::default()
    };
    let mut sam = come(&server, &Claims { limits, ..claims("c") }).await;
    assert_eq!(sam.ask(&offer(1, CALL)).await["code"], "tracks_full");
    let limits = LimitClaims { publications: None, bitrate_up: Some(300_000), ..limits };
    let renew = json!({ "op": "renew", "token": token(&Claims { limits, ..claims("c") }) });
    assert_eq!(sam.ask(&renew).await["op"], "grant");
    sam.send(&offer(2, CALL)).await;
    let commands = carried_out(&mut thread, 5).await;
    let most = |command: &Command| {
        let Command::Cap { most, .. } = command else { panic!("{command:?}") };
        *most
    };
    assert_eq!(most(&commands[4]), Some(Bitrate::bps(300_000)));
    let budget = |command: &Command| {
        let Command::Prefer { budget, .. } = command else { panic!("{command:?}") };
        *budget
    };
    assert_eq!(budget(&commands[3]), Some(Bitrate::bps(700_000)));
    assert_eq!(sam.next().await["op"], "answer");
    for (asked, held) in [(json!(null), 700_000), (json!(900_000), 700_000), (json!(9_000), 9_000)]
    {
        sam.send(&json!({ "op": "prefer", "mode": "automatic", "budget": asked })).await;
        assert_eq!(budget(&thread.carry_out().await), Some(Bitrate::bps(held)), "{asked}");
    }
    // A token without bounds lifts them at once; what the person asked for stays.
    sam.send(&json!({ "op": "renew", "token": token(&claims("c")) })).await;
    assert_eq!(budget(&thread.carry_out().await), Some(Bitrate::bps(9_000)));
    assert_eq!(most(&thread.carry_out().await), None);
}

#[tokio::test(start_paused = true)]
async fn who_is_inside_and_metrics_are_shown_to_whom_a_token_grants_it() {
    let (server, _thread) = guarded().await;
    let ask = async |path: &str, claims: &Claims| {
        let value = format!("Bearer {}", token(claims));
        request(server.address(), "GET", path, &[("authorization", &value)]).await
    };
    let (status, head, body) = get(server.address(), "/v1/channels/c").await;
    assert_eq!((status, body.contains("no_token")), (401, true));
    assert!(head.contains("www-authenticate: bearer\r\n"), "{head}");
    assert_eq!(ask("/v1/channels/c", &claims("c")).await.0, 200);
    assert_eq!(ask("/v1/channels/c", &claims("d")).await.0, 403);
    assert_eq!(get(server.address(), "/metrics").await.0, 401);
    assert_eq!(ask("/metrics", &claims("*")).await.0, 403);
    assert_eq!(ask("/metrics", &Claims { admin: true, ..claims("*") }).await.0, 200);
    assert_eq!(get(server.address(), "/healthz").await.0, 200);
    let bad = [("authorization", "Bearer a.b.c")];
    let (status, head, _) = request(server.address(), "GET", "/v1/channels/c", &bad).await;
    assert_eq!(status, 401);
    assert!(head.contains("www-authenticate: bearer error=\"invalid_token\""), "{head}");
}

#[tokio::test(start_paused = true)]
async fn a_moderator_silences_and_removes_and_nobody_else_does() {
    let (server, mut thread) = guarded().await;
    let mut sam = come(&server, &claims("c")).await;
    let mut mira = come(&server, &Claims { moderate: true, ..claims("c") }).await;
    assert_eq!(sam.next().await["op"], "joined");
    let silence = |whom: &str, silenced| json!({ "op": "silence", "participant": whom, "silenced": silenced });
    let remove = |whom: &str| json!({ "op": "remove", "participant": whom });
    for message in [silence("p2", true), remove("p2"), remove("p1")] {
        let error = sam.ask(&message).await;
        assert_eq!(
            (&error["code"], &error["message"]),
            (&json!("not_granted"), &json!("moderate: the token does not grant this"))
        );
    }
    assert_eq!(mira.ask(&remove("p9")).await["code"], "no_such_participant");
    assert_eq!(mira.ask(&remove("Sam")).await["code"], "bad_json");

    // Before there is media, and then with it: a new connection begins silenced.
    mira.send(&silence("p1", true)).await;
    for client in [&mut sam, &mut mira] {
        let changed = client.next().await;
        assert_eq!(
            (&changed["participant"]["id"], &changed["participant"]["silenced"]),
            (&json!("p1"), &json!(true))
        );
    }
    sam.send(&offer(1, CALL)).await;
    let commands = carried_out(&mut thread, 4).await;
    let is_silence = |command: &Command, on: bool| matches!(command, Command::Silence { participant: ParticipantId(1), silenced, .. } if *silenced == on);
    assert!(is_silence(&commands[3], true), "{commands:?}");
    assert_eq!(sam.next().await["op"], "answer");
    mira.send(&silence("p1", false)).await;
    assert!(is_silence(&thread.carry_out().await, false));
    assert_eq!(mira.next().await["participant"].get("silenced"), None);
    assert_eq!(sam.next().await["op"], "changed");

    mira.send(&remove("p1")).await;
    let (last, code) = sam.until_closed().await;
    assert_eq!((&last[0]["code"], code), (&json!("removed"), 4004));
    assert!(matches!(thread.carry_out().await, Command::Leave { participant: ParticipantId(1) }));
    let left = mira.next().await;
    assert_eq!(
        (&left["op"], &left["participant"], &left["reason"]),
        (&json!("left"), &json!("p1"), &json!("removed"))
    );
}

#[tokio::test(start_paused = true)]
async fn in_the_open_development_mode_everybody_may_everything() {
    let (server, _thread) = start().await;
    let (mut sam, welcome) = Client::join(server.address(), "c", "Sam").await;
    let everything =
        json!({ "publish": ["sound", "picture", "screen"], "subscribe": true, "moderate": true });
    assert_eq!(welcome["grant"], everything);
    let (mut mira, _) = Client::join(server.address(), "c", "Mira").await;
    assert_eq!(sam.next().await["op"], "joined");
    sam.send(&json!({ "op": "remove", "participant": "p2" })).await;
    assert_eq!(mira.until_closed().await.1, 4004);
}
