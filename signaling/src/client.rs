//! A client for tests: one WebSocket that speaks the protocol, and requests beside it.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// Stops tokio's clock while it lives: a paused clock alone would jump to the next timer whenever a socket is waited for.
/// It moves by `tokio::time::advance` and not otherwise.
pub(crate) struct Frozen {
    _thaw: SyncSender<()>,
}

impl Frozen {
    pub(crate) fn now() -> Self {
        let (thaw, thawed) = sync_channel::<()>(0);
        // Work on the blocking pool keeps the clock. A test that waits for what never comes gets it back and fails by timeouts.
        tokio::task::spawn_blocking(move || {
            let _thawed_or_late = thawed.recv_timeout(Duration::from_secs(30));
        });
        Self { _thaw: thaw }
    }
}

pub(crate) struct Client {
    socket: WebSocketStream<TcpStream>,
}

impl Client {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        Self::on(TcpStream::connect(address).await.unwrap()).await
    }

    /// A client on a connection that is there already.
    pub(crate) async fn on(stream: TcpStream) -> Self {
        let url = format!("ws://{}/v1/socket", stream.peer_addr().unwrap());
        let (socket, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
        Self { socket }
    }

    /// A client that has joined, with its welcome.
    pub(crate) async fn join(address: SocketAddr, channel: &str, name: &str) -> (Self, Value) {
        Self::resume(address, channel, name, &Value::Null).await
    }

    pub(crate) async fn resume(
        address: SocketAddr,
        channel: &str,
        name: &str,
        secret: &Value,
    ) -> (Self, Value) {
        let mut client = Self::open(address).await;
        client
            .send(&json!({ "op": "join", "channel": channel, "name": name, "resume": secret }))
            .await;
        let welcome = client.next().await;
        assert_eq!(welcome["op"], "welcome", "{welcome}");
        (client, welcome)
    }

    pub(crate) async fn send(&mut self, message: &Value) {
        self.send_text(&message.to_string()).await;
    }

    pub(crate) async fn send_text(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    pub(crate) async fn send_raw(&mut self, message: Message) {
        // The other end may close while this is under way.
        let _closed = self.socket.send(message).await;
    }

    /// The next message that is no ping.
    pub(crate) async fn next(&mut self) -> Value {
        loop {
            let message = self.next_of_any_kind().await;
            if message["op"] != "ping" {
                return message;
            }
        }
    }

    pub(crate) async fn next_of_any_kind(&mut self) -> Value {
        let message = self.socket.next().await.unwrap().unwrap();
        serde_json::from_str(message.to_text().unwrap()).unwrap()
    }

    /// Sends a message and returns what comes next.
    pub(crate) async fn ask(&mut self, message: &Value) -> Value {
        self.send(message).await;
        self.next().await
    }

    /// What comes until the server closes, and its close code.
    pub(crate) async fn until_closed(&mut self) -> (Vec<Value>, u16) {
        let mut messages = Vec::new();
        loop {
            let message = self.socket.next().await.unwrap().unwrap();
            if let Message::Close(frame) = message {
                return (messages, frame.unwrap().code.into());
            }
            messages.push(serde_json::from_str(message.to_text().unwrap()).unwrap());
        }
    }

    /// Loses the connection without a word.
    pub(crate) fn vanish(self) {
        drop(self);
    }
}

/// One HTTP request on a connection of its own: status, head and body.
pub(crate) async fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> (u16, String, String) {
    let (status, head, body) = request_with(address, method, path, headers, "").await;
    (status, head.to_ascii_lowercase(), body)
}

/// The same with a body, whose length is told with it; the head comes as it is.
pub(crate) async fn request_with(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (u16, String, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut text = format!("{method} {path} HTTP/1.1\r\n");
    if !headers.iter().any(|(name, _)| *name == "connection") {
        text += "connection: close\r\n";
    }
    if !headers.iter().any(|(name, _)| *name == "host") {
        text += &format!("host: {address}\r\n");
    }
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    if !body.is_empty() {
        text += &format!("content-length: {}\r\n", body.len());
    }
    stream.write_all((text + "\r\n").as_bytes()).await.unwrap();
    // A server that refuses the head may close before it has read the rest.
    let _refused = stream.write_all(body.as_bytes()).await;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_owned(), body.to_owned())
}

pub(crate) async fn get(address: SocketAddr, path: &str) -> (u16, String, String) {
    request(address, "GET", path, &[]).await
}
