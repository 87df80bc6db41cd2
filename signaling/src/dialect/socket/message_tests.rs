use serde_json::Value;

use super::*;

/// Every JSON block of the protocol's document is one of the messages, in the direction of its heading; what the server sends is
/// written field by field as the document has it.
#[test]
fn every_message_of_the_protocol_is_read_and_written_as_its_document_says() {
    let document = include_str!("../../../../docs/protocol.md");
    let mut from_client = None;
    let (mut read, mut written) = (Vec::new(), Vec::new());
    for section in document.split("\n## ") {
        from_client = match section.lines().next() {
            Some("What a client sends") => Some(true),
            Some("What the server sends") => Some(false),
            _ => from_client,
        };
        for block in section.split("```json\n").skip(1) {
            let (block, _) = block.split_once("```").unwrap();
            let value: Value = serde_json::from_str(block).unwrap();
            let op = value["op"].as_str().unwrap().to_owned();
            if from_client.unwrap() {
                ClientMessage::read(block).unwrap_or_else(|error| panic!("{op}: {error}"));
                read.push(op);
            } else {
                let message: ServerMessage = serde_json::from_value(value.clone()).unwrap();
                assert_eq!(serde_json::to_value(message).unwrap(), value);
                written.push(op);
            }
        }
    }
    assert_eq!(
        read,
        [
            "join", "offer", "voice", "view", "prefer", "limited", "watch", "renew", "silence",
            "remove", "pong", "leave"
        ]
    );
    let all = [
        "present",
        "welcome",
        "answer",
        "joined",
        "changed",
        "left",
        "slots",
        "slots_needed",
        "grant",
        "wanted",
        "speakers",
        "link",
        "ping",
        "error",
        "bye",
    ];
    assert_eq!(written, all);
}

#[test]
fn a_wrong_field_is_named() {
    for (text, named) in [
        ("", "EOF"),
        ("[]", "expected"),
        ("{}", "missing field `op`"),
        (r#"{"op":7}"#, "op"),
        (r#"{"op":"leave"} x"#, "trailing"),
        (r#"{"op":"join","channel":"c"}"#, "missing field `name`"),
        (r#"{"op":"join","channel":4,"name":"S"}"#, "channel: invalid type"),
        (
            r#"{"op":"offer","id":1,"sdp":"","tracks":[{"mid":"0","source":"nose"}]}"#,
            "tracks[0].source",
        ),
        (
            r#"{"op":"view","slots":[{"mid":"1","width":-1,"height":1,"priority":1}]}"#,
            "slots[0].width",
        ),
        (r#"{"op":"voice","muted":"yes"}"#, "muted: invalid type"),
        (r#"{"op":"prefer","mode":"fast"}"#, "mode: unknown variant"),
        (r#"{"op":"limited","by":"cpu"}"#, "missing field `mid`"),
        (r#"{"op":"limited","mid":"1","by":"weather"}"#, "by: unknown variant"),
        (r#"{"op":"pong"}"#, "missing field `id`"),
    ] {
        match ClientMessage::read(text) {
            Err(Error::BadJson(words)) => assert!(words.contains(named), "{text}: {words}"),
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn an_unknown_op_is_echoed_but_cut_and_unknown_fields_are_ignored() {
    let long = "x".repeat(1_000);
    let error = ClientMessage::read(&format!(r#"{{"op":"{long}"}}"#)).unwrap_err();
    assert_eq!(error, Error::UnknownOp("x".repeat(100)));
    assert_eq!(
        ClientMessage::read(r#"{"op":"pong","id":1,"mood":"good"}"#),
        Ok(ClientMessage::Pong(1))
    );
}

#[test]
fn deep_nesting_is_refused_instead_of_recursing() {
    let deep = format!(r#"{{"op":"leave","x":{}}}"#, "[".repeat(60_000));
    assert!(matches!(ClientMessage::read(&deep), Err(Error::BadJson(_))));
}
