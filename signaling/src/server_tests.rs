use std::ops::{Deref, DerefMut};
use std::time::Duration;

use serde_json::{Value, json};
use sfu::command::{Command, CommandError, Pictures, Voice};
use sfu::event::{Assignment, Event, LostReason, Outcome, Outlook, Reason, Speaker};
use sfu::media::{ChannelId, ParticipantId, PublicationId, SlotId, Source};
use sfu::publication::demand::Demand;
use simulcast::Bitrate;
use tokio::time::advance;
use tokio_tungstenite::tungstenite::Message;

use super::*;
use crate::client::{Client, Frozen, request};
use crate::config::Limits;
use crate::plane::fake::{self, FakeThread};

struct Thread {
    fake: FakeThread,
    _clock: Frozen,
}

impl Deref for Thread {
    type Target = FakeThread;

    fn deref(&self) -> &FakeThread {
        &self.fake
    }
}

impl DerefMut for Thread {
    fn deref_mut(&mut self) -> &mut FakeThread {
        &mut self.fake
    }
}

const CALL: &str = include_str!("../tests/data/sdp/chromium_call.sdp");
const RESTART: &str = include_str!("../tests/data/sdp/chromium_restart.sdp");
const OTHER_BROWSER: &str = include_str!("../tests/data/sdp/firefox_call.sdp");

/// A server on a plane without media, and a clock that moves only by [`advance`].
async fn start_with(limits: Limits) -> (Server, Thread) {
    let (plane, thread) = fake::plane(64);
    let config = Config { limits, ..Config::local() };
    let server = Server::start_on(config, plane, Draw::seeded(1)).await.unwrap();
    (server, Thread { fake: thread, _clock: Frozen::now() })
}

async fn start() -> (Server, Thread) {
    start_with(Limits::default()).await
}

fn offer(id: u64, sdp: &str) -> Value {
    json!({ "op": "offer", "id": id, "sdp": sdp, "tracks": [] })
}

/// Sends an offer and carries out its commands until the answer comes.
async fn connect(client: &mut Client, thread: &mut FakeThread, sdp: &str) -> Vec<Command> {
    client.send(&offer(1, sdp)).await;
    let commands = carried_out(thread, 3).await;
    assert_eq!(client.next().await["op"], "answer");
    commands
}

async fn carried_out(thread: &mut FakeThread, count: usize) -> Vec<Command> {
    let mut commands = Vec::new();
    for _ in 0..count {
        commands.push(thread.carry_out().await);
    }
    commands
}

fn names(commands: &[Command]) -> Vec<String> {
    commands
        .iter()
        .map(|command| format!("{command:?}").split(['(', ' ']).next().unwrap().to_owned())
        .collect()
}

/// Fifty people in a message, and those who came last with the welcome.
#[tokio::test(start_paused = true)]
async fn whoever_comes_to_many_is_told_of_them_in_pages() {
    let (server, _thread) = start().await;
    let mut inside = Vec::new();
    let join = |number: usize| json!({ "op": "join", "channel": "c", "name": format!("Person {number}"), "resume": null });
    for number in 1..=120 {
        let mut client = Client::open(server.address()).await;
        client.send(&join(number)).await;
        let mut messages = Vec::new();
        while messages.last().is_none_or(|last: &Value| last["op"] != "welcome") {
            messages.push(client.next().await);
        }
        let (welcome, pages) = messages.split_last().unwrap();
        assert!(pages.iter().all(|page| page["op"] == "present"), "{pages:?}");
        let people = |message: &Value| message["participants"].as_array().unwrap().clone();
        let lengths: Vec<usize> = messages.iter().map(|message| people(message).len()).collect();
        let expected = match number {
            ..=50 => vec![number],
            51..=100 => vec![50, number - 50],
            _ => vec![50, 50, number - 100],
        };
        assert_eq!(lengths, expected);
        let told: Vec<String> = messages
            .iter()
            .flat_map(people)
            .map(|person| person["name"].as_str().unwrap().to_owned())
            .collect();
        let came: Vec<String> = (1..=number).map(|number| format!("Person {number}")).collect();
        assert_eq!(told, came, "in order of arrival");
        assert_eq!(people(welcome).last().unwrap()["id"], welcome["participant"]);
        inside.push(client);
    }
}

