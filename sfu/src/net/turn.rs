//! One turn after another: gather, decide, send.

use std::io;
use std::time::{Duration, Instant};

use rtrb::Consumer;

use super::batch::{Fill, RecvBatch};
use super::clock::Clock;
use super::gather::Gather;
use super::outbox::{Backlog, Outbox};
use super::poll::{Bell, Poll};
use super::stream::Streams;
use super::thread::Bells;
use crate::command::{Command, CommandId};
use crate::event::Event;
use crate::metrics::Counters;
use crate::shard::Shard;

/// The loop of a media thread, with all it drives.
pub(super) struct Turns<'a> {
    pub(super) clock: Clock,
    pub(super) poll: &'a mut Poll,
    pub(super) bell: &'a Bell,
    pub(super) bells: &'a Bells,
    pub(super) commands: &'a mut Consumer<(CommandId, Command)>,
    pub(super) outbox: Outbox,
    streams: Streams,
    pub(super) shard: Shard,
    pub(super) news: News<'a>,
    received: RecvBatch,
    backlog: Backlog,
    gather: Gather,
    /// Something is left that needs no waiting for.
    hurry: bool,
    counters: Counters,
}

/// Whether there is another turn.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Next {
    Another,
    /// The other end is gone, and all it ever said has been dealt with.
    Stop,
}

impl<'a> Turns<'a> {
    pub(super) fn new(
        clock: Clock,
        (poll, bell, bells): (&'a mut Poll, &'a Bell, &'a Bells),
        gather: Gather,
        commands: &'a mut Consumer<(CommandId, Command)>,
        (outbox, streams): (Outbox, Streams),
        shard: Shard,
        sink: &'a mut dyn FnMut(Event) -> Result<(), Event>,
    ) -> Self {
        Self {
            clock,
            poll,
            bell,
            bells,
            commands,
            outbox,
            streams,
            shard,
            news: News { sink, held: None },
            received: RecvBatch::new(),
            backlog: Backlog::None,
            gather,
            hurry: true,
            counters: Counters::default(),
        }
    }

    /// One turn: waits until there is something to do, and does it.
    ///
    /// # Errors
    /// Waiting itself failed: a mistake of ours.
    pub(super) fn turn(&mut self) -> io::Result<Next> {
        let timeout = self.timeout();
        let ready = self.poll.wait(timeout)?;
        // What is left to be sent must not wait for what comes.
        if !self.hurry && self.backlog == Backlog::None && !ready.is_empty() {
            self.gather.wait(self.clock.now(), self.shard.poll_timeout())?;
        }
        let begin = self.clock.begin_turn();
        self.counters.turns.count();
        self.hurry = false;
        for token in ready.iter().map(|readable| readable.0) {
            self.receive(token);
        }
        // After the bell is silenced, which may have rung for this; before the commands are taken, which may be the last.
        let abandoned = self.commands.is_abandoned();
        self.take_commands();
        let now = self.clock.now();
        self.hurry |= self.shard.handle_relays(now);
        if self.shard.poll_timeout().is_some_and(|due| due <= now) {
            self.shard.handle_timeout(now);
        }
        self.streams.look(now, &self.shard, &mut self.counters);
        // Before sending, which takes longest: the other shards' receivers wait for nothing else.
        while let Some(shard) = self.shard.poll_wake() {
            self.bells.ring(shard);
        }
        self.transmit()?;
        let (shard, counters) = (&mut self.shard, &mut self.counters);
        self.news.tell(|| shard.poll_event(), counters);
        let end = self.clock.now();
        self.gather.turn_took(end - begin);
        self.shard.handle_load(end, end - begin);
        Ok(if abandoned && self.commands.is_empty() { Next::Stop } else { Next::Another })
    }

    /// Takes in what there is behind a descriptor that is ready.
    fn receive(&mut self, token: u64) {
        let Self { clock, poll, shard, received, counters, .. } = self;
        if let Some(socket) = self.outbox.socket(token) {
            socket.receive(clock, received, counters);
            shard.handle_batch(clock.now(), received);
            received.clear();
        } else if !self.streams.ready(token, clock, (poll, shard), received, counters) {
            self.bell.silence();
        }
    }

    fn take_commands(&mut self) {
        for _ in 0..COMMANDS_MAX {
            let Ok((id, command)) = self.commands.pop() else { return };
            self.counters.commands.count();
            self.shard.handle_command(self.clock.now(), id, command);
        }
        self.hurry |= !self.commands.is_empty();
    }

    /// Sends what was left over, then what the shard has, until nothing is left, a socket is full, or a turn's worth is sent.
    fn transmit(&mut self) -> io::Result<()> {
        self.streams.go_on(self.poll)?;
        self.backlog = self.outbox.flush(self.poll, &mut self.counters)?;
        for _ in 0..BATCHES_MAX {
            if self.backlog != Backlog::None {
                return Ok(());
            }
            let now = self.clock.now();
            let batch = self.outbox.begin();
            let fill = self.shard.poll_transmit(now, batch);
            self.streams.send(now, batch, &mut self.counters);
            self.backlog = self.outbox.flush(self.poll, &mut self.counters)?;
            if fill == Fill::Empty {
                return Ok(());
            }
        }
        self.hurry = true;
        Ok(())
    }

    fn timeout(&self) -> Option<Duration> {
        let due = self.shard.poll_timeout().into_iter().chain(self.streams.deadline()).min();
        timeout(self.clock.now(), due, self.hurry, self.backlog, self.news.held.is_some())
    }
}

/// How long a turn may wait: until the shard's deadline, and sooner where something must be tried again.
fn timeout(
    now: Instant,
    due: Option<Instant>,
    hurry: bool,
    backlog: Backlog,
    held: bool,
) -> Option<Duration> {
    if hurry {
        return Some(Duration::ZERO);
    }
    let due = due.map(|due| due.saturating_duration_since(now));
    let due = match backlog {
        Backlog::None => due,
        // What the shard wants to send cannot be sent: being asked again and again would change nothing.
        Backlog::Socket => due.map(|due| due.max(BLOCKED_RETRY)),
        Backlog::Device => Some(BLOCKED_RETRY),
    };
    let retry = held.then_some(EVENT_RETRY);
    due.into_iter().chain(retry).min()
}

/// Events on their way to the sink, of which one may be waiting.
pub(super) struct News<'a> {
    sink: &'a mut dyn FnMut(Event) -> Result<(), Event>,
    held: Option<Event>,
}

