//! Confab's own signaling, as docs/protocol.md has it: one WebSocket of one participant.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use signaling::dialect::socket::message::ServerMessage;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};

use super::offer::{Answer, AnswerError, Offer};

/// A WebSocket whose owner has joined a channel.
#[derive(Debug)]
pub struct Signal {
    stream: WebSocketStream<TcpStream>,
}

/// Why there is no session.
#[derive(Debug, Error)]
pub enum SignalError {
    /// Nobody answers there.
    #[error("cannot connect to the server: {0}")]
    Connect(#[from] std::io::Error),
    /// The WebSocket broke.
    #[error("the WebSocket broke: {0}")]
    Socket(#[from] Box<tungstenite::Error>),
    /// The server closed it.
    #[error("the server closed the WebSocket")]
    Closed,
    /// It says what docs/protocol.md does not know.
    #[error("the server said something that is no message of the protocol: {0}")]
    Message(#[from] serde_json::Error),
    /// It refused, in its words.
    #[error("the server refused: {0}")]
    Refused(String),
    /// Its answer cannot be used.
    #[error(transparent)]
    Answer(#[from] AnswerError),
}

impl Signal {
    /// Comes into a channel.
    ///
    /// # Errors
    /// [`SignalError`].
    pub async fn join(http: SocketAddr, channel: &str, name: &str) -> Result<Self, SignalError> {
        let connection = TcpStream::connect(http).await?;
        connection.set_nodelay(true)?;
        let url = format!("ws://{http}/v1/socket");
        let config = WebSocketConfig::default().read_buffer_size(BUFFER).write_buffer_size(0);
        let (stream, _) =
            tokio_tungstenite::client_async_with_config(url, connection, Some(config))
                .await
                .map_err(Box::new)?;
        let mut signal = Self { stream };
        let join = json!({ "op": "join", "channel": channel, "name": name, "resume": null });
        signal.send(&join).await?;
        loop {
            let message = signal.next().await?;
            let ServerMessage::Welcome { .. } = message else {
                refusal(message)?;
                continue;
            };
            return Ok(signal);
        }
    }

    /// Offers, and waits for the answer.
    ///
    /// # Errors
    /// [`SignalError`].
    pub async fn offer(&mut self, offer: &Offer) -> Result<Answer, SignalError> {
        let tracks: Vec<Value> =
            offer.tracks().map(|(mid, source)| json!({ "mid": mid, "source": source })).collect();
        let sdp = offer.to_string();
        self.send(&json!({ "op": "offer", "id": 1, "sdp": sdp, "tracks": tracks })).await?;
        loop {
            let message = self.next().await?;
            let ServerMessage::Answer { sdp, .. } = message else {
                refusal(message)?;
                continue;
            };
            return Ok(Answer::read(&sdp)?);
        }
    }

    /// Sends a message of the protocol.
    ///
    /// # Errors
    /// [`SignalError::Socket`].
    pub async fn send(&mut self, message: &Value) -> Result<(), SignalError> {
        self.stream.send(Message::text(message.to_string())).await.map_err(Box::new)?;
        Ok(())
    }

    /// The next message; pings are answered and not told.
    ///
    /// # Errors
    /// [`SignalError`].
    pub async fn next(&mut self) -> Result<ServerMessage, SignalError> {
        loop {
            let text = self.text().await?;
            let message = serde_json::from_str(&text)?;
            let ServerMessage::Ping { id } = message else { return Ok(message) };
            self.pong(id).await?;
        }
    }

    /// Stays, answering pings and reading nothing else, until the server closes.
    ///
    /// # Errors
    /// [`SignalError`], in the end always.
    pub async fn stay(mut self) -> Result<(), SignalError> {
        loop {
            let text = self.text().await?;
            // A thousand people are told of a thousand people: what is no ping is not worth parsing.
            if text.contains("\"op\":\"ping\"")
                && let ServerMessage::Ping { id } = serde_json::from_str(&text)?
            {
                self.pong(id).await?;
            }
        }
    }

    /// Leaves, and says so.
    ///
    /// # Errors
    /// [`SignalError::Socket`].
    pub async fn leave(mut self) -> Result<(), SignalError> {
        self.send(&json!({ "op": "leave" })).await
    }

    async fn pong(&mut self, id: u64) -> Result<(), SignalError> {
        self.send(&json!({ "op": "pong", "id": id })).await
    }

    async fn text(&mut self) -> Result<tungstenite::Utf8Bytes, SignalError> {
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Text(text))) => return Ok(text),
                Some(Ok(Message::Close(_))) | None => return Err(SignalError::Closed),
                Some(Ok(
                    Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_),
                )) => {}
                Some(Err(error)) => return Err(Box::new(error).into()),
            }
        }
    }
}

/// What refuses, as an error; everything else is passed over.
fn refusal(message: ServerMessage) -> Result<(), SignalError> {
    match message {
        ServerMessage::Error { message, .. } => Err(SignalError::Refused(message)),
        ServerMessage::Bye { message, .. } => Err(SignalError::Refused(message.into_owned())),
        ServerMessage::Present { .. }
        | ServerMessage::Welcome { .. }
        | ServerMessage::Answer { .. }
        | ServerMessage::Joined { .. }
        | ServerMessage::Changed { .. }
        | ServerMessage::Left { .. }
        | ServerMessage::Slots { .. }
        | ServerMessage::SlotsNeeded { .. }
        | ServerMessage::Wanted { .. }
        | ServerMessage::Grant { .. }
        | ServerMessage::Speakers { .. }
        | ServerMessage::Link { .. }
        | ServerMessage::Ping { .. } => Ok(()),
    }
}

/// Bytes that are read at once: a thousand sockets share a process, and most messages are shorter.
const BUFFER: usize = 4 * 1024;
