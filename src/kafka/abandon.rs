//! Calls that may never return.

use std::sync::mpsc;
use std::time::Duration;

/// Makes the call on a thread of its own. Nothing where it has not returned within `limit`, or there is no thread to be
/// had: then the thread, and what the call holds, stay as they are until the process ends.
pub(super) fn within<T: Send + 'static>(
    limit: Duration,
    call: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (sender, answer) = mpsc::sync_channel(1);
    let made = std::thread::Builder::new().name("kafka-call".into()).spawn(move || {
        // Nobody waits for an answer that comes late.
        let _ = sender.send(call());
    });
    made.ok().and_then(|_| answer.recv_timeout(limit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_passed_on_and_a_call_that_hangs_is_given_up() {
        assert_eq!(within(Duration::from_secs(60), || 7), Some(7));
        let (release, hangs) = mpsc::channel::<()>();
        let call = move || {
            let _ = hangs.recv();
            7
        };
        assert_eq!(within(Duration::from_millis(10), call), None);
        drop(release);
    }
}
