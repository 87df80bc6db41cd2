use std::io::Cursor;

use proptest::prelude::*;
use rtc_sdp::description::media::MediaDescription;
use rtc_sdp::description::session::SessionDescription;
use sfu::command::DtlsRole;
use sfu::media::{Format, H264Profile};

use super::*;

const CHROMIUM: &str = include_str!("../../tests/data/sdp/chromium_call.sdp");
const CHROMIUM_RESTART: &str = include_str!("../../tests/data/sdp/chromium_restart.sdp");
const CHROMIUM_AUDIO: &str = include_str!("../../tests/data/sdp/chromium_audio_only.sdp");
const CHROMIUM_PLAIN: &str = include_str!("../../tests/data/sdp/chromium_plain.sdp");
const FIREFOX: &str = include_str!("../../tests/data/sdp/firefox_call.sdp");
const FIREFOX_RESTART: &str = include_str!("../../tests/data/sdp/firefox_restart.sdp");
const FIREFOX_PLAIN: &str = include_str!("../../tests/data/sdp/firefox_plain_gathered.sdp");
/// 25 slots, without codecs that Confab does not carry: the largest offer there is.
const CHROMIUM_25: &str = include_str!("../../tests/data/sdp/chromium_25_slots.sdp");
const ALL: [&str; 10] = [
    CHROMIUM,
    CHROMIUM_RESTART,
    CHROMIUM_AUDIO,
    CHROMIUM_PLAIN,
    include_str!("../../tests/data/sdp/chromium_plain_gathered.sdp"),
    FIREFOX,
    FIREFOX_RESTART,
    FIREFOX_PLAIN,
    include_str!("../../tests/data/sdp/firefox_audio_only.sdp"),
    CHROMIUM_25,
];

fn policy() -> Policy {
    Policy {
        candidates: vec!["127.0.0.1:3478".parse().unwrap(), "[::1]:3478".parse().unwrap()],
        fingerprint: Fingerprint([0xab; 32]),
        preference: Preference::default(),
    }
}

fn track(mid: &str, source: Source) -> Track {
    Track { mid: mid.to_owned(), source }
}

/// Answers `text` as the first offer of a connection.
fn first(text: &str) -> Negotiated {
    let mut draw = Draw::seeded(1);
    let agreed = Agreed::new(&mut draw);
    again(text, &[], &agreed).unwrap()
}

fn again(text: &str, tracks: &[Track], agreed: &Agreed) -> Result<Negotiated, SdpError> {
    let offer = Offer::read(text).unwrap();
    negotiate(&offer, tracks, &policy(), agreed, BTreeSet::new(), &mut Draw::seeded(2))
}

/// Answers `text` as the first offer of a connection, where the operator prefers something.
fn preferred(text: &str, preference: Preference) -> Negotiated {
    let mut draw = Draw::seeded(1);
    let agreed = Agreed::new(&mut draw);
    let policy = Policy { preference, ..policy() };
    let offer = Offer::read(text).unwrap();
    negotiate(&offer, &[], &policy, &agreed, BTreeSet::new(), &mut draw).unwrap()
}

/// What both browsers wrote is answered without the codecs that the operator leaves out, and no m-line is left without any.
#[test]
fn an_answer_accepts_only_the_codecs_that_the_operator_names() {
    use simulcast::codec::Codec::{Opus, Vp8};
    for text in [CHROMIUM, FIREFOX] {
        let codecs = vec![Opus, Vp8];
        let answer = parsed(&preferred(text, Preference { codecs, ..Preference::default() }));
        let all = parsed(&first(text));
        let named = |answer: &SessionDescription| {
            let lines = answer.media_descriptions.iter().flat_map(|it| values(it, "rtpmap"));
            let names = lines.map(|line| line.split([' ', '/']).nth(1).unwrap().to_lowercase());
            names.collect::<BTreeSet<String>>()
        };
        let expected = ["opus", "vp8", "rtx"].map(str::to_owned);
        assert!(named(&answer).iter().all(|name| expected.contains(name)), "{:?}", named(&answer));
        assert!(named(&all).contains("vp9") && named(&answer).contains("vp8"));
        assert!(answer.media_descriptions.iter().all(|it| it.media_name.port.value != 0));
    }
}

