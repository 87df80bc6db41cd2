use super::super::tests::{camera, receive, start, structure};
use super::*;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn what_is_missing_for_a_fifth_of_a_second_is_told_for_a_second() {
    let (mut publication, begin) = (camera(), start());
    receive(&mut publication, begin, 100, &structure(0));
    assert!(!publication.follow_losses(begin + ms(500)), "nothing is missing");
    let lost = begin + ms(1_000);
    receive(&mut publication, lost, 102, &structure(0));
    assert!(!publication.follow_losses(lost + ms(199)));
    assert!(!publication.is_lossy(0));
    assert!(publication.follow_losses(lost + ms(200)));
    assert!(publication.is_lossy(0) && !publication.is_lossy(1));
    receive(&mut publication, lost + ms(210), 101, &structure(0));
    assert!(!publication.follow_losses(lost + ms(1_199)), "nobody could have read it");
    assert!(publication.follow_losses(lost + ms(1_200)));
    assert!(!publication.is_lossy(0));
}

#[test]
fn what_was_given_up_is_a_loss_until_the_next_keyframe() {
    let (mut publication, lost) = (camera(), start());
    receive(&mut publication, lost, 100, &structure(0));
    receive(&mut publication, lost, 102, &structure(0));
    let given_up = lost + ms(1_000);
    assert_eq!(publication.losses(given_up, ms(50)).count(), 0);
    assert!(publication.follow_losses(given_up));
    assert!(!publication.follow_losses(given_up + ms(5_000)));
    assert!(publication.is_lossy(0), "no keyframe has come");
    receive(&mut publication, given_up + ms(5_000), 103, &structure(1));
    assert!(publication.follow_losses(given_up + ms(6_000)));
    assert!(!publication.is_lossy(0));
}
