//! Every status of RFC 9725, over real HTTP connections to a server whose media plane is a test's.

use serde_json::{Value, json};
use sfu::command::{Choice, Command};
use sfu::event::{Event, LostReason, Speaker};
use sfu::media::{ChannelId, ParticipantId};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Duration, advance};

use super::description::tests::OFFER;
use crate::client::{Client, Frozen, request, request_with};
use crate::config::{Config, Limits};
use crate::draw::Draw;
use crate::plane::fake::{self, FakeThread};
use crate::server::Server;

const SDP: (&str, &str) = ("content-type", "application/sdp");
const FRAGMENT: (&str, &str) = ("content-type", "application/trickle-ice-sdpfrag");

/// A candidate of the ICE session in [`OFFER`].
const TRICKLE: &str = "a=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:EsAw\r\n\
    a=ice-pwd:bP+XJMM09aR8AiX1jdukzR6Y\r\na=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host\r\na=end-of-candidates\r\n";

/// The request of RFC 9725, section 4.3.3, figure 4.
const RESTART: &str = "a=ice-options:trickle ice2\r\na=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n\
    a=ice-ufrag:ysXw\r\na=ice-pwd:vw5LmwG4y/e6dPP/zAP9Gp5k\r\n\
    a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw network-id 1\r\n";

struct House {
    server: Server,
    thread: FakeThread,
    _clock: Frozen,
}

impl House {
    async fn start() -> Self {
        Self::start_with(Limits::default()).await
    }

    async fn start_with(limits: Limits) -> Self {
        let (plane, thread) = fake::plane(64);
        let config = Config { limits, ..Config::local() };
        let server = Server::start_on(config, plane, Draw::seeded(1)).await.unwrap();
        Self { server, thread, _clock: Frozen::now() }
    }

    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        Answer(request_with(self.server.address(), method, path, headers, body).await)
    }

    /// Asks, and carries out the commands that come of it.
    async fn ask_media(
        &mut self,
        (method, path): (&str, &str),
        headers: &[(&str, &str)],
        body: &str,
        commands: usize,
    ) -> (Answer, Vec<Command>) {
        let address = self.server.address();
        let asked = request_with(address, method, path, headers, body);
        let carried = async {
            let mut carried = Vec::new();
            for _ in 0..commands {
                carried.push(self.thread.carry_out().await);
            }
            carried
        };
        let (answer, carried) = tokio::join!(asked, carried);
        (Answer(answer), carried)
    }

    /// A session at `path`: its URL, its tag and its id in the media plane.
    async fn session(&mut self, path: &str, offer: &str) -> (String, String, ParticipantId) {
        let (answer, commands) = self.ask_media(("POST", path), &[SDP], offer, 3).await;
        assert_eq!(answer.status(), 201, "{answer:?}");
        let Command::Join(join) = &commands[0] else { panic!("{commands:?}") };
        if path.starts_with("/whep") {
            assert!(matches!(self.thread.carry_out().await, Command::View { .. }));
        }
        (answer.header("location"), answer.header("etag"), join.participant)
    }
}

#[derive(Debug)]
struct Answer((u16, String, String));

impl Answer {
    fn status(&self) -> u16 {
        self.0.0
    }

    fn header(&self, name: &str) -> String {
        self.optional(name).unwrap_or_else(|| panic!("no {name} in {self:?}"))
    }

    fn optional(&self, name: &str) -> Option<String> {
        let mut headers = self.0.1.lines().filter_map(|line| line.split_once(": "));
        headers
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.to_owned())
    }

    fn body(&self) -> &str {
        &self.0.2
    }

    /// That it is a problem document of this status and code (RFC 9457); its detail.
    #[track_caller]
    fn problem(&self, status: u16, code: &str) -> String {
        assert_eq!(self.status(), status, "{self:?}");
        assert_eq!(self.header("content-type"), "application/problem+json");
        let document: Value = serde_json::from_str(self.body()).unwrap();
        assert_eq!((&document["status"], &document["code"]), (&json!(status), &json!(code)));
        assert!(!document["title"].as_str().unwrap().is_empty(), "{document}");
        document["detail"].as_str().unwrap().to_owned()
    }
}