/// RFC 7587, section 7: what the answer declares is how the client sends; of what it receives nothing changes.
#[test]
fn an_answer_declares_how_opus_is_to_be_sent() {
    use crate::sdp::preference::OpusPreference;
    let opus = OpusPreference {
        bitrate: Some(24_000),
        stereo: Some(false),
        dtx: Some(true),
        fec: Some(true),
    };
    for text in [CHROMIUM, FIREFOX] {
        let answer = parsed(&preferred(text, Preference { opus, ..Preference::default() }));
        let mut sends = 0;
        for media in answer.media_descriptions.iter().filter(|it| it.media_name.media == "audio") {
            let opus = values(media, "rtpmap").into_iter().find(|line| line.contains("opus"));
            let number = opus.unwrap().split(' ').next().unwrap();
            let fmtp = values(media, "fmtp");
            let fmtp = fmtp.iter().find_map(|line| line.strip_prefix(&format!("{number} ")));
            let declared: BTreeSet<&str> = fmtp.unwrap_or("").split(';').collect();
            let told = ["maxaveragebitrate=24000", "stereo=0", "usedtx=1", "useinbandfec=1"];
            let received = direction(media) == "recvonly";
            sends += usize::from(received);
            let all = told.iter().all(|parameter| declared.contains(parameter));
            assert_eq!(all, received, "{fmtp:?}");
        }
        assert!(sends > 0);
    }
}

fn parsed(negotiated: &Negotiated) -> SessionDescription {
    let text = negotiated.answer.to_string();
    SessionDescription::unmarshal(&mut Cursor::new(text.as_bytes())).unwrap()
}

fn values<'a>(description: &'a MediaDescription, key: &str) -> Vec<&'a str> {
    let of_key = description.attributes.iter().filter(|attribute| attribute.key == key);
    of_key.map(|attribute| attribute.value.as_deref().unwrap_or("")).collect()
}

fn direction(description: &MediaDescription) -> &'static str {
    let names = ["sendrecv", "sendonly", "recvonly", "inactive"];
    names.into_iter().find(|name| description.has_attribute(name)).unwrap()
}

/// RFC 8829, section 5.3.1, and RFC 8843, section 7.3: what holds of any answer to a bundled offer.
#[test]
fn an_answer_keeps_to_jsep_and_bundle() {
    for text in ALL {
        let answer = parsed(&first(text));
        let mut reader = Cursor::new(text.as_bytes());
        let offer = SessionDescription::unmarshal(&mut reader).unwrap();
        assert_eq!(answer.media_descriptions.len(), offer.media_descriptions.len());
        assert!(answer.has_attribute("ice-lite"));
        let group = answer.attribute("group").unwrap();
        let bundled: Vec<&str> = group.split_whitespace().skip(1).collect();
        for (ours, theirs) in answer.media_descriptions.iter().zip(&offer.media_descriptions) {
            assert_eq!(ours.media_name.media, theirs.media_name.media);
            assert_eq!(ours.media_name.protos, theirs.media_name.protos);
            assert_eq!(values(ours, "mid"), values(theirs, "mid"));
            let mid = values(ours, "mid")[0];
            let rejected = ours.media_name.port.value == 0;
            assert_eq!(bundled.contains(&mid), !rejected, "the bundle holds what was not rejected");
            assert_eq!(rejected, ours.media_name.media == "application");
            if rejected {
                continue;
            }
            assert!(ours.has_attribute("rtcp-mux"));
            assert_eq!(ours.media_name.port.value, 3478);
            assert!(
                ours.media_name
                    .formats
                    .iter()
                    .all(|format| theirs.media_name.formats.contains(format))
            );
            let leads = mid == bundled[0];
            for key in ["ice-ufrag", "ice-pwd", "fingerprint", "setup"] {
                assert_eq!(
                    values(ours, key).len(),
                    1,
                    "Firefox crashes without {key} in each m-line"
                );
            }
            assert_eq!(values(ours, "candidate").len(), if leads { 4 } else { 0 });
            assert_eq!(ours.has_attribute("end-of-candidates"), leads);
            let reply = match direction(theirs) {
                "sendonly" | "sendrecv" => "recvonly",
                "recvonly" => "sendonly",
                other => other,
            };
            assert_eq!(direction(ours), reply);
        }
    }
}

