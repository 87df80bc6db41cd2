use sfu::event::LostReason;

use super::*;
use crate::plane::fake;
use sfu::command::Voice;
use tokio::sync::mpsc::error::TryRecvError;

const HERE: ShardIndex = ShardIndex(0);
const THERE: ShardIndex = ShardIndex(1);

fn mute(participant: u64) -> Command {
    Command::Voice { participant: ParticipantId(participant), voice: Voice::SILENT }
}

fn join(participant: u64, channel: u64) -> Command {
    let credentials = || sfu::command::IceCredentials {
        ufrag: arrayvec::ArrayString::from("ufrag").unwrap(),
        password: arrayvec::ArrayString::from("passwordpasswordpassword").unwrap(),
    };
    Command::Join(Box::new(sfu::command::Join {
        participant: ParticipantId(participant),
        channel: ChannelId(channel),
        local: credentials(),
        keying: sfu::command::Keying::Dtls {
            fingerprint: sfu::transport::dtls::Fingerprint([0; 32]),
            role: sfu::command::DtlsRole::Server,
        },
        consent: Duration::from_secs(30),
    }))
}

#[tokio::test(start_paused = true)]
async fn an_answer_comes_to_the_channel_that_asked() {
    let (plane, mut thread) = fake::plane(8);
    let (media, _) = Media::start(plane);
    let (sender, mut first) = mpsc::channel(8);
    media.open(ChannelId(1), sender).await.unwrap();
    let (sender, mut second) = mpsc::channel(8);
    media.open(ChannelId(2), sender).await.unwrap();
    media.join(ChannelId(2), HERE, join(1, 2)).await.unwrap();
    thread.carry_out().await;
    assert!(matches!(second.recv().await, Some(Event::Done(_))));
    let id = media.command(ChannelId(2), mute(1)).await.unwrap();
    thread.carry_out().await;
    assert!(matches!(second.recv().await, Some(Event::Done(done)) if done == id));
    assert!(first.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn news_of_a_participant_comes_to_its_channel_until_it_is_forgotten() {
    let (plane, mut thread) = fake::plane(8);
    let (media, _) = Media::start(plane);
    let (sender, mut events) = mpsc::channel(8);
    media.open(ChannelId(1), sender).await.unwrap();
    media.join(ChannelId(1), HERE, join(5, 1)).await.unwrap();
    thread.carry_out().await;
    thread.tell(Event::Lost(ParticipantId(5), LostReason::Closed)).await;
    assert!(matches!(events.recv().await, Some(Event::Done(_))));
    assert!(matches!(events.recv().await, Some(Event::Lost(ParticipantId(5), LostReason::Closed))));
    media.forget(ParticipantId(5)).await;
    media.command(ChannelId(1), mute(5)).await.unwrap();
    assert!(
        matches!(events.recv().await, Some(Event::Refused(_, CommandError::UnknownParticipant))),
        "no shard has it"
    );
    thread.tell(Event::Connected(ParticipantId(5))).await;
    thread.tell(Event::Speakers(ChannelId(1), Vec::new())).await;
    assert!(
        matches!(events.recv().await, Some(Event::Speakers(..))),
        "the forgotten one is not heard of"
    );
}

#[tokio::test(start_paused = true)]
async fn a_full_command_queue_delays_and_loses_nothing() {
    let (plane, mut thread) = fake::plane(1);
    let (media, _) = Media::start(plane);
    for participant in 0..10 {
        media.join(ChannelId(1), HERE, join(participant, 1)).await.unwrap();
        media.command(ChannelId(1), mute(participant)).await.unwrap();
    }
    for participant in 0..10 {
        let (_, _, command) = thread.commands.recv().await.unwrap();
        assert!(matches!(command, Command::Join(_)));
        let (_, _, command) = thread.commands.recv().await.unwrap();
        assert!(
            matches!(command, Command::Voice { participant: ParticipantId(p), .. } if p == participant)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_does_not_listen_holds_up_no_other() {
    let (plane, thread) = fake::plane(8);
    let (media, _) = Media::start(plane);
    let (sender, mut deaf) = mpsc::channel(1);
    media.open(ChannelId(1), sender).await.unwrap();
    let (sender, mut awake) = mpsc::channel(8);
    media.open(ChannelId(2), sender).await.unwrap();
    for _ in 0..100 {
        thread.tell(Event::Speakers(ChannelId(1), Vec::new())).await;
    }
    thread.tell(Event::Speakers(ChannelId(2), Vec::new())).await;
    assert!(awake.recv().await.is_some());
    assert!(deaf.recv().await.is_some());
    assert!(deaf.recv().await.is_some(), "what waited comes when there is room");
}

#[tokio::test(start_paused = true)]
async fn without_a_media_thread_commands_fail_and_the_end_shows() {
    let (plane, thread) = fake::plane(8);
    let (media, mut snapshots) = Media::start(plane);
    drop(thread);
    assert!(snapshots.changed().await.is_err());
    assert_eq!(media.command(ChannelId(1), mute(1)).await, Err(MediaEnded));
}

#[tokio::test(start_paused = true)]
async fn stopping_ends_the_thread_first() {
    let (plane, mut thread) = fake::plane(8);
    let (media, _) = Media::start(plane);
    media.stop().await;
    assert!(thread.commands.try_recv().is_err_and(|error| error == TryRecvError::Disconnected));
}

#[tokio::test(start_paused = true)]
async fn commands_follow_whom_they_concern_and_old_news_concerns_nobody() {
    let (plane, mut thread) = fake::planes(2, 8);
    let (media, _) = Media::start(plane);
    let (sender, mut events) = mpsc::channel(8);
    media.open(ChannelId(1), sender).await.unwrap();
    media.join(ChannelId(1), HERE, join(1, 1)).await.unwrap();
    media.join(ChannelId(1), THERE, join(2, 1)).await.unwrap();
    // Comes again, and is placed elsewhere.
    media.join(ChannelId(1), THERE, join(1, 1)).await.unwrap();
    for participant in [1, 2] {
        media.command(ChannelId(1), mute(participant)).await.unwrap();
    }
    let mut shards = Vec::new();
    for _ in 0..5 {
        let (shard, id, _) = thread.commands.recv().await.unwrap();
        shards.push(shard);
        thread.tell_of(shard, Event::Done(id)).await;
        assert!(matches!(events.recv().await, Some(Event::Done(_))));
    }
    assert_eq!(shards, [HERE, THERE, THERE, THERE, THERE]);
    thread.tell_of(HERE, Event::Lost(ParticipantId(1), LostReason::ConsentExpired)).await;
    thread.tell_of(THERE, Event::Connected(ParticipantId(1))).await;
    assert!(matches!(events.recv().await, Some(Event::Connected(ParticipantId(1)))));
}

#[tokio::test(start_paused = true)]
async fn a_shard_that_ends_takes_only_its_own() {
    let (plane, mut thread) = fake::planes(2, 8);
    let (media, snapshots) = Media::start(plane);
    let (sender, mut events) = mpsc::channel(8);
    media.open(ChannelId(1), sender).await.unwrap();
    for (participant, shard) in [(1, HERE), (2, THERE)] {
        media.join(ChannelId(1), shard, join(participant, 1)).await.unwrap();
        thread.carry_out().await;
        assert!(matches!(events.recv().await, Some(Event::Done(_))));
    }
    assert_eq!(media.place([HERE].into_iter(), 9), Ok(HERE));
    let unanswered = media.command(ChannelId(1), mute(1)).await.unwrap();
    thread.commands.recv().await.unwrap();
    thread.tell_of(HERE, Event::Stopped(sfu::event::StopReason::Panicked)).await;
    let refused = events.recv().await;
    assert!(
        matches!(refused, Some(Event::Refused(id, CommandError::UnknownParticipant)) if id == unanswered),
        "{refused:?}"
    );
    let lost = events.recv().await;
    assert!(
        matches!(lost, Some(Event::Lost(ParticipantId(1), LostReason::ShardStopped))),
        "{lost:?}"
    );
    assert_eq!(media.place([HERE].into_iter(), 9), Ok(THERE), "nobody is placed there any more");
    let id = media.command(ChannelId(1), mute(2)).await.unwrap();
    thread.carry_out().await;
    assert!(
        matches!(events.recv().await, Some(Event::Done(done)) if done == id),
        "the others go on"
    );
    assert!(snapshots.has_changed().is_ok(), "the plane has not ended");
}

#[tokio::test(start_paused = true)]
async fn counters_of_all_shards_add_up() {
    let (plane, thread) = fake::planes(2, 8);
    let (media, mut snapshots) = Media::start(plane);
    let turned = |turns| {
        let mut counters = sfu::metrics::Counters::default();
        counters.turns.add(turns);
        Event::Metrics(Box::new(Snapshot::of(&counters)))
    };
    for (shard, turns) in [(HERE, 5), (THERE, 7), (HERE, 6)] {
        thread.tell_of(shard, turned(turns)).await;
        snapshots.changed().await.unwrap();
    }
    assert_eq!(snapshots.borrow().counters().turns.value(), 13);
    drop(media);
}
