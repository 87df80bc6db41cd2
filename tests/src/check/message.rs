//! Messages of the protocol, beside `serde_json`'s own tree.

use serde_json::Value;
use sfu::publication::hindrance::Shortage;
use signaling::dialect::socket::message::{ClientMessage, JoinMessage};
use signaling::fault::{Error, Fault};
use signaling::session::Ask;
use signaling::token::Bearer;

/// Reads a message; what is read is what stands in it, and what is not read is answered without repeating too much of it.
///
/// # Panics
/// Where that is not so.
pub fn check_message(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match ClientMessage::read(text) {
        Ok(message) => {
            // The library's tree goes 128 deep; what nests deeper can only be in a field that nobody reads.
            if let Ok(tree) = serde_json::from_str::<Value>(text) {
                check_fields(&message, &tree);
            }
        }
        Err(error) => {
            assert!(matches!(error, Error::BadJson(_) | Error::UnknownOp(_)), "{error:?}");
            assert_eq!(error.fault(), Fault::Peer);
            assert!(error.to_string().len() <= 2_000, "{error}");
        }
    }
}

fn check_fields(message: &ClientMessage, tree: &Value) {
    let op = tree["op"].as_str().expect("an op");
    match message {
        ClientMessage::Join(JoinMessage { channel, name, resume, token }) => {
            assert_eq!(op, "join");
            assert_eq!(
                (tree["channel"].as_str(), tree["name"].as_str()),
                (Some(&**channel), Some(&**name))
            );
            assert_eq!(tree["resume"].as_str(), resume.as_deref());
            assert_eq!(*token, given(tree));
        }
        ClientMessage::Pong(id) => assert_eq!((op, tree["id"].as_u64()), ("pong", Some(*id))),
        ClientMessage::Ask(Ask::Offer { id, sdp, tracks }) => {
            assert_eq!(
                (op, tree["id"].as_u64(), tree["sdp"].as_str()),
                ("offer", Some(*id), Some(&**sdp))
            );
            let named = tree["tracks"].as_array().map_or(0, Vec::len);
            assert_eq!(tracks.len(), named);
        }
        ClientMessage::Ask(Ask::Voice(voice)) => {
            assert_eq!(op, "voice");
            let switches = [voice.muted, voice.deafened, voice.camera, voice.screen];
            let expected =
                ["muted", "deafened", "camera", "screen"].map(|name| tree[name].as_bool());
            assert_eq!(switches.map(Some), expected);
        }
        ClientMessage::Ask(Ask::View(views)) => {
            assert_eq!(op, "view");
            for (view, expected) in views.iter().zip(tree["slots"].as_array().expect("slots")) {
                assert_eq!(Some(&*view.mid), expected["mid"].as_str());
                assert_eq!(Some(u64::from(view.width)), expected["width"].as_u64());
                assert_eq!(Some(u64::from(view.height)), expected["height"].as_u64());
                assert_eq!(Some(u64::from(view.priority)), expected["priority"].as_u64());
            }
        }
        ClientMessage::Ask(Ask::Prefer { budget, .. }) => {
            assert_eq!(
                (op, budget.map(|budget| budget.as_bps())),
                ("prefer", tree["budget"].as_u64())
            );
        }
        ClientMessage::Ask(Ask::Limited { mid, by }) => {
            let by = by.map(|by| match by {
                Shortage::Upload => "bandwidth",
                Shortage::Device => "cpu",
            });
            assert_eq!((op, tree["mid"].as_str()), ("limited", Some(&**mid)));
            assert_eq!(tree["by"].as_str(), by);
        }
        ClientMessage::Ask(Ask::Watch { link }) => {
            assert_eq!((op, tree["link"].as_bool()), ("watch", Some(*link)));
        }
        ClientMessage::Ask(Ask::Silence { .. } | Ask::Remove(_) | Ask::Renew(_))
        | ClientMessage::Renew(_) => check_rights(message, tree, op),
        ClientMessage::Ask(Ask::Leave) => assert_eq!(op, "leave"),
        ClientMessage::Ask(Ask::GiveUp | Ask::Choose(_)) => panic!("no message asks for this"),
    }
}

fn check_rights(message: &ClientMessage, tree: &Value, op: &str) {
    if let ClientMessage::Renew(token) = message {
        assert_eq!((op, Some(token)), ("renew", given(tree).as_ref()));
    } else if let ClientMessage::Ask(Ask::Silence { participant, silenced }) = message {
        assert_eq!((op, tree["silenced"].as_bool()), ("silence", Some(*silenced)));
        check_named(tree, participant.0);
    } else if let ClientMessage::Ask(Ask::Remove(participant)) = message {
        assert_eq!(op, "remove");
        check_named(tree, participant.0);
    } else {
        panic!("only a dialect asks that: {message:?}");
    }
}

/// The token of a message.
fn given(tree: &Value) -> Option<Bearer> {
    tree["token"].as_str().map(|token| Bearer::new(token.to_owned()))
}

fn check_named(tree: &Value, number: u64) {
    let named = tree["participant"].as_str().and_then(|id| id.strip_prefix('p'));
    assert_eq!(named.and_then(|id| id.parse().ok()), Some(number));
}