#[test]
fn the_leading_m_line_carries_the_transport() {
    let answer = parsed(&first(CHROMIUM));
    let leader = &answer.media_descriptions[0];
    assert_eq!(values(leader, "setup"), ["passive"]);
    assert_eq!(values(leader, "fingerprint"), [format!("sha-256 AB{}", ":AB".repeat(31))]);
    // RFC 8445, section 5.1.2.1: 2^24 · 126 + 2^8 · 65535 + 255; RFC 6544, section 4.2: 2^24 · 90 + 2^8 · (2^13 · 4 + 8191) + 255.
    assert_eq!(
        values(leader, "candidate"),
        [
            "1 1 udp 2130706431 127.0.0.1 3478 typ host",
            "2 1 udp 2130706175 ::1 3478 typ host",
            "3 1 tcp 1520435199 127.0.0.1 3478 typ host tcptype passive",
            "4 1 tcp 1520434943 ::1 3478 typ host tcptype passive",
        ]
    );
}

#[test]
fn an_active_client_meets_a_passive_server_and_the_other_way_round() {
    assert_eq!(
        first(&CHROMIUM.replace("setup:actpass", "setup:active")).answer.role,
        DtlsRole::Server
    );
    let active = first(&CHROMIUM.replace("setup:actpass", "setup:passive"));
    assert_eq!(active.answer.role, DtlsRole::Client);
    assert_eq!(values(&parsed(&active).media_descriptions[0], "setup"), ["active"]);
}

#[test]
fn a_simulcast_is_received_with_the_offered_rids_in_their_order() {
    for text in [CHROMIUM, FIREFOX] {
        let negotiated = first(text);
        let answer = parsed(&negotiated);
        let camera = &answer.media_descriptions[1];
        // RFC 8853, section 5.3.2: send becomes recv.
        assert_eq!(values(camera, "rid"), ["low recv", "mid recv", "high recv"]);
        assert_eq!(values(camera, "simulcast"), ["recv low;mid;high"]);
        let rids: Vec<_> =
            negotiated.publications[1].encodings.iter().map(|e| e.rid.unwrap().0).collect();
        assert_eq!(
            rids.iter().map(ArrayString::as_str).collect::<Vec<_>>(),
            ["low", "mid", "high"]
        );
    }
}

#[test]
fn receive_m_lines_become_slots_with_streams_of_their_own() {
    for text in [CHROMIUM, FIREFOX] {
        let negotiated = first(text);
        let answer = parsed(&negotiated);
        assert_eq!(negotiated.slots.len(), 7);
        let mut ssrcs = BTreeSet::new();
        for (place, slot) in negotiated.slots.iter().enumerate() {
            assert_eq!(usize::from(slot.id.0), place);
            let description = &answer.media_descriptions[4 + place];
            let name = if slot.kind == MediaKind::Audio { "audio" } else { "video" };
            let pair = if slot.kind == MediaKind::Audio { place } else { place - 3 };
            assert_eq!(usize::from(slot.pair), pair);
            assert_eq!(values(description, "msid"), [format!("pair-{pair} {name}-{pair}")]);
            let cname = negotiated.agreed.cname;
            assert!(
                values(description, "ssrc")
                    .contains(&format!("{} cname:{cname}", slot.ssrc.0).as_str())
            );
            assert!(ssrcs.insert(slot.ssrc.0));
            if slot.kind == MediaKind::Video {
                let rtx = slot.rtx.unwrap().0;
                assert!(ssrcs.insert(rtx));
                assert_eq!(
                    values(description, "ssrc-group"),
                    [format!("FID {} {rtx}", slot.ssrc.0)]
                );
            } else {
                assert_eq!(slot.rtx, None);
            }
        }
        let slots = negotiated.slots.iter().map(|slot| slot.mid.0.to_string());
        assert_eq!(slots.collect::<Vec<_>>(), ["4", "5", "6", "7", "8", "9", "10"]);
    }
}

#[test]
fn an_offer_of_25_slots_fits_and_is_answered() {
    let negotiated = first(CHROMIUM_25);
    let count = |kind| negotiated.slots.iter().filter(|slot| slot.kind == kind).count();
    assert_eq!((count(MediaKind::Audio), count(MediaKind::Video)), (3, 25));
    let message = serde_json::json!({ "op": "offer", "id": 1, "sdp": CHROMIUM_25, "tracks": [] });
    assert!(message.to_string().len() < crate::dialect::socket::MESSAGE_BYTES_MAX);
}

