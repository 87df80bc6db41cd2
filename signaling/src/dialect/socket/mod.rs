//! Confab's own dialect: JSON over a WebSocket, as docs/protocol.md has it.
//!
//! ```text
//! socket ─► rate ─► ClientMessage ─► Ask ────► channel
//!        ◄──────── ServerMessage ◄─ Notice ◄─ inbox
//! ```
//!
//! One task a socket. It holds no state of the call: when it ends, whichever way, the participant's place is kept by the channel.

pub mod close;
pub mod message;
mod rate;
pub mod rights;

use std::net::IpAddr;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, timeout};

use self::close::Bye;
use self::message::{ClientMessage, JoinMessage, ServerMessage};
use self::rate::Rate;
use crate::channel::{Channel, Entered};
use crate::fault::Error;
use crate::limited::Limit;
use crate::link::{Inbox, Outbox};
use crate::name::{ChannelName, PersonName};
use crate::presence::Presence;
use crate::session::Ask;

/// The longest message a client may send: the longest offer ([`SDP_BYTES_MAX`](crate::sdp::SDP_BYTES_MAX)) with its line ends
/// escaped, and its tracks.
pub const MESSAGE_BYTES_MAX: usize = 128 * 1024;

/// How often a ping is sent; `heartbeat_ms` of the welcome.
pub const HEARTBEAT: Duration = Duration::from_secs(10);

/// A socket from which nothing came for this long is silent: three heartbeats.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// How long one message may take to leave before the client counts as slow.
const SEND_MAX: Duration = Duration::from_secs(5);

/// How long the last words may take: nobody waits for them.
const FAREWELL_MAX: Duration = Duration::from_secs(1);

/// Serves one socket until it ends. `stopping` turns true when the server stops.
pub async fn serve(
    socket: WebSocket,
    peer: IpAddr,
    presence: Presence,
    stopping: watch::Receiver<bool>,
) {
    let heard = Instant::now();
    let mut conversation = Conversation { socket, peer, presence, inside: None, heard, pings: 0 };
    let end = conversation.hold(stopping).await;
    if let Some(Inside { channel, entered, .. }) = &conversation.inside {
        channel.detach(entered).await;
    }
    conversation.close(end).await;
}

/// How a conversation ends.
#[derive(Debug)]
enum End {
    /// The client is gone.
    Gone,
    /// With a last message.
    Bye(Bye),
    /// With an error, and, where the protocol has one, a last message.
    Refused(Error, Option<Bye>),
}

/// A participant's side of the socket.
struct Inside {
    name: ChannelName,
    channel: Channel,
    entered: Entered,
    inbox: Inbox,
}

struct Conversation {
    socket: WebSocket,
    peer: IpAddr,
    presence: Presence,
    inside: Option<Inside>,
    heard: Instant,
    pings: u64,
}

/// What happens next on a socket.
enum Next {
    Received(Option<Result<Message, axum::Error>>),
    Tell(ServerMessage),
    End(End),
    Heartbeat,
}

