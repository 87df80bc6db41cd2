use super::*;

/// What RFC 9725, section 4.2, figure 2, offers.
pub(in crate::dialect::whip) const OFFER: &str =
    include_str!("../../../tests/data/sdp/whip_rfc9725.sdp");

fn published(text: &str) -> Result<Description, Problem> {
    Description::read(Role::Publish, text)
}

fn rule(problem: Result<Description, Problem>) -> String {
    match problem {
        Err(Problem::Rule(rule)) => rule,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_example_of_the_rfc_publishes_sound_and_picture() {
    let description = published(OFFER).unwrap();
    assert_eq!(
        (&description.audio[..], &description.video[..]),
        (&["0".to_owned()][..], &["1".to_owned()][..])
    );
    let voice = description.voice(Role::Publish);
    assert_eq!(
        (voice.muted, voice.camera, voice.screen, voice.deafened),
        (false, true, false, false)
    );
    assert_eq!(description.text(), OFFER);
    assert!(description.has("1") && !description.has("2"));
}

#[test]
fn an_offer_that_does_not_send_is_refused() {
    let text = OFFER.replacen("a=sendonly", "a=recvonly", 1);
    assert_eq!(rule(published(&text)), "m-line 0: sendonly is asked for, or sendrecv");
    let text = OFFER.replacen("a=sendonly", "a=inactive", 1);
    assert_eq!(rule(published(&text)), "m-line 0: sendonly is asked for, or sendrecv");
    assert!(published(&OFFER.replace("a=sendonly", "a=sendrecv")).is_ok());
}

#[test]
fn no_answer_would_be_half_a_success() {
    let text = OFFER.replace("VP8/90000", "H265/90000");
    assert_eq!(rule(published(&text)), "m-line 1: has no codec that Confab carries");
    let text = OFFER.replace("BUNDLE 0 1", "BUNDLE 0").replace("m=video 0", "m=video 9");
    assert_eq!(rule(published(&text)), "m-line 1: is outside of the bundle");
    let (session, media) = OFFER.split_once("m=audio").unwrap();
    let again = format!("m=audio{media}").replace("mid:0", "mid:2").replace("mid:1", "mid:3");
    let text = format!("{session}m=audio{media}{again}").replace("BUNDLE 0 1", "BUNDLE 0 1 2 3");
    assert!(rule(published(&text)).starts_with("m-line 2: is the second of its kind"));
}

#[test]
fn a_player_receives_whether_it_says_so_or_not() {
    let receiving = OFFER.replace("a=sendonly", "a=recvonly");
    for text in [
        receiving.clone(),
        OFFER.replace("a=sendonly", "a=sendrecv"),
        OFFER.replace("a=sendonly\r\n", ""),
    ] {
        let description = Description::read(Role::Play, &text).unwrap();
        let offer = Offer::read(&description.text()).unwrap();
        let directions =
            offer.sections.iter().map(|section| section.rtp.as_ref().unwrap().direction);
        assert_eq!(directions.collect::<Vec<_>>(), [Direction::ReceiveOnly; 2], "{text}");
        assert_eq!(description.voice(Role::Play), Voice::SILENT);
    }
    let refused = Description::read(Role::Play, OFFER);
    assert_eq!(rule(refused), "m-line 0: recvonly is asked for, or sendrecv");
    let half =
        Description::read(Role::Play, &receiving.replace("VP8/90000", "H265/90000")).unwrap();
    assert_eq!((half.audio.len(), half.video.len()), (1, 0));
}

#[test]
fn a_restart_differs_in_its_ice_session_alone() {
    let before = published(&OFFER.replace(
        "a=setup:actpass",
        "a=candidate:1 1 udp 2122260223 192.0.2.1 61764 typ host\r\na=end-of-candidates\r\na=setup:actpass",
    ))
    .unwrap();
    let ice = crate::sdp::read::ice_credentials("ysXw", "vw5LmwG4y/e6dPP/zAP9Gp5k").unwrap();
    let after = before.restarted(&ice);
    assert_eq!(after.ice, ice);
    let expected = OFFER
        .replace("EsAw", "ysXw")
        .replace("bP+XJMM09aR8AiX1jdukzR6Y", "vw5LmwG4y/e6dPP/zAP9Gp5k");
    assert_eq!(after.text(), expected);
    assert_eq!(Offer::read(&after.text()).unwrap().ice, ice);
}