#[test]
fn payload_types_and_extension_ids_stay_the_clients_own() {
    let negotiated = first(CHROMIUM);
    let camera = &negotiated.publications[1];
    let map = |number, format, rtx| PayloadMap {
        payload_type: PayloadType(number),
        format,
        rtx: Some(PayloadType(rtx)),
    };
    assert_eq!(
        camera.payloads,
        [
            map(96, Format::Vp8, 97),
            map(102, Format::H264(H264Profile::Baseline), 103),
            map(108, Format::H264(H264Profile::ConstrainedBaseline), 109),
            map(116, Format::H264(H264Profile::Main), 117),
            map(45, Format::Av1(0), 46),
            map(98, Format::Vp9(0), 99),
            map(100, Format::Vp9(2), 101),
        ]
    );
    let id =
        |extension| camera.extensions.id(extension).map(sfu::packet::extension::ExtensionId::value);
    assert_eq!(id(Extension::Mid), Some(4));
    assert_eq!(id(Extension::Rid), Some(10));
    assert_eq!(id(Extension::RepairedRid), Some(11));
    assert_eq!(id(Extension::TransportSequence), Some(3));
    assert_eq!(id(Extension::DependencyDescriptor), Some(12));
    assert_eq!(id(Extension::AudioLevel), None);
}

/// What of Opus is wanted (RFC 7587, section 6.1) comes back both ways: a sender that is not told so leaves in-band FEC out.
#[test]
fn in_band_fec_is_agreed_on_in_both_directions() {
    let mut seen = BTreeSet::new();
    for text in ALL {
        for description in parsed(&first(text)).media_descriptions {
            let opus = values(&description, "rtpmap").into_iter();
            let opus = opus.filter_map(|map| map.strip_suffix(" opus/48000/2"));
            for number in opus {
                let fmtp = values(&description, "fmtp").into_iter();
                let mut fmtp = fmtp.filter_map(|it| it.strip_prefix(number)?.strip_prefix(' '));
                let parameters = fmtp.next().unwrap_or_default();
                assert!(parameters.split(';').any(|it| it == "useinbandfec=1"), "{parameters}");
                seen.insert(direction(&description));
            }
        }
    }
    assert!(seen.is_superset(&BTreeSet::from(["recvonly", "sendonly"])), "{seen:?}");
}

#[test]
fn an_extension_is_used_only_in_the_direction_it_was_offered_for() {
    let negotiated = first(FIREFOX);
    let camera = &negotiated.publications[1];
    assert!(camera.extensions.id(Extension::DependencyDescriptor).is_some());
    assert!(camera.extensions.id(Extension::PlayoutDelay).is_none(), "Firefox only receives it");
    let slot = negotiated.slots.iter().find(|slot| slot.kind == MediaKind::Video).unwrap();
    assert!(slot.extensions.id(Extension::PlayoutDelay).is_some());
    assert!(slot.extensions.id(Extension::DependencyDescriptor).is_none(), "Firefox only sends it");
    let answer = parsed(&negotiated);
    let lines = values(&answer.media_descriptions[1], "extmap");
    assert!(
        lines.iter().any(|line| line.starts_with("8/recvonly https://aomediacodec")),
        "{lines:?}"
    );
}

#[test]
fn sound_alone_negotiates_no_transport_wide_feedback() {
    let alone = first(CHROMIUM_AUDIO);
    let answer = alone.answer.to_string();
    assert!(!answer.contains("transport-cc") && !answer.contains("transport-wide-cc"), "{answer}");
    assert!(!alone.publications[0].feedback.transport_wide);
    let beside_pictures = first(CHROMIUM);
    assert!(beside_pictures.publications[0].feedback.transport_wide);
    assert!(beside_pictures.publications[0].extensions.id(Extension::TransportSequence).is_some());
}

#[test]
fn data_channels_are_answered_with_port_0() {
    let answer = parsed(&first(CHROMIUM_PLAIN));
    assert_eq!(answer.media_descriptions[2].media_name.media, "application");
    assert_eq!(answer.media_descriptions[2].media_name.port.value, 0);
    assert_eq!(answer.attribute("group").unwrap(), "BUNDLE 0 1");
}

