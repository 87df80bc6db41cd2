use super::*;
use crate::sdp::Direction;
use crate::sdp::format::Carries;
use sfu::media::{Format, H264Profile, MediaKind, PayloadType, Ssrc};
use sfu::packet::extension::Extension;

const CHROMIUM: &str = include_str!("../../tests/data/sdp/chromium_call.sdp");
const FIREFOX: &str = include_str!("../../tests/data/sdp/firefox_call.sdp");
const WHIP: &str = include_str!("../../tests/data/sdp/whip_rfc9725.sdp");

/// The offer with the first `from` replaced: one rule broken at a time.
fn broken(from: &str, to: &str) -> SdpError {
    assert!(CHROMIUM.contains(from), "{from}");
    Offer::read(&CHROMIUM.replacen(from, to, 1)).unwrap_err()
}

fn everywhere(from: &str, to: &str) -> SdpError {
    assert!(CHROMIUM.contains(from), "{from}");
    Offer::read(&CHROMIUM.replace(from, to)).unwrap_err()
}

#[test]
fn a_chromium_offer_is_read_as_the_browser_meant_it() {
    let offer = Offer::read(CHROMIUM).unwrap();
    assert_eq!(offer.session, 8_698_337_128_475_561_519);
    assert_eq!(offer.ice.ufrag.as_str(), "nS5S");
    assert_eq!(offer.ice.password.as_str(), "+jB/V8JYD1FDHeKk8iShpoDP");
    assert_eq!(offer.fingerprint.0[..3], [0xf8, 0xb9, 0x0a]);
    assert_eq!(offer.role, DtlsRole::Server);
    assert!(offer.mixed_extensions);
    assert_eq!(offer.sections.len(), 11);

    let camera = offer.sections[1].rtp.as_ref().unwrap();
    assert_eq!((camera.kind, camera.direction), (MediaKind::Video, Direction::SendOnly));
    let rids: Vec<_> = camera.encodings.iter().map(|encoding| encoding.rid.unwrap().0).collect();
    assert_eq!(rids.iter().map(ArrayString::as_str).collect::<Vec<_>>(), ["low", "mid", "high"]);
    assert!(camera.simulcast && camera.reduced_size);
    let carried: Vec<_> =
        camera.payloads.iter().map(|payload| (payload.number.0, payload.carries)).collect();
    let rtx = |of| Carries::Retransmission(PayloadType(of));
    let media = Carries::Media;
    assert_eq!(
        carried,
        [
            (96, media(Format::Vp8)),
            (97, rtx(96)),
            (102, media(Format::H264(H264Profile::Baseline))),
            (103, rtx(102)),
            (108, media(Format::H264(H264Profile::ConstrainedBaseline))),
            (109, rtx(108)),
            (116, media(Format::H264(H264Profile::Main))),
            (117, rtx(116)),
            (45, media(Format::Av1(0))),
            (46, rtx(45)),
            (98, media(Format::Vp9(0))),
            (99, rtx(98)),
            (100, media(Format::Vp9(2))),
            (101, rtx(100)),
        ]
    );
    let feedback = camera.payloads[0].feedback;
    assert!(
        feedback.nack && feedback.pli && feedback.fir && feedback.transport_wide && feedback.remb
    );
    assert!(!camera.payloads[1].feedback.nack);
    let dependency = camera
        .extensions
        .iter()
        .find(|offered| offered.extension == Extension::DependencyDescriptor);
    assert_eq!(dependency.unwrap().id.value(), 12);

    let microphone = offer.sections[0].rtp.as_ref().unwrap();
    assert_eq!(microphone.encodings[0].ssrc.unwrap().0, 584_753_584);
    let carried: Vec<_> =
        microphone.payloads.iter().map(|payload| (payload.number.0, payload.carries)).collect();
    assert_eq!(carried, [(111, media(Format::Opus)), (63, media(Format::Red))]);
    assert_eq!(microphone.payloads[0].fmtp.as_deref(), Some("minptime=10;useinbandfec=1"));
}