fn receiving() -> String {
    OFFER.replace("a=sendonly", "a=recvonly")
}

#[tokio::test(start_paused = true)]
async fn an_offer_is_answered_and_its_sender_is_a_participant_like_others() {
    let mut house = House::start().await;
    let (mut sam, _) = Client::join(house.server.address(), "Küche", "Sam").await;
    let headers = [SDP, ("authorization", "Bearer whoever"), ("accept", "application/sdp")];
    let (answer, commands) =
        house.ask_media(("POST", "/whip/K%C3%BCche?name=Stage"), &headers, OFFER, 3).await;
    assert_eq!(answer.status(), 201, "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/sdp");
    assert_eq!(answer.header("accept-patch"), "application/trickle-ice-sdpfrag");
    assert_eq!(answer.optional("link"), None);
    let ufrag = answer.body().split("a=ice-ufrag:").nth(1).unwrap().split("\r\n").next().unwrap();
    assert_eq!(answer.header("etag"), format!("\"{ufrag}\""));
    for line in [
        "a=ice-lite",
        "a=recvonly",
        "a=setup:passive",
        "a=candidate:1 1 udp 2130706431 127.0.0.1 3478 typ host",
        "a=end-of-candidates",
    ] {
        assert!(answer.body().lines().any(|found| found == line), "{line} in {}", answer.body());
    }
    let location = answer.header("location");
    let secret = location.strip_prefix("/whip/k%C3%BCche/").unwrap_or_else(|| panic!("{location}"));
    assert!(secret.len() >= 24, "unguessable: {secret}");
    let Command::Negotiate(negotiate) = &commands[1] else { panic!("{commands:?}") };
    assert_eq!((negotiate.publications.len(), negotiate.slots.len()), (2, 0));
    let joined = sam.next().await;
    assert_eq!(
        (&joined["op"], &joined["participant"]["name"]),
        (&json!("joined"), &json!("Stage")),
        "{joined}"
    );
    let changed = sam.next().await;
    let person = &changed["participant"];
    assert_eq!(
        (&person["muted"], &person["camera"], &person["screen"]),
        (&json!(false), &json!(true), &json!(false)),
        "{changed}"
    );
}

#[tokio::test(start_paused = true)]
async fn without_a_name_a_client_is_called_by_its_way_in() {
    let mut house = House::start().await;
    house.session("/whip/c", OFFER).await;
    house.session("/whep/c", &receiving()).await;
    let (_, _, body) = request(house.server.address(), "GET", "/v1/channels/c", &[]).await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["participants"], json!([{ "name": "whip-1" }, { "name": "whep-2" }]));
}

#[tokio::test(start_paused = true)]
async fn a_player_is_answered_with_slots() {
    let mut house = House::start().await;
    let (answer, commands) = house.ask_media(("POST", "/whep/c"), &[SDP], &receiving(), 4).await;
    assert_eq!(answer.status(), 201, "{answer:?}");
    assert!(answer.header("location").starts_with("/whep/c/"));
    assert_eq!(answer.body().matches("a=sendonly").count(), 2);
    let Command::Negotiate(negotiate) = &commands[1] else { panic!("{commands:?}") };
    assert_eq!((negotiate.publications.len(), negotiate.slots.len()), (0, 2));
    let Command::View { views, .. } = &commands[3] else { panic!("{commands:?}") };
    assert_eq!((views.len(), views[0].width, views[0].height), (1, 1920, 1080));
}