#[test]
fn an_offer_of_data_channels_alone_is_refused() {
    let mut draw = Draw::seeded(1);
    let agreed = Agreed::new(&mut draw);
    for text in [
        include_str!("../../tests/data/sdp/chromium_data_only.sdp"),
        include_str!("../../tests/data/sdp/firefox_data_only.sdp"),
    ] {
        assert_eq!(again(text, &[], &agreed), Err(SdpError::NothingToCarry));
    }
}

#[test]
fn tracks_name_what_is_sent_and_inactive_ones_are_publications_at_rest() {
    let mut draw = Draw::seeded(1);
    let agreed = Agreed::new(&mut draw);
    let tracks = [track("2", Source::Screen), track("3", Source::ScreenSound)];
    let negotiated = again(CHROMIUM, &tracks, &agreed).unwrap();
    let sources: Vec<_> = negotiated.publications.iter().map(|p| (p.source, p.active)).collect();
    assert_eq!(
        sources,
        [
            (Source::Microphone, true),
            (Source::Camera, true),
            (Source::Screen, false),
            (Source::ScreenSound, false)
        ]
    );
    assert_eq!(
        again(CHROMIUM, &[], &agreed).unwrap().publications.len(),
        2,
        "unnamed and inactive: nothing yet"
    );
}

#[test]
fn tracks_that_contradict_the_offer_are_refused() {
    let mut draw = Draw::seeded(1);
    let agreed = Agreed::new(&mut draw);
    for (tracks, rule) in [
        (vec![track("99", Source::Camera)], "is no m-line"),
        (vec![track("", Source::Camera)], "is no m-line"),
        (vec![track("0", Source::Camera)], "is of the other kind"),
        (vec![track("7", Source::Camera)], "does not send"),
        (vec![track("1", Source::Camera), track("1", Source::Screen)], "occurs twice"),
    ] {
        let error = again(CHROMIUM, &tracks, &agreed).unwrap_err();
        assert!(error.to_string().contains(rule), "{error}");
    }
}

#[test]
fn a_second_offer_keeps_every_id_and_ssrc() {
    let before = first(CHROMIUM);
    let after = again(&CHROMIUM.replacen(" 2 IN", " 3 IN", 1), &[], &before.agreed).unwrap();
    assert!(!after.restart);
    assert_eq!(after.slots, before.slots);
    assert_eq!(after.publications, before.publications);
    assert_eq!(after.answer.ice, before.answer.ice);
    assert_eq!(after.answer.session, before.answer.session);
    assert_eq!(after.answer.version, before.answer.version + 1);
}

#[test]
fn changed_credentials_restart_ice_and_change_nothing_else() {
    for (text, restarted) in [(CHROMIUM, CHROMIUM_RESTART), (FIREFOX, FIREFOX_RESTART)] {
        let before = first(text);
        assert!(before.agreed.continues_with(&Offer::read(restarted).unwrap()));
        let after = again(restarted, &[], &before.agreed).unwrap();
        assert!(after.restart);
        assert_ne!(after.agreed.local, before.agreed.local);
        assert_eq!(after.answer.ice, after.agreed.local);
        assert_eq!((after.slots, after.publications), (before.slots, before.publications));
    }
}

#[test]
fn another_session_or_certificate_is_another_connection() {
    let agreed = first(CHROMIUM).agreed;
    assert!(agreed.continues_with(&Offer::read(CHROMIUM).unwrap()));
    assert!(!agreed.continues_with(&Offer::read(FIREFOX).unwrap()));
    assert!(
        !agreed
            .continues_with(&Offer::read(&CHROMIUM.replace("sha-256 F8", "sha-256 F9")).unwrap())
    );
}

#[test]
fn a_camera_switched_off_and_on_is_the_same_publication() {
    let on = first(CHROMIUM);
    let off_text = CHROMIUM.replacen("a=sendonly\r\na=msid", "a=inactive\r\na=msid", 2);
    let off = again(&off_text, &[], &on.agreed).unwrap();
    assert!(off.publications.iter().all(|publication| !publication.active));
    let on_again = again(CHROMIUM, &[], &off.agreed).unwrap();
    assert_eq!(on_again.publications, on.publications);
}

