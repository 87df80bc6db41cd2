use sfu::event::LostReason;

use super::*;
use crate::plane::fake;
use sfu::command::Voice;

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
        remote: credentials(),
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
    media.command(ChannelId(1), join(5, 1)).await.unwrap();
    thread.carry_out().await;
    thread.tell(Event::Lost(ParticipantId(5), LostReason::Closed)).await;
    assert!(matches!(events.recv().await, Some(Event::Done(_))));
    assert!(matches!(events.recv().await, Some(Event::Lost(ParticipantId(5), LostReason::Closed))));
    media.forget(ParticipantId(5)).await;
    media.command(ChannelId(1), mute(5)).await.unwrap();
    thread.commands.recv().await.unwrap();
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
        media.command(ChannelId(1), mute(participant)).await.unwrap();
    }
    for participant in 0..10 {
        let (_, command) = thread.commands.recv().await.unwrap();
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
    let (mut plane, _thread) = fake::plane(8);
    let (stopped, mut stops) = oneshot::channel();
    plane.stop = Box::new(move || drop(stopped.send(())));
    let (media, _) = Media::start(plane);
    media.stop().await;
    assert_eq!(stops.try_recv(), Ok(()));
}