impl Conversation {
    async fn hold(&mut self, mut stopping: watch::Receiver<bool>) -> End {
        let mut heartbeat = tokio::time::interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut rate = Rate::default();
        loop {
            let next = tokio::select! {
                received = self.socket.recv() => Next::Received(received),
                next = told(self.inside.as_mut()) => next,
                _ = heartbeat.tick() => Next::Heartbeat,
                // An error means that the server is gone altogether.
                _ = stopping.wait_for(|stopping| *stopping) => Next::End(End::Bye(Bye::Shutdown)),
            };
            let step = match next {
                Next::Received(received) => self.receive(received, &mut rate).await,
                Next::Tell(message) => self.tell(message).await,
                Next::End(end) => Err(end),
                Next::Heartbeat => self.beat().await,
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    async fn receive(
        &mut self,
        received: Option<Result<Message, axum::Error>>,
        rate: &mut Rate,
    ) -> Result<(), End> {
        let message = match received {
            Some(Ok(message)) => message,
            Some(Err(error)) => return Err(ended_by(error)),
            None => return Err(End::Gone),
        };
        let now = Instant::now();
        self.heard = now;
        let admitted = if rate.admits(now) {
            self.presence.admit_message(self.peer, now)
        } else {
            Err(self.presence.at(Limit::Messages, Error::TooMany))
        };
        if let Err(error) = admitted {
            return Err(End::Refused(error, Some(Bye::TooMany)));
        }
        match message {
            Message::Text(text) => match ClientMessage::read(text.as_str()) {
                Ok(message) => self.handle(message).await,
                Err(error) => self.refuse(&error).await,
            },
            Message::Binary(_) => {
                self.refuse(&Error::BadJson("messages are text".to_owned())).await
            }
            // The library answers pings by itself.
            Message::Ping(_) | Message::Pong(_) => Ok(()),
            Message::Close(_) => Err(End::Gone),
        }
    }

    async fn handle(&mut self, message: ClientMessage) -> Result<(), End> {
        match (message, &self.inside) {
            (ClientMessage::Pong(_), _) => Ok(()),
            (ClientMessage::Join(_), Some(_)) => self.refuse(&Error::AlreadyJoined).await,
            (ClientMessage::Join(join), None) => match enter(&self.presence, self.peer, join).await
            {
                Ok(inside) => {
                    self.inside = Some(inside);
                    Ok(())
                }
                Err(error) => self.refuse(&error).await,
            },
            (ClientMessage::Ask(_) | ClientMessage::Renew(_), None) => {
                self.refuse(&Error::NotJoined).await
            }
            (ClientMessage::Renew(token), Some(Inside { name, channel, entered, .. })) => {
                let access = self.presence.access();
                match access.admit(Some(&token), name, access.now()) {
                    Ok(grant) => {
                        channel.ask(entered, Ask::Renew(Box::new(grant))).await;
                        Ok(())
                    }
                    Err(refusal) => self.refuse(&refusal.into()).await,
                }
            }
            (ClientMessage::Ask(ask), Some(Inside { channel, entered, .. })) => {
                channel.ask(entered, ask).await;
                Ok(())
            }
        }
    }

    async fn beat(&mut self) -> Result<(), End> {
        if self.heard.elapsed() >= SILENCE_MAX {
            return Err(End::Bye(Bye::Silent));
        }
        self.pings += 1;
        self.send(&ServerMessage::Ping { id: self.pings }).await
    }

    async fn refuse(&mut self, error: &Error) -> Result<(), End> {
        tracing::debug!(%error, code = error.face().code, "refused a message");
        self.send(&ServerMessage::error(error, None)).await
    }

    /// Sends a message, a long one in pages.
    async fn tell(&mut self, mut message: ServerMessage) -> Result<(), End> {
        while let Some(page) = message.page() {
            self.send(&page).await?;
        }
        self.send(&message).await
    }

    async fn send(&mut self, message: &ServerMessage) -> Result<(), End> {
        match timeout(SEND_MAX, self.socket.send(written(message))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Gone),
            Err(_elapsed) => Err(End::Bye(Bye::Slow)),
        }
    }

    /// The last words, as far as the client takes them.
    async fn close(mut self, end: End) {
        let (error, bye) = match end {
            End::Gone => return,
            End::Bye(bye) => (None, Some(bye)),
            End::Refused(error, bye) => (Some(error), bye),
        };
        let too_large = error == Some(Error::TooLarge);
        let code =
            bye.map(Bye::code).or_else(|| error.as_ref().and_then(|error| error.face().close));
        let mut last: Vec<Message> =
            error.iter().map(|error| written(&ServerMessage::error(error, None))).collect();
        last.extend(
            bye.map(|bye| {
                written(&ServerMessage::Bye { code: bye, message: bye.message().into() })
            }),
        );
        // 1011 (RFC 6455, section 7.4.1): every end above has a code of its own.
        last.push(Message::Close(Some(CloseFrame {
            code: code.unwrap_or(1011),
            reason: "".into(),
        })));
        let words = async {
            for message in last {
                if self.socket.send(message).await.is_err() {
                    return;
                }
            }
            // Until the client has closed as well: closing first, with something of it unread, could take the last words with it.
            loop {
                match self.socket.recv().await {
                    Some(Ok(_)) => {}
                    // What is too large is not read; the client still reads.
                    Some(Err(_)) | None if too_large => std::future::pending().await,
                    Some(Err(_)) | None => return,
                }
            }
        };
        let _whichever = timeout(FAREWELL_MAX, words).await;
    }
}

async fn enter(
    presence: &Presence,
    peer: IpAddr,
    JoinMessage { channel, name, resume, token }: JoinMessage,
) -> Result<Inside, Error> {
    presence.admit_join(peer, Instant::now())?;
    let channel_name = ChannelName::parse(&channel)?;
    let access = presence.access();
    let grant = access.admit(token.as_ref(), &channel_name, access.now())?;
    let name = grant.name.clone().map_or_else(|| PersonName::parse(&name), Ok)?;
    let (outbox, inbox) = Outbox::new();
    let (channel, entered) = presence.enter(&channel_name, name, grant, resume, outbox).await?;
    Ok(Inside { name: channel_name, channel, entered, inbox })
}

/// What the channel tells, while there is one.
async fn told(inside: Option<&mut Inside>) -> Next {
    let Some(Inside { inbox, .. }) = inside else { return std::future::pending().await };
    tokio::select! {
        // Past the queue: whoever is cut off for reading too slowly would never hear it otherwise.
        biased;
        Ok(ending) = &mut inbox.ending => Next::End(End::Bye(ending.into())),
        notice = inbox.notices.recv() => match notice {
            Some(notice) => Next::Tell(ServerMessage::of(notice, HEARTBEAT_MS)),
            None => Next::End(match inbox.ending.try_recv() {
                Ok(ending) => End::Bye(ending.into()),
                Err(_) => End::Refused(Error::Internal("the channel ended"), None),
            }),
        },
    }
}

const HEARTBEAT_MS: u64 = 10_000;

/// Why reading failed: a message above the bound, or a client that is gone or speaks no WebSocket.
fn ended_by(error: axum::Error) -> End {
    match error.into_inner().downcast_ref::<tungstenite::Error>() {
        Some(tungstenite::Error::Capacity(_)) => End::Refused(Error::TooLarge, None),
        Some(_) | None => End::Gone,
    }
}

/// Serialising these types cannot fail: no map has keys that are no strings.
fn written(message: &ServerMessage) -> Message {
    Message::Text(serde_json::to_string(message).unwrap_or_default().into())
}