#[tokio::test(start_paused = true)]
async fn two_people_see_each_other_come_change_and_go() {
    let (server, _thread) = start().await;
    let (mut sam, welcome) = Client::join(server.address(), "Kitchen", " Sam ").await;
    assert_eq!(welcome["channel"], "kitchen");
    assert_eq!(welcome["participant"], "p1");
    assert_eq!(welcome["resumed"], false);
    assert_eq!(welcome["slots"], json!({ "audio": 3, "video": 4 }));
    assert_eq!(welcome["heartbeat_ms"], 10_000);
    let sam_shown = json!({ "id": "p1", "name": "Sam", "muted": true, "deafened": false, "camera": false, "screen": false, "connected": true });
    assert_eq!(welcome["participants"], json!([sam_shown]));

    let (mut mira, welcome) = Client::join(server.address(), "KITCHEN", "Mira").await;
    let mira_shown = json!({ "id": "p2", "name": "Mira", "muted": true, "deafened": false, "camera": false, "screen": false, "connected": true });
    assert_eq!(welcome["participants"], json!([sam_shown, mira_shown]));
    assert_eq!(sam.next().await, json!({ "op": "joined", "participant": mira_shown }));

    mira.send(&json!({ "op": "voice", "muted": false, "deafened": false, "camera": true, "screen": false })).await;
    for client in [&mut sam, &mut mira] {
        let changed = client.next().await;
        assert_eq!(changed["op"], "changed");
        assert_eq!(changed["participant"]["id"], "p2");
        assert_eq!(changed["participant"]["camera"], true);
        assert_eq!(changed["participant"]["muted"], false);
    }

    mira.send(&json!({ "op": "leave" })).await;
    let (last, code) = mira.until_closed().await;
    assert_eq!(
        (last[0]["op"].as_str(), last[0]["code"].as_str(), code),
        (Some("bye"), Some("left"), 1000)
    );
    assert_eq!(sam.next().await, json!({ "op": "left", "participant": "p2", "reason": "left" }));
}

#[tokio::test(start_paused = true)]
async fn an_offer_is_answered_when_the_media_plane_has_carried_it_out() {
    let (server, mut thread) = start().await;
    let (mut sam, _) = Client::join(server.address(), "c", "Sam").await;
    sam.send(&offer(7, CALL)).await;
    let commands = carried_out(&mut thread, 3).await;
    assert_eq!(names(&commands), ["Join", "Negotiate", "Voice"]);
    let answer = sam.next().await;
    assert_eq!((answer["op"].as_str(), answer["id"].as_u64()), (Some("answer"), Some(7)));
    let Command::Join(join) = &commands[0] else { panic!() };
    assert!(answer["sdp"].as_str().unwrap().contains(join.local.ufrag.as_str()));
    assert!(
        matches!(
            commands[2],
            Command::Voice { voice: Voice { muted: true, deafened: false, .. }, .. }
        ),
        "silent until told otherwise"
    );

    sam.send(&offer(8, RESTART)).await;
    let commands = carried_out(&mut thread, 2).await;
    assert_eq!(names(&commands), ["RestartIce", "Negotiate"]);
    assert_eq!(sam.next().await["id"], 8);

    sam.send(&offer(9, OTHER_BROWSER)).await;
    let commands = carried_out(&mut thread, 4).await;
    assert_eq!(
        names(&commands),
        ["Leave", "Join", "Negotiate", "Voice"],
        "another peer connection begins anew"
    );
    assert_eq!(sam.next().await["id"], 9);
}

