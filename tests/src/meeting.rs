//! Shards, their clients and the network between them, one moment after another in virtual time.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use sfu::command::{Command, CommandError, CommandId, View};
use sfu::config::{Limits, ShardConfig};
use sfu::metrics::{Counters, Relayed, Snapshot};
use sfu::net::batch::{Ecn, Fill, Path, RecvBatch, SendBatch};
use sfu::relay::mesh;
use sfu::transport::dtls::Certificate;
use sfu::{ChannelId, Event, MediaKind, Shard};
use simulcast::Bitrate;
use simulcast::estimator::{Parts, Settings};
use tools::simnet::link::LinkPlan;
use tools::simnet::route::{Counts, Route};
use tools::simnet::time::SimTime;
use tools::simnet::{LinkId, Network, RouteId, UDP_OVERHEAD};

use crate::client::cipher::Cipher;
use crate::client::feedback::{Feedback, NTP_START, Request};
use crate::client::{Client, Devices, Person, Session};
use crate::clock::Clock;
use crate::digest::Digest;
use crate::oracle::again::Again;
use crate::oracle::stream::Streams;
use crate::packet::Kind;
use crate::plan::Link;

/// What came of each publication, by who got it and which it is: the numbers of its frames or packets, and their layers.
pub type Media = BTreeMap<(Person, u32), Vec<(u32, u8)>>;

/// A channel with everybody in it.
#[derive(Debug)]
pub struct Meeting {
    clock: Clock,
    now: SimTime,
    seed: u64,
    config: ShardConfig,
    shards: Vec<Shard>,
    /// Shards that have ended.
    ended: Vec<usize>,
    network: Network<Datagram>,
    seats: BTreeMap<Person, Seat>,
    commands: u64,
    /// Of a thousand parts of the time, those in which media threads work.
    pub busy_permille: u32,
    /// When something happened last.
    turned: SimTime,
    /// What the shard said, and when.
    pub events: Vec<(SimTime, Event)>,
    /// Each shard's own numbers, as of the last second.
    snapshots: Vec<Snapshot>,
    /// Somebody sent from an address that the server did not know yet: what was lost there is no fault of the server's.
    has_moved: bool,
    /// Whether somebody was to send less than they may have sent: what the server drops of it is missing, as if it had been lost.
    has_capped: bool,
    /// Of clients that have left.
    old_complaints: Vec<String>,
    digest: Digest,
    recv: RecvBatch,
    send: SendBatch,
}

/// A client with its two directions of network.
#[derive(Debug)]
pub struct Seat {
    /// Who sits there.
    pub client: Client,
    /// At which shard.
    shard: usize,
    /// What the server sent them, before the network.
    pub sent: Streams,
    /// What the server asked of them, and when: before the network, too, since messages that wait in it come closer together.
    pub asked: Vec<(SimTime, Request)>,
    /// What of pictures it sent them again, or as padding, and when.
    pub again: Vec<(SimTime, Again)>,
    /// Listens in to that.
    ear: Cipher,
    up: Direction,
    down: Direction,
}

impl Seat {
    /// Notes what a datagram on its way to them asks for, or repeats.
    fn listen(&mut self, now: SimTime, datagram: &[u8]) {
        let again = Again::hear(&mut self.ear, self.client.slots(), datagram);
        self.again.extend(again.map(|it| (now, it)));
        if Kind::of(datagram) == Kind::Rtcp
            && let Ok(plain) = self.ear.open_rtcp(datagram)
        {
            let requests = Feedback::read(&plain).unwrap_or_default();
            self.asked.extend(requests.into_iter().map(|request| (now, request)));
        }
    }
}

#[derive(Debug)]
struct Direction {
    link: LinkId,
    route: RouteId,
    plan: Link,
    blackouts: Vec<(SimTime, SimTime)>,
}

#[derive(Clone, Debug)]
enum Datagram {
    ToServer { shard: usize, from: SocketAddr, bytes: Vec<u8> },
    ToClient { to: SocketAddr, bytes: Vec<u8> },
}

/// The only channel.
const CHANNEL: ChannelId = ChannelId(1);

/// More turns than this at one moment mean that time stands still.
const TURNS_MAX: u32 = 10_000;