#[tokio::test(start_paused = true)]
async fn a_player_sees_whom_it_chose_or_whoever_speaks() {
    let mut house = House::start().await;
    let (session, _, first) = house.session("/whip/c", OFFER).await;
    let chosen = format!("/whep/c?participant=p{}", first.0);
    let (answer, commands) = house.ask_media(("POST", &chosen), &[SDP], &receiving(), 5).await;
    assert_eq!(answer.status(), 201, "{answer:?}");
    assert!(
        matches!(&commands[3], Command::Choose { choice: Choice::Only(only), .. } if *only == first),
        "{commands:?}"
    );
    let (_, _, player) = house.session("/whep/c", &receiving()).await;
    let speaker = Speaker { participant: first, level: 20 };
    house.thread.tell(Event::Speakers(ChannelId(1), vec![speaker])).await;
    let command = house.thread.carry_out().await;
    assert!(
        matches!(&command, Command::Choose { participant, choice: Choice::First(shown) }
            if *participant == player && *shown == first),
        "{command:?}"
    );
    let post = async |path: &str| house.ask("POST", path, &[SDP], &receiving()).await;
    post("/whep/c?participant=p99").await.problem(409, "absent");
    post("/whep/c?participant=99").await.problem(400, "bad_query");
    // Who is shown goes: the player stays.
    let (answer, _) = house.ask_media(("DELETE", &session), &[], "", 1).await;
    assert_eq!(answer.status(), 200);
    let command = house.thread.carry_out().await;
    assert!(matches!(&command, Command::Choose { choice: Choice::All, .. }), "{command:?}");
}