#[test]
fn a_firefox_offer_is_read_with_its_bundle_only_lines_and_directed_extensions() {
    let offer = Offer::read(FIREFOX).unwrap();
    assert_eq!(offer.ice.ufrag.as_str(), "39d7337b");
    assert_eq!(offer.fingerprint.0[..2], [0x8b, 0x52]);
    assert!(
        offer.sections.iter().all(|section| section.rtp.is_some()),
        "port 0 with a=bundle-only is no rejection"
    );
    let camera = offer.sections[1].rtp.as_ref().unwrap();
    assert_eq!(camera.encodings.len(), 3);
    assert_eq!(camera.ssrcs.len(), 6);
    let offered =
        |wanted| camera.extensions.iter().find(|offered| offered.extension == wanted).unwrap();
    assert_eq!(offered(Extension::DependencyDescriptor).direction, Some(Direction::SendOnly));
    assert_eq!(offered(Extension::PlayoutDelay).direction, Some(Direction::ReceiveOnly));
    assert_eq!(offered(Extension::Mid).direction, None);
}

#[test]
fn retransmission_streams_are_paired_by_their_group() {
    let offer = Offer::read(include_str!("../../tests/data/sdp/chromium_plain.sdp")).unwrap();
    let encoding = offer.sections[1].rtp.as_ref().unwrap().encodings[0];
    let group =
        format!("a=ssrc-group:FID {} {}", encoding.ssrc.unwrap().0, encoding.rtx.unwrap().0);
    assert!(include_str!("../../tests/data/sdp/chromium_plain.sdp").contains(&group));
}

#[test]
fn data_channels_and_rejected_m_lines_are_read_as_nothing_to_carry() {
    let offer = Offer::read(include_str!("../../tests/data/sdp/firefox_data_only.sdp")).unwrap();
    assert!(offer.sections.iter().all(|section| section.rtp.is_none()));
    let rejected = CHROMIUM.replacen("m=video 9", "m=video 0", 1);
    assert!(Offer::read(&rejected).unwrap().sections[1].rtp.is_none());
}

#[test]
fn an_m_line_outside_the_bundle_is_not_carried() {
    let offer = Offer::read(&CHROMIUM.replacen("BUNDLE 0 1 2", "BUNDLE 0 2", 1)).unwrap();
    assert!(offer.sections[0].rtp.is_some());
    assert!(offer.sections[1].rtp.is_none());
}

#[test]
fn a_missing_line_is_named() {
    assert_eq!(broken("a=group:BUNDLE", "a=group:LS"), SdpError::Missing("a=group:BUNDLE"));
    assert_eq!(everywhere("a=ice-ufrag:", "a=x-ufrag:"), SdpError::Missing("a=ice-ufrag"));
    assert_eq!(everywhere("a=ice-pwd:", "a=x-pwd:"), SdpError::Missing("a=ice-pwd"));
    assert_eq!(
        everywhere("a=fingerprint:", "a=x-fingerprint:"),
        SdpError::Missing("a=fingerprint")
    );
    assert_eq!(everywhere("a=setup:", "a=x-setup:"), SdpError::Missing("a=setup"));
    assert_eq!(broken("a=mid:3\r\n", "").to_string(), "m-line number 4: a=mid is missing");
    assert_eq!(broken("a=rtcp-mux\r\n", "").to_string(), "m-line 0: a=rtcp-mux is missing");
}

#[test]
fn a_line_that_breaks_a_rule_is_shown() {
    for (from, to, shown) in [
        ("a=ice-ufrag:nS5S", "a=ice-ufrag:nS", "a=ice-ufrag:nS"),
        ("a=ice-pwd:+jB/V8JYD1FDHeKk8iShpoDP", "a=ice-pwd:short", "a=ice-pwd:short"),
        ("a=ice-ufrag:nS5S", "a=ice-ufrag:nS:5S", "a=ice-ufrag:nS:5S"),
        ("sha-256 F8:B9", "sha-256 F8B9", "a=fingerprint:sha-256 F8B9"),
        ("sha-256 F8", "sha-256 G8", "a=fingerprint:sha-256 G8"),
        ("a=setup:actpass", "a=setup:holdconn", "a=setup:holdconn"),
        ("a=mid:0", "a=mid:0123456789abcdefg", "a=mid:0123456789abcdefg"),
        ("t=0 0\r\n", "t=0 0\r\na=ice-lite\r\n", "a=ice-lite"),
    ] {
        let error = broken(from, to);
        assert!(error.to_string().contains(shown), "{error}");
    }
    let sha_1 = everywhere("sha-256", "sha-1").to_string();
    assert!(sha_1.contains("only sha-256"), "{sha_1}");
}