impl Meeting {
    /// An empty channel on one shard; `seed` decides all chance.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::on_shards(seed, 1)
    }

    /// The same on a shard that lacks parts, to see what goes wrong then.
    #[must_use]
    pub fn lacking(seed: u64, parts: Parts) -> Self {
        let mut meeting = Self::new(seed);
        let settings = Settings { parts, ..Settings::default() };
        let shards = std::mem::take(&mut meeting.shards).into_iter();
        meeting.shards = shards.map(|shard| shard.with_estimator(settings)).collect();
        meeting
    }

    /// An empty channel on as many shards, whose members are placed on them in turn.
    #[must_use]
    pub fn on_shards(seed: u64, shards: usize) -> Self {
        let clock = Clock::new();
        let config = ShardConfig {
            start: clock.instant(SimTime::ZERO),
            start_ntp: NTP_START,
            hash_seed: seed,
            certificate: certificate(),
            limits: Limits::default(),
        };
        let relays = mesh(shards).into_iter();
        Self {
            clock,
            now: SimTime::ZERO,
            seed,
            shards: relays.map(|relays| Shard::with_relays(config.clone(), relays)).collect(),
            config,
            ended: Vec::new(),
            network: Network::new(seed),
            seats: BTreeMap::new(),
            commands: 0,
            busy_permille: 0,
            turned: SimTime::ZERO,
            events: Vec::new(),
            snapshots: vec![Snapshot::default(); shards],
            has_moved: false,
            has_capped: false,
            old_complaints: Vec::new(),
            digest: Digest::default(),
            recv: RecvBatch::new(),
            send: SendBatch::new(),
        }
    }

    /// The present moment.
    #[must_use]
    pub const fn now(&self) -> SimTime {
        self.now
    }

    /// Of all that the server has sent so far.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// Everybody present.
    #[must_use]
    pub const fn seats(&self) -> &BTreeMap<Person, Seat> {
        &self.seats
    }

    /// What somebody's link carries, as the server has it.
    #[must_use]
    pub fn estimate(&self, who: Person) -> Option<Bitrate> {
        self.shards[self.seat(who).shard].estimate(who.participant())
    }

    /// Shows somebody all pictures this high, in a width of 16 : 9; 0 hides them.
    pub fn view(&mut self, who: Person, height: u16) {
        let slots = &self.seat(who).client.session().slots;
        let pictures = slots.iter().filter(|slot| slot.kind == MediaKind::Video);
        let views = pictures
            .map(|slot| View { slot: slot.id, width: height / 9 * 16, height, priority: 1 })
            .collect();
        self.command(Command::View { participant: who.participant(), views });
    }

    /// Somebody present.
    #[must_use]
    pub fn seat(&self, who: Person) -> &Seat {
        self.seats.get(&who).unwrap_or_else(|| panic!("{who:?} is not here"))
    }

    /// Their client.
    pub fn client(&mut self, who: Person) -> &mut Client {
        &mut self.seats.get_mut(&who).unwrap_or_else(|| panic!("{who:?} is not here")).client
    }

    /// Lets somebody in.
    pub fn join(&mut self, who: Person, devices: Devices, up: Link, down: Link) {
        let session = Session::new(who, devices, 0);
        let shard = self.shard_of(who);
        self.command(Command::Join(Box::new(session.join(CHANNEL))));
        self.command(Command::Negotiate(Box::new(session.negotiate())));
        let seed = self.seed.wrapping_mul(1_000).wrapping_add(u64::from(who.0));
        let ear = Cipher::of_client(&session.keys);
        let seat = Seat {
            client: Client::new(self.now, session, seed),
            shard,
            sent: Streams::default(),
            asked: Vec::new(),
            again: Vec::new(),
            ear,
            up: self.direction(up),
            down: self.direction(down),
        };
        let before = self.seats.insert(who, seat);
        assert!(before.is_none(), "{who:?} is here already");
    }

    /// Somebody leaves, and says so.
    pub fn leave(&mut self, who: Person) {
        self.command(Command::Leave { participant: who.participant() });
        if let Some(seat) = self.seats.remove(&who) {
            self.old_complaints.extend(seat.client.complaints);
        }
    }

    /// Tells the shard of whom it concerns something.
    pub fn command(&mut self, command: Command) {
        self.commands += 1;
        self.has_capped |= matches!(command, Command::Cap { .. });
        let instant = self.clock.instant(self.now);
        let shard = self.shard_of(Person::with_id(command.participant()));
        let id = CommandId(self.commands);
        self.shard(shard).handle_command(instant, id, command);
        self.drain();
    }

    /// Where somebody is, or would be: people are dealt out like cards, to the first shard where theirs has ended.
    fn shard_of(&self, who: Person) -> usize {
        let dealt = usize::from(who.0) % self.shards.len();
        let place = if self.ended.contains(&dealt) { 0 } else { dealt };
        self.seats.get(&who).map_or(place, |seat| seat.shard)
    }

    /// A shard ends as one that panics does: nothing is said, and everything that was its own is gone. Its people know by
    /// what signaling tells them.
    ///
    /// # Panics
    /// For the first, to which those who come back are dealt.
    pub fn end_shard(&mut self, place: usize) {
        assert!(place > 0, "the first goes on");
        self.ended.push(place);
        // The place is taken by one that knows nobody, whom nothing concerns.
        *self.shard(place) = Shard::new(self.config.clone());
        let gone = self.seats.extract_if(.., |_, seat| seat.shard == place);
        let complaints: Vec<_> = gone.flat_map(|(_, seat)| seat.client.complaints).collect();
        self.old_complaints.extend(complaints);
        // As the bells of its thread do.
        let instant = self.clock.instant(self.now);
        self.shards.iter_mut().for_each(|shard| assert!(!shard.handle_relays(instant)));
        self.drain();
    }

    fn shard(&mut self, place: usize) -> &mut Shard {
        self.shards.get_mut(place).unwrap_or_else(|| panic!("there is no shard {place}"))
    }

    /// Somebody has another address from now on and tells nobody.
    pub fn move_to(&mut self, who: Person, place: u8) {
        self.has_moved = true;
        self.client(who).move_to(place);
    }

    /// Somebody sends RTCP that a test wrote.
    pub fn say(&mut self, who: Person, rtcp: &[u8]) {
        let sealed = self.client(who).say(rtcp);
        self.send_up(who, vec![sealed]);
    }

    /// Somebody restarts ICE: other credentials, at a new place or not.
    pub fn restart_ice(&mut self, who: Person, generation: u8) {
        let devices = self.seat(who).client.session().devices;
        let session = Session::new(who, devices, generation);
        let local = session.credentials.0.clone();
        self.command(Command::RestartIce { participant: who.participant(), local });
        let now = self.now;
        self.client(who).restart_ice(now, session);
    }

    /// Changes what somebody's packets to the server meet.
    pub fn change_uplink(&mut self, who: Person, plan: Link) {
        let Some(seat) = self.seats.get_mut(&who) else { panic!("{who:?} is not here") };
        seat.up.change(&mut self.network, self.now, plan);
    }

    /// Changes what packets to somebody meet.
    pub fn change_downlink(&mut self, who: Person, plan: Link) {
        let Some(seat) = self.seats.get_mut(&who) else { panic!("{who:?} is not here") };
        seat.down.change(&mut self.network, self.now, plan);
    }

    /// Nothing comes through from or to somebody for a while.
    pub fn black_out(&mut self, who: Person, lasts: Duration) {
        let Some(seat) = self.seats.get_mut(&who) else { panic!("{who:?} is not here") };
        for direction in [&mut seat.up, &mut seat.down] {
            direction.blackouts.push((self.now, self.now + lasts));
            direction.change(&mut self.network, self.now, direction.plan);
        }
    }

    /// What happened to somebody's packets: on their way to the server, and back.
    #[must_use]
    pub fn counts(&self, who: Person) -> (Counts, Counts) {
        let seat = self.seat(who);
        (self.network.counts(seat.up.route), self.network.counts(seat.down.route))
    }

    /// What everybody got of each publication: the numbers of its frames or packets, and their layers.
    #[must_use]
    pub fn media(&self) -> Media {
        let mut media = Media::new();
        for (who, seat) in &self.seats {
            for (_, stamp) in seat.client.slots().iter().flat_map(|slot| &slot.played) {
                let numbers = media.entry((*who, stamp.publication)).or_default();
                numbers.push((stamp.number, stamp.layer));
            }
        }
        media.values_mut().for_each(|numbers| numbers.sort_unstable());
        media
    }

    /// No shard is to send more than this from here on.
    pub fn limit_egress(&mut self, most: Option<Bitrate>) {
        self.shards.iter_mut().for_each(|shard| shard.limit_egress(most));
    }

    /// The newest counters that a shard told: of one second or less ago. `None` before the first.
    #[must_use]
    pub fn counters(&self) -> Option<&Counters> {
        self.events.iter().rev().find_map(|(_, event)| {
            if let Event::Metrics(snapshot) = event { Some(snapshot.counters()) } else { None }
        })
    }

    /// Packets that crossed from a shard to another, of all shards together, as of the last second: so much of them.
    #[must_use]
    pub fn relayed(&self, part: Relayed) -> u64 {
        self.snapshots.iter().map(|it| it.counters().packets_relayed.of(part)).sum()
    }

    /// Whether every packet came, once, and in order.
    #[must_use]
    pub fn suffered_nothing(&self) -> bool {
        self.seats.keys().all(|who| {
            let (up, down) = self.counts(*who);
            [up, down].iter().all(|side| {
                side.lost + side.blacked_out + side.duplicated + side.reordered + side.queue_full
                    == 0
            })
        })
    }

    /// What was wrong so far, in words.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        let is_clean = !self.has_moved
            && !self.has_capped
            && self.seats.values().all(|seat| {
                let counts = self.network.counts(seat.up.route);
                counts.lost + counts.queue_full + counts.blacked_out == 0
            });
        let mut complaints = self.old_complaints.clone();
        for (who, seat) in &self.seats {
            complaints.extend(seat.client.complaints.iter().cloned());
            let wrong =
                seat.sent.complaints(self.now, is_clean, |ssrc| seat.client.clock_rate(ssrc));
            complaints.extend(wrong.into_iter().map(|what| format!("sent to {who:?}: {what}")));
        }
        for (at, event) in &self.events {
            if let Event::Refused(id, error) = event
                && *error != CommandError::UnknownParticipant
            {
                complaints
                    .push(format!("command {id:?} was refused at {:?}: {error}", at.elapsed()));
            }
        }
        complaints
    }

    /// Lets time run.
    pub fn run(&mut self, lasts: Duration) {
        let end = self.now + lasts;
        let mut turns = 0;
        while let Some(next) = self.next_event().filter(|next| *next <= end) {
            turns = if next > self.now { 0 } else { turns + 1 };
            assert!(turns < TURNS_MAX, "time stands still at {:?}", self.now.elapsed());
            self.now = self.now.max(next);
            self.turn();
        }
        self.now = end;
    }

    fn next_event(&self) -> Option<SimTime> {
        let shard = self.shards.iter().filter_map(Shard::poll_timeout).min();
        let shard = shard.map(|timeout| self.clock.time(timeout));
        let clients = self.seats.values().filter_map(|seat| seat.client.next_event()).min();
        [self.network.next_event(), shard, clients].into_iter().flatten().min()
    }

    /// Everything that happens at this moment.
    fn turn(&mut self) {
        while let Some(delivery) = self.network.poll(self.now) {
            match delivery.payload {
                Datagram::ToServer { shard, from, bytes } => self.arrive(shard, from, &bytes),
                Datagram::ToClient { to, bytes } => self.deliver(to, &bytes),
            }
        }
        let people: Vec<Person> = self.seats.keys().copied().collect();
        for who in people {
            let now = self.now;
            if self.seat(who).client.next_event().is_some_and(|next| next <= now) {
                let out = self.client(who).poll(now);
                self.send_up(who, out);
            }
        }
        let instant = self.clock.instant(self.now);
        let passed = self.now.since(self.turned);
        self.turned = self.now;
        for shard in &mut self.shards {
            shard.handle_load(instant, passed * self.busy_permille / 1_000);
            if shard.poll_timeout().is_some_and(|timeout| timeout <= instant) {
                shard.handle_timeout(instant);
            }
        }
        self.drain();
    }

    /// Shards are told of datagrams in the order in which these arrive, whatever shard they are for: so nothing that a
    /// shard hears from another depends on how many there are.
    fn arrive(&mut self, shard: usize, from: SocketAddr, bytes: &[u8]) {
        let path = Path { local: 0, remote: from };
        let instant = self.clock.instant(self.now);
        assert!(self.recv.push(path, instant, Ecn::NotCapable, bytes), "an empty batch has room");
        let Some(there) = self.shards.get_mut(shard) else { panic!("there is no shard {shard}") };
        there.handle_batch(instant, &mut self.recv);
        self.recv.clear();
        self.relay();
    }

    /// Lets shards hear each other until all is said.
    fn relay(&mut self) {
        let instant = self.clock.instant(self.now);
        loop {
            let woken: Vec<_> = self
                .shards
                .iter_mut()
                .flat_map(|shard| std::iter::from_fn(|| shard.poll_wake()))
                .collect();
            if woken.is_empty() {
                return;
            }
            for shard in woken {
                let left = self.shard(usize::from(shard.0)).handle_relays(instant);
                assert!(!left, "a moment brings less than a ring holds");
            }
        }
    }

    fn deliver(&mut self, to: SocketAddr, bytes: &[u8]) {
        let there = self.seats.iter_mut().find(|(_, seat)| seat.client.address() == to);
        let Some((who, seat)) = there else { return };
        let (who, out) = (*who, seat.client.handle(self.now, bytes));
        self.send_up(who, out);
    }

    fn send_up(&mut self, who: Person, datagrams: Vec<Vec<u8>>) {
        let Some(seat) = self.seats.get(&who) else { return };
        let (shard, from) = (seat.shard, seat.client.address());
        for bytes in datagrams {
            self.network.send(
                self.now,
                seat.up.route,
                on_wire(&bytes),
                Datagram::ToServer { shard, from, bytes },
            );
        }
    }

    /// Takes from the shards all they have to send and to say.
    fn drain(&mut self) {
        self.relay();
        for shard in 0..self.shards.len() {
            self.drain_shard(shard);
        }
    }

    fn drain_shard(&mut self, shard: usize) {
        let instant = self.clock.instant(self.now);
        loop {
            let Some(there) = self.shards.get_mut(shard) else { return };
            let fill = there.poll_transmit(instant, &mut self.send);
            for (path, bytes) in self.send.datagrams() {
                self.digest.add(self.now, path.remote, bytes);
                // Whoever has moved away does not get it any more, but it was sent.
                let seat = self
                    .seats
                    .iter_mut()
                    .find(|(who, _)| who.address_belongs(path.remote))
                    .map(|(_, seat)| seat);
                let Some(seat) = seat else { continue };
                if let Some(ssrc) = seat.sent.watch(self.now, bytes)
                    && let Some(first) = seat.sent.first(ssrc)
                {
                    seat.client.expect_first(ssrc, first);
                }
                seat.listen(self.now, bytes);
                let datagram = Datagram::ToClient { to: path.remote, bytes: bytes.to_vec() };
                self.network.send(self.now, seat.down.route, on_wire(bytes), datagram);
            }
            self.send.clear();
            match fill {
                Fill::Full => {}
                Fill::Empty => break,
            }
        }
        let now = self.now;
        let told = std::iter::from_fn(|| self.shard(shard).poll_event()).map(|event| (now, event));
        let told: Vec<_> = told.collect();
        for (_, event) in &told {
            self.obey(event);
            if let Event::Metrics(snapshot) = event {
                self.snapshots[shard] = (**snapshot).clone();
            }
        }
        self.events.extend(told);
    }

    /// Clients send what is wanted of them.
    fn obey(&mut self, event: &Event) {
        if let Event::Wanted { participant, encodings, demand, .. } = event {
            let wanted = (0..*encodings).map(|encoding| demand.wants(encoding));
            let mut seats = self.seats.iter_mut();
            if let Some((_, seat)) = seats.find(|(who, _)| who.participant() == *participant) {
                seat.client.want(wanted);
            }
        }
    }

    fn direction(&mut self, plan: Link) -> Direction {
        let link = self.network.add_link(plan.bottleneck());
        let route = self.network.add_route(plan.route(vec![link], Vec::new()));
        Direction { link, route, plan, blackouts: Vec::new() }
    }
}

impl Direction {
    fn change(&mut self, network: &mut Network<Datagram>, now: SimTime, plan: Link) {
        let bottleneck: LinkPlan = plan.bottleneck();
        let route: Route = plan.route(vec![self.link], self.blackouts.clone());
        network.change_link(now, self.link, bottleneck);
        network.change_route(self.route, route);
        self.plan = plan;
    }
}

fn on_wire(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("a datagram is short") + UDP_OVERHEAD
}

/// Never presented: all transports here have given keys.
fn certificate() -> Certificate {
    Certificate::generate().expect("a certificate can be made")
}
