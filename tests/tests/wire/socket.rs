//! A WebSocket to the server, by docs/protocol.md alone.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tests::deadline::within;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// An open socket.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

/// An answer comes at once, or not at all.
const ANSWER: Duration = Duration::from_secs(5);

impl Socket {
    /// Opens one; nobody has joined yet.
    pub(crate) async fn open(http: SocketAddr) -> Self {
        let url = format!("ws://{http}/v1/socket");
        let (stream, _) =
            within("the socket opens", ANSWER, connect_async(url)).await.expect("it opens");
        Self { stream }
    }

    /// Opens one and comes in. Gives the welcome.
    pub(crate) async fn join(http: SocketAddr, channel: &str, name: &str) -> (Self, Value) {
        let mut socket = Self::open(http).await;
        socket
            .send(&json!({ "op": "join", "channel": channel, "name": name, "resume": null }))
            .await;
        let welcome = socket.expect("welcome").await;
        (socket, welcome)
    }

    /// Sends a message.
    pub(crate) async fn send(&mut self, message: &Value) {
        self.send_text(message.to_string()).await;
    }

    /// Sends any text.
    pub(crate) async fn send_text(&mut self, text: String) {
        self.stream.send(Message::text(text)).await.expect("the socket is open");
    }

    /// The next message of this kind; others are passed over, pings answered.
    pub(crate) async fn expect(&mut self, op: &str) -> Value {
        within(op, ANSWER, async {
            loop {
                let message = self.next().await.unwrap_or_else(|| panic!("closed before {op}"));
                if message["op"] == op {
                    return message;
                }
            }
        })
        .await
    }

    /// Waits until the server closes the socket; gives the close code.
    pub(crate) async fn expect_close(&mut self) -> Option<u16> {
        within("the socket closes", ANSWER, async {
            loop {
                match self.stream.next().await {
                    Some(Ok(Message::Close(frame))) => return frame.map(|frame| frame.code.into()),
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return None,
                }
            }
        })
        .await
    }

    /// What the server has sent until it answers a message of ours.
    pub(crate) async fn waiting(&mut self) -> Vec<Value> {
        self.send(&json!({ "op": "echo" })).await;
        let mut messages = Vec::new();
        within("an answer", ANSWER, async {
            loop {
                let message = self.next().await.expect("the socket is open");
                if message["code"] == "unknown_op" {
                    return;
                }
                messages.push(message);
            }
        })
        .await;
        messages
    }

    /// The next message; `None` once the socket is closed.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            let text = match self.stream.next().await? {
                Ok(Message::Text(text)) => text,
                Ok(_) => continue,
                Err(_) => return None,
            };
            let message: Value = serde_json::from_str(&text).expect("the server sends JSON");
            if message["op"] == "ping" {
                self.send(&json!({ "op": "pong", "id": message["id"] })).await;
            } else {
                return Some(message);
            }
        }
    }
}
