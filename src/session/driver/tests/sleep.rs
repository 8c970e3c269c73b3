//! A machine that slept.

use super::*;

/// A clock that the test sets forward.
fn slept(pulse: Pulse) -> (Surroundings, Arc<AtomicUsize>) {
    let hours = Arc::new(AtomicUsize::new(0));
    let asked = hours.clone();
    let wall = move || SystemTime::now() + Duration::from_secs(3600) * asked.load(Ordering::SeqCst) as u32;
    (Surroundings { pulse, look: Duration::from_millis(20), wall: Arc::new(wall) }, hours)
}

#[tokio::test]
async fn a_machine_that_slept_looks_at_once_whether_the_connection_lives() {
    let far = Arc::new(Far::new().await);
    let pulse = Pulse { every: Duration::from_secs(3600), limit: Duration::from_millis(300) };
    let (surroundings, hours) = slept(pulse);
    let (_commands, mut events) = open_with(far.ticket("first"), far.clone(), options(), surroundings);
    let mut peer = far.accept().await;
    peer.output(0, "$ ").await;
    peer.wait_for_ack(0).await;
    until(&mut events, |event| matches!(event, Event::Output(_))).await;
    hours.store(1, Ordering::SeqCst);
    far.answer(Ok(Resumed::Ticket(far.ticket("second"))));
    // From here on nobody answers on the old connection.
    let noticed =
        |event: &Event| matches!(event, Event::Reconnecting { cause, .. } if cause == "no answer for 300ms");
    until(&mut events, noticed).await;
    let mut again = far.accept().await;
    again.output(1, "still here").await;
    until(&mut events, |event| matches!(event, Event::Resumed { .. })).await;
    drop(peer);
}

#[tokio::test]
async fn a_machine_that_slept_while_it_reconnected_does_not_wait_for_the_old_attempt() {
    let far = Arc::new(Far::new().await);
    let (surroundings, hours) = slept(Pulse::USUAL);
    let (commands, mut events) = open_with(far.ticket("first"), far.clone(), options(), surroundings);
    drop(far.accept().await);
    until(&mut events, |event| matches!(event, Event::Reconnecting { .. })).await;
    // ResumeSession hangs: its connection died with the lid.
    while far.resumes.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    far.answer(Ok(Resumed::Ticket(far.ticket("second"))));
    hours.store(1, Ordering::SeqCst);
    assert_eq!(far.accept().await.open.token, "second");
    commands.end();
    to_the_end(&mut events).await;
}
