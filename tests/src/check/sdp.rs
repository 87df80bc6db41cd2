//! Offers and our answers, beside `rtc-sdp`.

use std::collections::BTreeSet;
use std::io::Cursor;
use std::net::SocketAddr;

use rand::SeedableRng;
use rand::rngs::StdRng;
use rtc_sdp::description::media::MediaDescription;
use rtc_sdp::description::session::SessionDescription;
use sfu::transport::dtls::Fingerprint;
use signaling::draw::Draw;
use signaling::sdp::negotiate::{Agreed, Negotiated, Policy, negotiate};
use signaling::sdp::preference::Preference;
use signaling::sdp::read::Offer;

/// Reads an offer and answers it. The answer can be read, has each m-line of the offer in its place, and is the same when the offer
/// is repeated but for its version.
///
/// # Panics
/// Where that is not so.
pub fn check_sdp(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(offer) = Offer::read(text) else { return };
    let mut draw = Draw::new(StdRng::seed_from_u64(1));
    let policy = Policy {
        candidates: vec![SocketAddr::from(([192, 0, 2, 1], 3478))],
        fingerprint: Fingerprint([7; 32]),
        preference: Preference::default(),
    };
    let nothing = Agreed::new(&mut draw);
    let Ok(first) = negotiate(&offer, &[], &policy, &nothing, BTreeSet::new(), &mut draw) else {
        return;
    };
    check_answer(&offer, &first);
    assert!(!first.restart && first.agreed.continues_with(&offer));
    let second = negotiate(&offer, &[], &policy, &first.agreed, BTreeSet::new(), &mut draw)
        .expect("what was taken once is taken again");
    assert!(!second.restart);
    assert_eq!(second.publications, first.publications);
    assert_eq!(second.slots, first.slots);
    check_answer(&offer, &second);
}

fn check_answer(offer: &Offer, negotiated: &Negotiated) {
    let text = negotiated.answer.to_string();
    for line in text.split_terminator("\r\n") {
        assert!(!line.contains(char::is_control), "a line in a line: {line:?}");
    }
    let tree = SessionDescription::unmarshal(&mut Cursor::new(text.as_bytes()))
        .expect("rtc-sdp reads our answer");
    assert_eq!(tree.media_descriptions.len(), offer.sections.len());
    let mut ssrcs = BTreeSet::new();
    for (section, answered) in offer.sections.iter().zip(&tree.media_descriptions) {
        let mid = section.mid.0.as_str();
        assert_eq!(value(answered, "mid").unwrap_or_default(), mid);
        assert_eq!(answered.media_name.media, section.media);
    }
    for slot in &negotiated.slots {
        assert!(ssrcs.insert(slot.ssrc), "two slots with one SSRC");
        assert!(slot.rtx.is_none_or(|rtx| ssrcs.insert(rtx)), "two slots with one SSRC");
    }
}

fn value<'a>(section: &'a MediaDescription, key: &str) -> Option<&'a str> {
    section.attributes.iter().find(|attribute| attribute.key == key)?.value.as_deref()
}