#[tokio::test(start_paused = true)]
async fn what_the_media_plane_refuses_is_told_instead_of_an_answer() {
    let (server, mut thread) = start().await;
    let (mut sam, _) = Client::join(server.address(), "c", "Sam").await;
    for (reason, code) in [
        (CommandError::ShardFull, "server_full"),
        (CommandError::Contradiction("ssrc"), "bad_sdp"),
        (CommandError::UnknownParticipant, "media_lost"),
        (CommandError::ParticipantExists, "internal"),
    ] {
        sam.send(&offer(3, CALL)).await;
        let (_, id, command) = thread.commands.recv().await.unwrap();
        assert!(matches!(command, Command::Join(_)), "what was refused before left nothing behind");
        thread.tell(Event::Refused(id, reason)).await;
        carried_out(&mut thread, 2).await;
        let error = sam.next().await;
        assert_eq!(
            (error["code"].as_str(), error["id"].as_u64()),
            (Some(code), Some(3)),
            "{error}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn mistakes_are_told_and_the_socket_stays() {
    let (server, mut thread) = start().await;
    let mut sam = Client::open(server.address()).await;
    let join = json!({ "op": "join", "channel": "c", "name": "Sam" });
    for (message, code) in [
        (json!({ "op": "leave" }), "not_joined"),
        (json!({ "op": "offer", "id": 1, "sdp": "" }), "not_joined"),
        (json!({ "op": "join", "channel": "c", "name": " " }), "bad_name"),
        (json!({ "op": "join", "channel": "a b", "name": "Sam" }), "bad_channel"),
        (json!({ "op": "dance" }), "unknown_op"),
        (json!([1, 2]), "bad_json"),
        (json!({ "op": "join", "channel": "c" }), "bad_json"),
    ] {
        let error = sam.ask(&message).await;
        assert_eq!(
            (error["op"].as_str(), error["code"].as_str()),
            (Some("error"), Some(code)),
            "{error}"
        );
        assert_eq!(error["fault"], "peer");
    }
    assert_eq!(sam.ask(&join).await["op"], "welcome");
    let data_only = include_str!("../tests/data/sdp/chromium_data_only.sdp");
    for (message, code, id) in [
        (join.clone(), "already_joined", None),
        (offer(5, "nonsense"), "bad_sdp", Some(5)),
        (offer(6, data_only), "unsupported", Some(6)),
        (
            json!({ "op": "view", "slots": [{ "mid": "5", "width": 1, "height": 1, "priority": 1 }] }),
            "bad_view",
            None,
        ),
    ] {
        let error = sam.ask(&message).await;
        assert_eq!((error["code"].as_str(), error["id"].as_u64()), (Some(code), id), "{error}");
    }
    sam.send_raw(Message::Binary(vec![1, 2, 3].into())).await;
    assert_eq!(sam.next().await["code"], "bad_json");
    connect(&mut sam, &mut thread, CALL).await;
}

#[tokio::test(start_paused = true)]
async fn more_messages_than_a_client_needs_close_the_socket() {
    let (server, _thread) = start().await;
    let mut sam = Client::open(server.address()).await;
    for _ in 0..201 {
        sam.send_raw(Message::text(r#"{"op":"pong","id":1}"#)).await;
    }
    let (last, code) = sam.until_closed().await;
    assert_eq!(
        (last[0]["op"].as_str(), last[0]["code"].as_str()),
        (Some("error"), Some("too_many"))
    );
    assert_eq!(
        (last[1]["op"].as_str(), last[1]["code"].as_str(), code),
        (Some("bye"), Some("too_many"), 4008)
    );
}

#[tokio::test(start_paused = true)]
async fn a_full_channel_and_a_full_server_say_so() {
    let (server, _thread) =
        start_with(Limits { participants: 2, channel: 1, sockets: 3, ..Limits::default() }).await;
    let (_sam, _) = Client::join(server.address(), "c", "Sam").await;
    let mut mira = Client::open(server.address()).await;
    let join = |channel: &str| json!({ "op": "join", "channel": channel, "name": "Mira" });
    let error = mira.ask(&join("c")).await;
    assert_eq!(
        (error["code"].as_str(), error["fault"].as_str()),
        (Some("channel_full"), Some("operator"))
    );
    assert_eq!(mira.ask(&join("d")).await["op"], "welcome");
    let mut jonas = Client::open(server.address()).await;
    assert_eq!(jonas.ask(&join("e")).await["code"], "server_full");
    let headers = [
        ("connection", "upgrade, close"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let (status, _, body) = request(server.address(), "GET", "/v1/socket", &headers).await;
    assert_eq!(status, 503);
    assert!(body.contains("server_full"), "{body}");
}

#[tokio::test(start_paused = true)]
async fn whoever_watches_is_told_of_the_link_and_nobody_else() {
    let (server, mut thread) = start().await;
    let (mut sam, _) = Client::join(server.address(), "c", "Sam").await;
    connect(&mut sam, &mut thread, CALL).await;
    let outlook = Outlook {
        estimate: Bitrate::kbps(1_850),
        used: Bitrate::kbps(1_430),
        wanted: Bitrate::kbps(4_200),
        loss_permille: 3,
        round_trip: Some(Duration::from_millis(41)),
    };
    let link = json!({ "op": "link", "estimate": 1_850_000, "used": 1_430_000, "wanted": 4_200_000,
        "loss_permille": 3, "round_trip_ms": 41 });
    thread.tell(Event::Outlook(ParticipantId(1), outlook)).await;
    // What is known already comes first: so nothing was told before.
    sam.send(&json!({ "op": "watch", "link": true })).await;
    assert_eq!(sam.next().await, link);
    thread.tell(Event::Outlook(ParticipantId(1), Outlook { round_trip: None, ..outlook })).await;
    let mut without = link.clone();
    without.as_object_mut().unwrap().remove("round_trip_ms");
    assert_eq!(sam.next().await, without);

    sam.send(&json!({ "op": "watch", "link": false })).await;
    sam.send(&json!({ "op": "fly" })).await;
    assert_eq!(sam.next().await["code"], "unknown_op");
    thread.tell(Event::Outlook(ParticipantId(1), outlook)).await;
    sam.send(&json!({ "op": "fly" })).await;
    assert_eq!(sam.next().await["code"], "unknown_op");
}

#[tokio::test(start_paused = true)]
async fn a_resumed_participant_keeps_its_media_and_the_old_socket_hears_why() {
    let (server, mut thread) = start().await;
    let (mut old, welcome) = Client::join(server.address(), "c", "Sam").await;
    connect(&mut old, &mut thread, CALL).await;
    let playing = Assignment {
        slot: SlotId(3),
        publication: PublicationId(9),
        publisher: ParticipantId(2),
        source: Source::Camera,
        outcome: Outcome::of(Reason::Codec),
    };
    thread.tell(Event::Assigned(ParticipantId(1), vec![playing])).await;
    let shown = json!([{ "mid": "7", "publication": 9, "participant": "p2", "source": "camera", "reason": "codec" }]);
    assert_eq!(old.next().await, json!({ "op": "slots", "slots": shown }));

    let (mut fresh, again) = Client::resume(server.address(), "c", "Sam", &welcome["resume"]).await;
    assert_eq!(again["resumed"], true);
    assert_eq!(again["participant"], welcome["participant"]);
    assert_eq!(again["assigned"], shown);
    let (last, code) = old.until_closed().await;
    assert_eq!((last[0]["code"].as_str(), code), (Some("replaced"), 4001));
    // The next command is that of the next request: nothing ended or began in between.
    fresh.send(&json!({ "op": "prefer", "mode": "save_data", "budget": 250_000 })).await;
    let command = thread.carry_out().await;
    let Command::Prefer { budget, pictures, .. } = command else { panic!("{command:?}") };
    assert_eq!((budget, pictures), (Some(Bitrate::bps(250_000)), Pictures::SaveData));

    let (_third, unknown) = Client::resume(server.address(), "c", "Eve", &json!("guessed")).await;
    assert_eq!(
        (unknown["resumed"].as_bool(), unknown["participant"].as_str()),
        (Some(false), Some("p2"))
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_wanted_of_a_track_is_told_and_told_again_to_whoever_comes_back() {
    let (server, mut thread) = start().await;
    let (mut old, welcome) = Client::join(server.address(), "c", "Sam").await;
    let commands = connect(&mut old, &mut thread, CALL).await;
    let camera = commands.iter().find_map(|command| {
        let Command::Negotiate(negotiate) = command else { return None };
        negotiate.publications.iter().find(|it| it.source == Source::Camera).cloned()
    });
    let camera = camera.unwrap();
    let wanted = |demand| Event::Wanted {
        participant: ParticipantId(1),
        publication: camera.id,
        encodings: 3,
        demand,
    };
    let shown = |encodings: [bool; 3]| json!({ "op": "wanted", "mid": camera.mid.0.as_str(), "encodings": encodings });
    thread.tell(wanted(Demand::NONE.with(0))).await;
    assert_eq!(old.next().await, shown([true, false, false]));
    thread.tell(wanted(Demand::NONE.with(0).with(2))).await;
    assert_eq!(old.next().await, shown([true, false, true]));
    let (mut fresh, again) = Client::resume(server.address(), "c", "Sam", &welcome["resume"]).await;
    assert_eq!(again["resumed"], true);
    assert_eq!(fresh.next().await, shown([true, false, true]));
}

#[tokio::test(start_paused = true)]
async fn a_lost_socket_keeps_its_place_for_thirty_seconds() {
    let (server, mut thread) = start().await;
    let (mut sam, welcome) = Client::join(server.address(), "c", "Sam").await;
    connect(&mut sam, &mut thread, CALL).await;
    let (mut mira, _) = Client::join(server.address(), "c", "Mira").await;
    sam.vanish();
    let changed = mira.next().await;
    assert_eq!(
        (changed["op"].as_str(), &changed["participant"]["connected"]),
        (Some("changed"), &json!(false))
    );
    pass(&mut mira, 25).await;
    let (back, again) = Client::resume(server.address(), "c", "Sam", &welcome["resume"]).await;
    assert_eq!(again["resumed"], true);
    assert_eq!(mira.next().await["participant"]["connected"], true);

    back.vanish();
    assert_eq!(mira.next().await["participant"]["connected"], false);
    pass(&mut mira, 29).await;
    assert!(thread.commands.try_recv().is_err());
    advance(Duration::from_secs(1)).await;
    assert_eq!(mira.next().await, json!({ "op": "left", "participant": "p1", "reason": "lost" }));
    assert_eq!(names(&carried_out(&mut thread, 1).await), ["Leave"]);
}

/// Lets `seconds` pass in which `client` is heard and told nothing but that it is.
async fn pass(client: &mut Client, seconds: u64) {
    for _ in 0..seconds {
        advance(Duration::from_secs(1)).await;
        assert_eq!(client.ask(&json!({ "op": "dance" })).await["code"], "unknown_op");
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_socket_is_closed_after_three_heartbeats() {
    let (server, _thread) = start().await;
    let (mut sam, _) = Client::join(server.address(), "c", "Sam").await;
    for ping in 1..=2 {
        advance(Duration::from_secs(10)).await;
        assert_eq!(sam.next_of_any_kind().await, json!({ "op": "ping", "id": ping }));
    }
    advance(Duration::from_secs(10)).await;
    let (last, code) = sam.until_closed().await;
    assert_eq!(
        (last[0]["op"].as_str(), last[0]["code"].as_str(), code),
        (Some("bye"), Some("silent"), 4002)
    );
}

#[tokio::test(start_paused = true)]
async fn needed_slots_are_told_in_steps_until_an_offer_shows_them() {
    let (server, mut thread) = start().await;
    let (mut sam, _) = Client::join(server.address(), "c", "Sam").await;
    connect(&mut sam, &mut thread, CALL).await;
    let needed = |video| Event::SlotsNeeded { participant: ParticipantId(1), audio: 3, video };
    thread.tell(needed(4)).await;
    thread.tell(needed(6)).await;
    let message = json!({ "op": "slots_needed", "audio": 3, "video": 8 });
    assert_eq!(sam.next().await, message, "four are there already");
    pass(&mut sam, 4).await;
    for _ in 0..2 {
        advance(Duration::from_secs(1)).await;
        assert_eq!(sam.next().await, message);
        pass(&mut sam, 4).await;
    }
    sam.send(&offer(2, &with_more_pictures(CALL, 4))).await;
    assert_eq!(names(&carried_out(&mut thread, 1).await), ["Negotiate"]);
    assert_eq!(sam.next().await["op"], "answer");
    pass(&mut sam, 11).await;
}

/// The offer with its last m-line repeated under other mids.
fn with_more_pictures(sdp: &str, count: usize) -> String {
    let (_, last) = sdp.rsplit_once("m=video").unwrap();
    let mut text = sdp.to_owned();
    for place in 0..count {
        let mid = 20 + place;
        text += &format!("m=video{}", last.replace("a=mid:10\r\n", &format!("a=mid:{mid}\r\n")));
        text = text.replacen("BUNDLE 0 ", &format!("BUNDLE 0 {mid} "), 1);
    }
    text
}

#[tokio::test(start_paused = true)]
async fn views_speakers_and_switches_reach_whom_they_concern() {
    let (server, mut thread) = start().await;
    let (mut sam, _) = Client::join(server.address(), "c", "Sam").await;
    connect(&mut sam, &mut thread, CALL).await;
    sam.send(&json!({ "op": "view", "slots": [
        { "mid": "7", "width": 1, "height": 1, "priority": 1 },
        { "mid": "8", "width": 320, "height": 180, "priority": 9 },
        { "mid": "7", "width": 640, "height": 360, "priority": 2 },
    ] }))
    .await;
    let command = thread.carry_out().await;
    let Command::View { views, .. } = command else { panic!("{command:?}") };
    let views: Vec<_> =
        views.iter().map(|view| (view.slot.0, view.width, view.height, view.priority)).collect();
    assert_eq!(views, [(3, 640, 360, 2), (4, 320, 180, 3)]);

    sam.send(&json!({ "op": "voice", "muted": false, "deafened": true, "camera": false, "screen": false })).await;
    assert!(matches!(
        thread.carry_out().await,
        Command::Voice { voice: Voice { muted: false, deafened: true, .. }, .. }
    ));
    assert_eq!(sam.next().await["op"], "changed");

    thread
        .tell(Event::Speakers(
            ChannelId(1),
            vec![Speaker { participant: ParticipantId(1), level: 23 }],
        ))
        .await;
    let heard = json!({ "op": "speakers", "speakers": [{ "participant": "p1", "level": 23 }] });
    assert_eq!(sam.next().await, heard);
}

#[tokio::test(start_paused = true)]
async fn lost_media_is_told_and_an_offer_comes_back() {
    let (server, mut thread) = start().await;
    let (mut sam, _) = Client::join(server.address(), "c", "Sam").await;
    connect(&mut sam, &mut thread, CALL).await;
    thread.tell(Event::Lost(ParticipantId(1), LostReason::ConsentExpired)).await;
    let error = sam.next().await;
    assert_eq!(
        (error["code"].as_str(), error["fault"].as_str()),
        (Some("media_lost"), Some("peer"))
    );
    let commands = connect(&mut sam, &mut thread, CALL).await;
    assert_eq!(names(&commands), ["Join", "Negotiate", "Voice"]);
}

#[tokio::test(start_paused = true)]
async fn news_of_an_earlier_connection_does_not_end_the_new_one() {
    let (server, mut thread) = start().await;
    let (mut sam, _) = Client::join(server.address(), "c", "Sam").await;
    connect(&mut sam, &mut thread, CALL).await;
    sam.send(&offer(2, OTHER_BROWSER)).await;
    let (_, leave, _) = thread.commands.recv().await.unwrap();
    thread.tell(Event::Lost(ParticipantId(1), LostReason::Closed)).await;
    thread.tell(Event::Refused(leave, CommandError::UnknownParticipant)).await;
    carried_out(&mut thread, 3).await;
    assert_eq!(sam.next().await["op"], "answer");
    sam.send(&offer(3, OTHER_BROWSER)).await;
    assert_eq!(names(&carried_out(&mut thread, 1).await), ["Negotiate"], "the connection goes on");
}

#[tokio::test(start_paused = true)]
async fn without_a_media_plane_offers_fail_as_confabs_fault() {
    let (mut server, thread) = start().await;
    let (mut sam, _) = Client::join(server.address(), "c", "Sam").await;
    drop(thread);
    server.media_ended().await;
    let error = sam.ask(&offer(4, CALL)).await;
    assert_eq!(
        (error["code"].as_str(), error["fault"].as_str()),
        (Some("internal"), Some("confab"))
    );
    assert_eq!(error["id"], 4);
}

#[tokio::test(start_paused = true)]
async fn a_leave_url_sends_away_its_participant_and_works_once() {
    let (server, mut thread) = start().await;
    let (mut sam, welcome) = Client::join(server.address(), "c", "Sam").await;
    connect(&mut sam, &mut thread, CALL).await;
    let url = welcome["leave_url"].as_str().unwrap();
    assert_eq!(request(server.address(), "POST", url, &[("content-length", "0")]).await.0, 204);
    let (last, code) = sam.until_closed().await;
    assert_eq!((last[0]["code"].as_str(), code), (Some("left"), 1000));
    assert_eq!(names(&carried_out(&mut thread, 1).await), ["Leave"]);
    let (status, _, body) =
        request(server.address(), "POST", url, &[("content-length", "0")]).await;
    assert_eq!(status, 404, "{body}");
    for wrong in ["/v1/leave/x", "/v1/leave/1.x", "/v1/leave/ffffffffffffffffff.x"] {
        assert_eq!(
            request(server.address(), "POST", wrong, &[("content-length", "0")]).await.0,
            404
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_channel_ends_and_its_name_begins_anew() {
    let (server, _thread) = start().await;
    for round in 1..=3 {
        let (mut sam, welcome) = Client::join(server.address(), "c", "Sam").await;
        assert_eq!(welcome["participants"].as_array().unwrap().len(), 1);
        assert_eq!(server.app.presence.channels().await, 1);
        sam.send(&json!({ "op": "leave" })).await;
        sam.until_closed().await;
        assert_eq!(server.app.presence.channels().await, 0, "round {round}");
        assert_eq!(server.app.presence.participants(), 0);
    }
}

#[path = "server_http_tests.rs"]
mod http;

#[path = "server_access_tests.rs"]
mod access;
#[path = "server_limits_tests.rs"]
mod limits;
#[path = "server_message_tests.rs"]
mod message;
#[path = "server_patience_tests.rs"]
mod patience;