#[tokio::test(start_paused = true)]
async fn an_offer_of_the_wrong_kind_is_refused_by_what_is_wrong() {
    let house = House::start().await;
    let post = async |path: &str, headers: &[(&str, &str)], body: &str| {
        house.ask("POST", path, headers, body).await
    };
    post("/whip/a%20b", &[SDP], OFFER).await.problem(400, "bad_channel");
    post("/whip/c?name=%00", &[SDP], OFFER).await.problem(400, "bad_name");
    post("/whip/c?name=a&name=b", &[SDP], OFFER).await.problem(400, "bad_query");
    post("/whip/c", &[SDP], "v=0\r\nnonsense\r\n").await.problem(400, "bad_sdp");
    let without = OFFER.replace("a=ice-pwd:bP+XJMM09aR8AiX1jdukzR6Y\r\n", "");
    let detail = post("/whip/c", &[SDP], &without).await.problem(400, "bad_sdp");
    assert_eq!(detail, "the offer has no a=ice-pwd");
    post("/whip/c", &[("accept", "text/html"), SDP], OFFER).await.problem(406, "not_acceptable");
    let long = format!("{OFFER}a={}\r\n", "x".repeat(64 * 1024));
    post("/whip/c", &[SDP], &long).await.problem(413, "too_large");
    for headers in [&[][..], &[("content-type", "application/json")]] {
        let detail = post("/whip/c", headers, OFFER).await.problem(415, "media_type");
        assert_eq!(detail, "Content-Type is to be application/sdp");
    }
    post("/whip/c", &[SDP], &receiving()).await.problem(422, "unsupported");
    post("/whep/c", &[SDP], OFFER).await.problem(422, "unsupported");
    let nothing = receiving().replace("VP8", "H265").replace("opus", "speex");
    post("/whep/c", &[SDP], &nothing).await.problem(422, "unsupported");
    let hold = OFFER.replace("setup:actpass", "setup:holdconn");
    post("/whip/c", &[SDP], &hold).await.problem(422, "bad_sdp");
    // Nobody of them came in, or stayed.
    let (_, _, body) = request(house.server.address(), "GET", "/v1/channels/c", &[]).await;
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["participants"], json!([]));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let house = House::start().await;
    let mut stream = TcpStream::connect(house.server.address()).await.unwrap();
    let head = format!(
        "POST /whip/c HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\
         content-type: application/sdp\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\n",
        house.server.address()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut continues = [0; 25];
    stream.read_exact(&mut continues).await.unwrap();
    assert_eq!(&continues, b"HTTP/1.1 100 Continue\r\n\r\n");
    advance(Duration::from_secs(10)).await;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("\"too_slow\""), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn methods_without_a_meaning_are_refused_with_those_that_have_one() {
    let mut house = House::start().await;
    for path in ["/whip/c", "/whep/c"] {
        let answer = house.ask("PUT", path, &[], "").await;
        answer.problem(405, "method_not_allowed");
        assert_eq!(answer.header("allow"), "GET, HEAD, OPTIONS, POST");
    }
    let (session, _, _) = house.session("/whip/c", OFFER).await;
    let answer = house.ask("POST", &session, &[SDP], OFFER).await;
    answer.problem(405, "method_not_allowed");
    assert_eq!(answer.header("allow"), "DELETE, GET, HEAD, OPTIONS, PATCH");
    assert_eq!(house.ask("GET", "/whip/c", &[], "").await.status(), 204);
    assert_eq!(house.ask("GET", &session, &[], "").await.status(), 204);
    let head = house.ask("HEAD", "/whep/c", &[], "").await;
    assert_eq!((head.status(), head.header("content-type").as_str()), (200, "application/sdp"));
}

#[tokio::test(start_paused = true)]
async fn pages_of_every_origin_may_use_it_and_nothing_else() {
    let mut house = House::start().await;
    let foreign = ("origin", "https://elsewhere.example");
    let preflight = [
        foreign,
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "content-type,authorization"),
    ];
    for path in ["/whip/c", "/whep/c"] {
        let answer = house.ask("OPTIONS", path, &preflight, "").await;
        assert_eq!((answer.status(), answer.body()), (200, ""));
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        assert!(
            answer.header("access-control-allow-methods").to_ascii_uppercase().contains("POST")
        );
        let allowed = answer.header("access-control-allow-headers").to_ascii_lowercase();
        assert!(
            ["authorization", "content-type", "if-match"].iter().all(|it| allowed.contains(it))
        );
        assert_eq!(answer.header("accept-post"), "application/sdp");
    }
    let (answer, _) = house.ask_media(("POST", "/whip/c"), &[SDP, foreign], OFFER, 3).await;
    assert_eq!(
        (answer.status(), answer.header("access-control-allow-origin").as_str()),
        (201, "*")
    );
    let exposed = answer.header("access-control-expose-headers").to_ascii_lowercase();
    assert!(["location", "etag", "link", "accept-patch"].iter().all(|it| exposed.contains(it)));
    let session = answer.header("location");
    let options = house.ask("OPTIONS", &session, &[foreign], "").await;
    assert_eq!(options.header("accept-patch"), "application/trickle-ice-sdpfrag");
    assert!(
        options
            .header("access-control-allow-methods")
            .to_ascii_uppercase()
            .contains("PATCH, DELETE")
            || options
                .header("access-control-allow-methods")
                .to_ascii_uppercase()
                .contains("DELETE")
    );
    // Problems are for pages as well.
    let problem = house.ask("PUT", "/whip/c", &[foreign], "").await;
    assert_eq!(problem.header("access-control-allow-origin"), "*");
    // The rest of the server is for its own pages, and all of it for its own names.
    assert_eq!(house.ask("GET", "/v1/channels/c", &[foreign], "").await.status(), 403);
    let host = [("host", "evil.example"), SDP];
    house.ask("POST", "/whip/c", &host, OFFER).await.problem(403, "foreign_host");
}

#[tokio::test(start_paused = true)]
async fn candidates_are_taken_in_for_the_present_ice_session_alone() {
    let mut house = House::start().await;
    let (session, tag, _) = house.session("/whip/c", OFFER).await;
    let of_session = [FRAGMENT, ("if-match", tag.as_str())];
    let answer = house.ask("PATCH", &session, &of_session, TRICKLE).await;
    assert_eq!((answer.status(), answer.optional("etag"), answer.body()), (204, None, ""));
    let patch = async |headers: &[(&str, &str)], body: &str| {
        house.ask("PATCH", &session, headers, body).await
    };
    patch(&[FRAGMENT], TRICKLE).await.problem(428, "tag_missing");
    patch(&[FRAGMENT, ("if-match", "\"other\"")], TRICKLE).await.problem(412, "tag_outdated");
    patch(&[SDP, of_session[1]], TRICKLE).await.problem(415, "media_type");
    patch(&of_session, "nonsense").await.problem(400, "bad_fragment");
    patch(&of_session, &TRICKLE.replace("mid:0", "mid:7")).await.problem(422, "unsupported");
    patch(&of_session, &"a=x\r\n".repeat(16 * 1024)).await.problem(413, "too_large");
    let elsewhere = format!("{session}x");
    house.ask("PATCH", &elsewhere, &of_session, TRICKLE).await.problem(404, "not_found");
}