impl News<'_> {
    /// Hands on what `next` gives until there is no more or the sink has no room. The one it had no room for is kept
    /// and tried first the next time; the others stay where they are.
    fn tell(&mut self, mut next: impl FnMut() -> Option<Event>, counters: &mut Counters) {
        while let Some(event) =
            self.held.take().or_else(|| next().map(|event| completed(event, counters)))
        {
            if let Err(refused) = (self.sink)(event) {
                counters.events_held.count();
                self.held = Some(refused);
                return;
            }
        }
    }
}

/// The shard's metrics with those of its thread.
fn completed(mut event: Event, counters: &Counters) -> Event {
    if let Event::Metrics(snapshot) = &mut event {
        **snapshot += counters;
    }
    event
}

/// Commands a turn carries out: as many as the ring holds, so that a full ring is empty after one turn.
pub(super) const COMMANDS_MAX: usize = 256;

/// Batches (of up to 1,024 datagrams) a turn sends, 2 ms each, before it looks at what has arrived.
const BATCHES_MAX: usize = 2;

/// A device's queue of 1,000 packets of 1,200 bytes takes 10 ms at 1 Gbit/s: a tenth of it is free after this.
const BLOCKED_RETRY: Duration = Duration::from_millis(1);

/// Signaling makes room within a task switch; nobody notices an event that is this late.
pub(super) const EVENT_RETRY: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Snapshot;

    const fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn an_idle_thread_waits_for_its_deadline_and_without_one_for_ever() {
        let now = Clock::new().now();
        assert_eq!(timeout(now, None, false, Backlog::None, false), None);
        assert_eq!(timeout(now, Some(now + ms(700)), false, Backlog::None, false), Some(ms(700)));
        assert_eq!(timeout(now + ms(1), Some(now), false, Backlog::None, false), Some(ms(0)));
    }

    #[test]
    fn what_is_left_is_tried_again_soon_but_not_in_a_busy_loop() {
        let now = Clock::new().now();
        assert_eq!(timeout(now, None, true, Backlog::Socket, true), Some(ms(0)));
        assert_eq!(timeout(now, None, false, Backlog::None, true), Some(EVENT_RETRY));
        assert_eq!(timeout(now, None, false, Backlog::Socket, false), None);
        assert_eq!(timeout(now, Some(now), false, Backlog::Socket, false), Some(BLOCKED_RETRY));
        assert_eq!(timeout(now, None, false, Backlog::Device, true), Some(BLOCKED_RETRY));
        assert_eq!(timeout(now, Some(now + ms(3)), false, Backlog::None, true), Some(ms(3)));
    }

    #[test]
    fn a_sink_without_room_loses_nothing_and_keeps_the_order() {
        let mut source = (0..10).map(|id| Event::Done(CommandId(id)));
        let mut told = Vec::new();
        let mut asked = 0;
        let mut sink = |event| {
            asked += 1;
            if asked % 3 == 0 {
                return Err(event);
            }
            let Event::Done(id) = event else { panic!("only these were sent") };
            told.push(id.0);
            Ok(())
        };
        let mut news = News { sink: &mut sink, held: None };
        let mut counters = Counters::default();
        let mut turns = 0;
        while turns < 20 && (news.held.is_some() || turns == 0) {
            news.tell(|| source.next(), &mut counters);
            turns += 1;
        }
        assert!(news.held.is_none());
        assert_eq!(told, (0..10).collect::<Vec<_>>());
        assert_eq!(counters.events_held.value(), turns - 1);
    }

    #[test]
    fn metrics_leave_with_what_the_thread_counted() {
        let mut counters = Counters::default();
        counters.turns.add(3);
        let mut seen = None;
        let mut sink = |event| {
            let Event::Metrics(snapshot) = event else { panic!("only these were sent") };
            seen = Some(snapshot.counters().turns.value());
            Ok(())
        };
        let mut news = News { sink: &mut sink, held: None };
        let mut source = Some(Event::Metrics(Box::<Snapshot>::default()));
        news.tell(|| source.take(), &mut counters);
        assert_eq!(seen, Some(3));
    }
}