#[test]
fn an_m_line_that_breaks_a_rule_is_named() {
    for (from, to, rule) in [
        ("a=mid:1\r\n", "a=mid:0\r\n", "the mid occurs twice"),
        ("a=simulcast:send low;mid", "a=simulcast:send low;other", "without an a=rid line"),
        ("a=simulcast:send low;mid", "a=simulcast:send low;low", "names a rid twice"),
        ("a=rid:low", "a=rid:l=w", "a rid is"),
        ("a=ssrc:584753584", "a=ssrc:x", "a=ssrc that is no number"),
        (
            "a=ssrc:584753584 cname",
            "a=ssrc-group:FID 1\r\na=ssrc:584753584 cname",
            "name two SSRCs",
        ),
        (
            "a=ssrc:584753584 cname",
            "a=ssrc-group:FID 1 2\r\na=ssrc:584753584 cname",
            "without a=ssrc lines",
        ),
        ("a=rid:low", "a=ssrc:584753584 cname:x\r\na=rid:low", "another m-line has"),
        ("a=extmap:1 ", "a=extmap:one ", "a=extmap"),
    ] {
        let error = broken(from, to);
        assert!(error.to_string().contains(rule), "{error}");
    }
}

/// As ffmpeg 9 writes it, against RFC 5576, section 4.2.
#[test]
fn a_retransmission_without_a_line_of_its_own_is_known_by_its_group() {
    let text = WHIP
        .replace("a=rtpmap:96 VP8", "a=ssrc-group:FID 7 8\r\na=ssrc:7 cname:x\r\na=rtpmap:96 VP8");
    let offer = Offer::read(&text).unwrap();
    let rtp = offer.sections[1].rtp.as_ref().unwrap();
    assert_eq!((rtp.encodings[0].ssrc, rtp.encodings[0].rtx), (Some(Ssrc(7)), Some(Ssrc(8))));
    assert_eq!(rtp.ssrcs.len(), 2);
}

#[test]
fn everything_is_bounded() {
    assert_eq!(Offer::read(&"x".repeat(SDP_BYTES_MAX + 1)), Err(SdpError::TooLong));
    let head = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE\r\n";
    let lines = "m=audio 0 RTP/AVP 0\r\n".repeat(SECTIONS_MAX + 1);
    let error = Offer::read(&format!("{head}{lines}")).unwrap_err();
    assert_eq!(error, SdpError::TooMany { what: "m-lines", bound: SECTIONS_MAX });
    let formats = format!("SAVPF{}", " 111".repeat(100));
    assert!(broken("SAVPF 111", &formats).to_string().contains("96 payload types"));
    let sources: String = (1..=40).map(|n| format!("a=ssrc:{n} cname:x\r\n")).collect();
    assert!(
        broken("a=ssrc:584753584 cname", &format!("{sources}a=ssrc:584753584 cname"))
            .to_string()
            .contains("32 SSRCs")
    );
}

#[test]
fn what_is_no_sdp_is_refused_as_such() {
    for text in [
        "",
        "hello",
        "v=0",
        "{}",
        "v=0\r\no=- x\r\n",
        "v=0\r\no=- 1 1 IN IP4 0\r\ns=-\r\nt=0 0\r\nm=audio\r\n",
    ] {
        let error = Offer::read(text).unwrap_err();
        assert!(matches!(error, SdpError::Syntax(_) | SdpError::Missing(_)), "{text:?}: {error:?}");
    }
    assert_eq!(
        broken("a=mid:0", "a=mid:0\ra=evil"),
        SdpError::Syntax("a control character".to_owned())
    );
}