#[tokio::test(start_paused = true)]
async fn ice_restarts_with_new_credentials_and_a_new_tag() {
    let mut house = House::start().await;
    let (session, tag, participant) = house.session("/whip/c", OFFER).await;
    let any = [FRAGMENT, ("if-match", "*")];
    let (answer, commands) = house.ask_media(("PATCH", &session), &any, RESTART, 2).await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/trickle-ice-sdpfrag");
    let Command::RestartIce { participant: restarted, local } = &commands[0] else {
        panic!("{commands:?}")
    };
    assert_eq!(*restarted, participant);
    assert_eq!(answer.header("etag"), format!("\"{}\"", local.ufrag));
    assert_ne!(answer.header("etag"), tag);
    for line in [
        "a=ice-lite".to_owned(),
        "a=group:BUNDLE 0 1".to_owned(),
        "a=mid:0".to_owned(),
        format!("a=ice-ufrag:{}", local.ufrag),
        format!("a=ice-pwd:{}", local.password),
        "a=candidate:1 1 udp 2130706431 127.0.0.1 3478 typ host".to_owned(),
    ] {
        assert_eq!(answer.body().lines().filter(|found| *found == line).count(), 1, "{line}");
    }
    // Late candidates of the session before, then of the present one.
    let old = [FRAGMENT, ("if-match", tag.as_str())];
    house.ask("PATCH", &session, &old, TRICKLE).await.problem(412, "tag_outdated");
    let tag = answer.header("etag");
    let new = [FRAGMENT, ("if-match", tag.as_str())];
    assert_eq!(house.ask("PATCH", &session, &new, RESTART).await.status(), 204);
}

#[tokio::test(start_paused = true)]
async fn requests_that_pile_up_are_refused_and_the_others_answered() {
    let mut house = House::start().await;
    let (session, _, _) = house.session("/whip/c", OFFER).await;
    let address = house.server.address();
    let patch = |body: &'static str| {
        let session = session.clone();
        tokio::spawn(async move {
            Answer(
                request_with(address, "PATCH", &session, &[FRAGMENT, ("if-match", "*")], body)
                    .await,
            )
        })
    };
    // The restart waits for the media plane, and four wait for it.
    let restart = patch(RESTART);
    let (shard, id, command) = house.thread.commands.recv().await.unwrap();
    assert!(matches!(command, Command::RestartIce { .. }));
    let waiting: Vec<_> = (0..6).map(|_| patch(RESTART)).collect();
    let finished = || waiting.iter().filter(|patch| patch.is_finished()).count();
    let mut rounds = 0;
    while finished() < 2 && rounds < 200 {
        assert_eq!(house.ask("GET", "/healthz", &[], "").await.status(), 200);
        rounds += 1;
    }
    let refused = finished();
    assert_eq!(refused, 2);
    house.thread.tell_of(shard, Event::Done(id)).await;
    house.thread.carry_out().await;
    assert_eq!(restart.await.unwrap().status(), 200);
    let mut statuses = Vec::new();
    for patch in waiting {
        let answer = patch.await.unwrap();
        if answer.status() == 409 {
            answer.problem(409, "busy");
            assert_eq!(answer.header("retry-after"), "2");
        }
        statuses.push(answer.status());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 204, 204, 204, 409, 409]);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_session_is_gone_for_everybody() {
    let mut house = House::start().await;
    let (mut sam, _) = Client::join(house.server.address(), "c", "Sam").await;
    let (session, _, participant) = house.session("/whip/c", OFFER).await;
    assert_eq!(sam.next().await["op"], "joined");
    assert_eq!(sam.next().await["op"], "changed");
    let outdated = [("if-match", "\"whatever\"")];
    let (answer, commands) = house.ask_media(("DELETE", &session), &outdated, "", 1).await;
    assert_eq!((answer.status(), answer.body()), (200, ""));
    assert!(matches!(&commands[0], Command::Leave { participant: left } if *left == participant));
    let left = sam.next().await;
    assert_eq!((&left["op"], &left["reason"]), (&json!("left"), &json!("left")), "{left}");
    until_gone(&house, &session).await;
    house
        .ask("PATCH", &session, &[FRAGMENT, ("if-match", "*")], TRICKLE)
        .await
        .problem(404, "not_found");
    house.ask("GET", &session, &[], "").await.problem(404, "not_found");
}

