//! A server with light participants.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;
use sfu::transport::dtls::Certificate;
use tokio::runtime::Runtime;
use tools::peer::crowd::{Crowd, Member};
use tools::peer::signal::Signal;
use tools::peer::tally::Tally;
use tools::peer::track::Track;
use tools::peer::{Attention, Devices, Identity, Keys, Peer};

use crate::process::{Process, Usage};

/// The server and everybody in its channels. Who was let in and is not admitted waits with an answer.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) process: Process,
    pub(crate) crowd: Crowd,
    runtime: Runtime,
    certificate: Certificate,
    people: u64,
    waiting: Vec<Peer>,
}

/// Who is there within this is there.
const CONNECTED: Duration = Duration::from_secs(60);

impl Room {
    /// An empty one.
    pub(crate) fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        Self {
            process: Process::start(),
            crowd: Crowd::new().expect("a poll"),
            runtime,
            certificate: Certificate::generate().expect("a certificate"),
            people: 0,
            waiting: Vec::new(),
        }
    }

    /// Lets somebody into a channel, with a slot for sound and one for pictures: WebSocket, offer, answer. Media begins with [`Self::connect`].
    pub(crate) fn enter(&mut self, channel: u32, tracks: Vec<Track>) {
        self.people += 1;
        let seed = self.people;
        let devices = Devices { tracks, audio_slots: 1, video_slots: 1 };
        let identity = Identity { seed, certificate: self.certificate.clone() };
        let offer = identity.offer(&devices);
        let answer = self.runtime.block_on(join(self.process.http, channel, seed, offer));
        let keys = Keys::Dtls(self.certificate.clone());
        let peer = Peer::new(self.crowd.now(), seed, &keys, &devices, &answer);
        self.waiting.push(peer.expect("a candidate"));
    }

    /// Connects whoever waits, and waits until they are.
    pub(crate) fn connect(&mut self) {
        for peer in std::mem::take(&mut self.waiting) {
            self.crowd.admit(peer).expect("a socket");
        }
        let end = self.crowd.now().0 + CONNECTED;
        let are_in = |members: &[Member]| members.iter().all(|one| one.peer.is_connected());
        self.crowd.run(end, are_in).expect("the poll works");
        assert!(are_in(self.crowd.members()), "everybody connects within {CONNECTED:?}");
    }

    /// Lets time pass; what the server used and counted, and what everybody received together.
    pub(crate) fn measure(&mut self, lasts: Duration) -> (Usage, Tally) {
        for member in self.crowd.members_mut() {
            member.tally = Tally::default();
        }
        let before = self.process.usage();
        self.run(lasts);
        let usage = self.process.usage().since(&before);
        let mut all = Tally::default();
        for member in self.crowd.members() {
            all += &member.tally;
        }
        (usage, all)
    }

    /// Lets time pass.
    pub(crate) fn run(&mut self, lasts: Duration) {
        let end = self.crowd.now().0 + lasts;
        self.crowd.run(end, |_| false).expect("the poll works");
    }

    /// Only every `nth` participant opens what comes; the others read headers.
    pub(crate) fn attend_every(&mut self, nth: usize) {
        for (place, member) in self.crowd.members_mut().iter_mut().enumerate() {
            let looks = place.is_multiple_of(nth);
            member.peer.attend(if looks { Attention::Whole } else { Attention::Headers });
        }
    }
}

async fn join(
    http: SocketAddr,
    channel: u32,
    seed: u64,
    offer: tools::peer::offer::Offer,
) -> tools::peer::offer::Answer {
    let name = format!("Person {seed}");
    let mut signal =
        Signal::join(http, &format!("measured-{channel}"), &name).await.expect("they come in");
    let answer = signal.offer(&offer).await.expect("an answer");
    let voice = json!({ "op": "voice", "muted": false, "deafened": false, "camera": true, "screen": false });
    signal.send(&voice).await.expect("the socket is open");
    tokio::spawn(signal.stay());
    answer
}