#[test]
fn a_slot_at_rest_keeps_its_number_and_ssrc() {
    let before = first(CHROMIUM);
    let resting =
        again(&CHROMIUM.replace("a=recvonly", "a=inactive"), &[], &before.agreed).unwrap();
    assert!(resting.slots.is_empty());
    assert_eq!(again(CHROMIUM, &[], &resting.agreed).unwrap().slots, before.slots);
}

#[test]
fn a_recycled_m_line_gets_a_number_that_never_was() {
    let before = first(CHROMIUM);
    let recycled =
        CHROMIUM.replace("a=mid:10\r\n", "a=mid:11\r\n").replace(" 9 10\r\n", " 9 11\r\n");
    let after = again(&recycled, &[], &before.agreed).unwrap();
    assert_eq!(after.slots.last().unwrap().id, SlotId(7));
    let ssrcs: BTreeSet<_> = before.slots.iter().map(|slot| slot.ssrc).collect();
    assert!(!ssrcs.contains(&after.slots.last().unwrap().ssrc));
}

#[test]
fn numbers_of_the_channel_are_not_drawn_again() {
    let mut draw = Draw::seeded(1);
    let agreed = Agreed::new(&mut draw);
    let offer = Offer::read(CHROMIUM).unwrap();
    let drawn = |taken| {
        let negotiated =
            negotiate(&offer, &[], &policy(), &agreed, taken, &mut Draw::seeded(2)).unwrap();
        negotiated.publications[0].id.0
    };
    let free = drawn(BTreeSet::new());
    assert_ne!(drawn(BTreeSet::from([free])), free);
}

/// One change to a real offer.
#[derive(Clone, Debug)]
enum Mutation {
    Delete(usize),
    Repeat(usize),
    Swap(usize, usize),
    Replace(usize, usize, char),
}

fn any_mutation() -> impl Strategy<Value = Mutation> {
    let line = 0..1_100_usize;
    prop_oneof![
        line.clone().prop_map(Mutation::Delete),
        line.clone().prop_map(Mutation::Repeat),
        (line.clone(), line.clone()).prop_map(|(a, b)| Mutation::Swap(a, b)),
        (line, 0..60_usize, any::<char>())
            .prop_map(|(line, place, c)| Mutation::Replace(line, place, c)),
    ]
}

fn mutated(text: &str, mutations: &[Mutation]) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for mutation in mutations {
        let count = lines.len();
        match *mutation {
            Mutation::Delete(line) => drop(lines.remove(line % count)),
            Mutation::Repeat(line) => lines.insert(line % count, lines[line % count].clone()),
            Mutation::Swap(a, b) => lines.swap(a % count, b % count),
            Mutation::Replace(line, place, with) => {
                let line = &mut lines[line % count];
                *line = line
                    .chars()
                    .enumerate()
                    .map(|(at, c)| if at == place { with } else { c })
                    .collect();
            }
        }
    }
    lines.join("\r\n") + "\r\n"
}

proptest! {
    /// Whatever can be read is answered or refused with a reason, and an answer has the offer's m-lines and can be read.
    #[test]
    fn every_offer_that_can_be_read_is_answered(
        which in 0..ALL.len(),
        mutations in prop::collection::vec(any_mutation(), 1..12),
    ) {
        if let Ok(offer) = Offer::read(&mutated(ALL[which], &mutations)) {
            let mut draw = Draw::seeded(3);
            let agreed = Agreed::new(&mut draw);
            match negotiate(&offer, &[], &policy(), &agreed, BTreeSet::new(), &mut draw) {
                Ok(negotiated) => {
                    let answer = parsed(&negotiated);
                    prop_assert_eq!(answer.media_descriptions.len(), offer.sections.len());
                    let publications = negotiated.publications.iter().map(|publication| publication.id.0);
                    let slots = negotiated.slots.iter().flat_map(|slot| [Some(slot.ssrc.0), slot.rtx.map(|rtx| rtx.0)]);
                    let drawn: Vec<u32> = publications.chain(slots.flatten()).collect();
                    prop_assert_eq!(drawn.iter().collect::<BTreeSet<_>>().len(), drawn.len());
                    prop_assert!(negotiated.publications.iter().all(|p| !p.payloads.is_empty() && !p.encodings.is_empty()));
                }
                Err(error) => prop_assert_eq!(error, SdpError::NothingToCarry),
            }
        }
    }
}
