use std::collections::BTreeSet;

use rand::SeedableRng;
use rand::rngs::StdRng;
use signaling::draw::Draw;
use signaling::sdp::negotiate::{Agreed, Policy, negotiate};
use signaling::sdp::preference::Preference;
use signaling::sdp::read;

use super::*;

fn offer(sections: Vec<Section>) -> Offer {
    let text = |text: &str| text.try_into().unwrap();
    Offer {
        session: 7,
        ice: IceCredentials {
            ufrag: ArrayString::from("abcd").unwrap(),
            password: text("a password of 22 letters".replace(' ', "-").as_str()),
        },
        fingerprint: Fingerprint([0x1f; 32]),
        sections,
    }
}

fn answered(offer: &Offer) -> Answer {
    let mut draw = Draw::new(StdRng::seed_from_u64(1));
    let agreed = Agreed::new(&mut draw);
    let policy = Policy {
        candidates: ["127.0.0.1:3478", "[::1]:3479"].map(|one| one.parse().unwrap()).to_vec(),
        fingerprint: Fingerprint([0xab; 32]),
        preference: Preference::default(),
    };
    let read = read::Offer::read(&offer.to_string()).unwrap();
    let negotiated = negotiate(&read, &[], &policy, &agreed, BTreeSet::new(), &mut draw).unwrap();
    Answer::read(&negotiated.answer.to_string()).unwrap()
}

#[test]
fn the_server_answers_each_m_line_and_its_answer_is_read() {
    let offer = offer(vec![
        Section::Send { source: Source::Microphone, rids: Vec::new() },
        Section::Send { source: Source::Camera, rids: vec!["q", "h", "f"] },
        Section::Receive(MediaKind::Audio),
        Section::Receive(MediaKind::Video),
    ]);
    let answer = answered(&offer);
    assert_eq!(
        answer.candidates,
        ["127.0.0.1:3478".parse().unwrap(), "[::1]:3479".parse().unwrap()]
    );
    assert_eq!(answer.fingerprint, Fingerprint([0xab; 32]));
    let slots: Vec<_> =
        answer.sections.iter().map(|one| (one.ssrc.is_some(), one.rtx.is_some())).collect();
    assert_eq!(slots, [(false, false), (false, false), (true, false), (true, true)]);
    assert!(answer.sections.iter().all(|one| one.transport_wide));
}

#[test]
fn of_sound_alone_nothing_is_numbered() {
    let answer = answered(&offer(vec![Section::Receive(MediaKind::Audio)]));
    assert_eq!(answer.sections.iter().map(|one| one.transport_wide).collect::<Vec<_>>(), [false]);
}

#[test]
fn tracks_are_named_by_their_m_lines_as_the_protocol_names_sources() {
    let offer = offer(vec![
        Section::Receive(MediaKind::Audio),
        Section::Send { source: Source::ScreenSound, rids: Vec::new() },
        Section::Send { source: Source::Screen, rids: Vec::new() },
    ]);
    let tracks: Vec<_> = offer.tracks().collect();
    assert_eq!(tracks, [("1".to_owned(), "screen_sound"), ("2".to_owned(), "screen")]);
}

#[test]
fn an_answer_without_what_is_needed_is_refused_by_name() {
    let whole = "a=ice-ufrag:abcd\na=ice-pwd:0123456789012345678901\na=candidate:1 1 udp 1 127.0.0.1 9 typ host\n";
    assert_eq!(Answer::read(whole), Err(AnswerError("fingerprint")));
    let print = format!("a=fingerprint:sha-256 {}\n", Fingerprint([1; 32]));
    assert!(Answer::read(&format!("{whole}{print}")).is_ok());
    assert_eq!(Answer::read(&print), Err(AnswerError("candidate")));
}