/// Waits until a session answers no more. It ends a moment after whoever ended it was told.
async fn until_gone(house: &House, session: &str) {
    for _ in 0..200 {
        if house.ask("DELETE", session, &[], "").await.status() == 404 {
            return;
        }
    }
    panic!("the session is still there");
}

#[tokio::test(start_paused = true)]
async fn a_session_whose_media_is_lost_ends_with_its_participant() {
    let mut house = House::start().await;
    let (mut sam, _) = Client::join(house.server.address(), "c", "Sam").await;
    let (session, _, participant) = house.session("/whip/c", OFFER).await;
    assert_eq!(sam.next().await["op"], "joined");
    assert_eq!(sam.next().await["op"], "changed");
    house.thread.tell(Event::Lost(participant, LostReason::ConsentExpired)).await;
    let left = sam.next().await;
    assert_eq!((&left["op"], &left["reason"]), (&json!("left"), &json!("lost")), "{left}");
    until_gone(&house, &session).await;
}

#[tokio::test(start_paused = true)]
async fn a_participant_sent_away_takes_its_session_along() {
    let mut house = House::start().await;
    let (session, _, _) = house.session("/whip/c", OFFER).await;
    let secret = session.rsplit('/').next().unwrap();
    let path = format!("/v1/leave/{secret}");
    let (answer, _) = house.ask_media(("POST", &path), &[], "", 1).await;
    assert_eq!(answer.status(), 204);
    until_gone(&house, &session).await;
}

#[tokio::test(start_paused = true)]
async fn whoever_does_not_wait_for_the_answer_does_not_stay() {
    let mut house = House::start().await;
    let (mut sam, _) = Client::join(house.server.address(), "c", "Sam").await;
    let mut stream = TcpStream::connect(house.server.address()).await.unwrap();
    let request = format!(
        "POST /whip/c HTTP/1.1\r\nhost: {}\r\ncontent-type: application/sdp\r\ncontent-length: {}\r\n\r\n{OFFER}",
        house.server.address(),
        OFFER.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    assert_eq!(sam.next().await["op"], "joined");
    drop(stream);
    // Time for the server to see it.
    for _ in 0..10 {
        assert_eq!(house.ask("GET", "/healthz", &[], "").await.status(), 200);
    }
    for _ in 0..3 {
        house.thread.carry_out().await;
    }
    assert_eq!(sam.next().await["op"], "changed");
    assert!(matches!(house.thread.carry_out().await, Command::Leave { .. }));
    assert_eq!(sam.next().await["op"], "left");
}

#[tokio::test(start_paused = true)]
async fn full_servers_say_when_to_try_again() {
    let mut house =
        House::start_with(Limits { channel: 1, participants: 2, ..Limits::default() }).await;
    house.session("/whip/c", OFFER).await;
    let answer = house.ask("POST", "/whip/c", &[SDP], OFFER).await;
    answer.problem(503, "channel_full");
    assert_eq!(answer.header("retry-after"), "2");
    house.session("/whip/d", OFFER).await;
    house.ask("POST", "/whip/e", &[SDP], OFFER).await.problem(503, "server_full");
}

#[path = "token_tests.rs"]
mod token;
