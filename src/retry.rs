//! Service failures of a stage: tried again with growing pauses, within limits.

use std::time::{Duration, Instant};

use rand::Rng;

use crate::error::{Cause, Error, Result};
use crate::stop::Stop;

/// How much longer than the limit an attempt has to last to show that the trouble before it is over, where nothing else
/// shows it: a stage may try for as long as the limit itself, in vain.
const RECOVERED: Duration = Duration::from_secs(10);
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The trouble that a stage is in.
#[derive(Debug)]
pub struct Retry {
    limit: Duration,
    since: Option<Instant>,
    pause: Duration,
}

impl Retry {
    /// Tries for at most `limit` from the first failure on.
    pub fn new(limit: Duration) -> Self {
        Self { limit, since: None, pause: FIRST_PAUSE }
    }

    /// The pause before the next attempt, after one that `lasted` so long, and in which something became durable or not;
    /// none where it is given up.
    pub fn after(&mut self, error: &Error, lasted: Duration, progressed: bool) -> Option<Duration> {
        if !error.policy().retry {
            return None;
        }
        if progressed || lasted >= self.limit + RECOVERED {
            self.since = None;
            self.pause = FIRST_PAUSE;
        }
        let since = *self.since.get_or_insert_with(Instant::now);
        if since.elapsed() >= self.limit {
            return None;
        }
        let pause = self.pause;
        self.pause = (pause * 2).min(LONGEST_PAUSE);
        Some(pause.mul_f64(rand::rng().random_range(0.5..1.0)))
    }
}

/// What has no effect, until a service answers: again and again for at most `limit`, unless `stop` comes before.
pub async fn patiently<T, F: Future<Output = Result<T>>>(
    limit: Duration,
    stop: &Stop,
    attempt: impl Fn() -> F,
) -> Result<T> {
    patiently_noting(limit, stop, attempt, |_| {}).await
}

/// The same; `note` hears of each failure that is followed by another attempt.
pub async fn patiently_noting<T, F: Future<Output = Result<T>>>(
    limit: Duration,
    stop: &Stop,
    attempt: impl Fn() -> F,
    note: impl Fn(&Error),
) -> Result<T> {
    let mut retry = Retry::new(limit);
    loop {
        let started = Instant::now();
        let error = match attempt().await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let Some(pause) = retry.after(&error, started.elapsed(), false) else { return Err(error) };
        if !stop.is_requested() {
            note(&error);
        }
        if stop.sleep(pause).await {
            return Err(error);
        }
    }
}

/// How long each of a run's last words may take, where a service has failed it or somebody waits for its end: the last look,
/// the report, the record of the run. Elsewhere that much more than a service is given to come back.
pub const LAST_WORDS: Duration = Duration::from_secs(10);

/// The same, once: given up after `limit`, wherever it hangs. `what` is the attempt, for the error.
pub async fn within<T>(limit: Duration, what: &str, attempt: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(limit, attempt).await.unwrap_or_else(|_| {
        let seconds = limit.as_secs();
        Err(Error::new(Cause::Unreachable, format!("{what}: no answer within {seconds} s")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_service_failures_are_tried_again_and_not_for_ever() {
        let mut retry = Retry::new(Duration::from_secs(60));
        let unreachable = Error::new(Cause::Unreachable, "x");
        assert!(retry.after(&unreachable, Duration::ZERO, false).is_some());
        assert!(retry.after(&Error::new(Cause::Lineage, "x"), Duration::ZERO, false).is_none());
        assert!(Retry::new(Duration::ZERO).after(&unreachable, Duration::ZERO, false).is_none());
    }

    #[test]
    fn only_progress_or_a_long_attempt_ends_the_trouble() {
        let unreachable = Error::new(Cause::Unreachable, "x");
        let mut retry = Retry::new(Duration::from_millis(1));
        assert!(retry.after(&unreachable, Duration::ZERO, false).is_some());
        std::thread::sleep(Duration::from_millis(2));
        assert!(retry.after(&unreachable, Duration::from_secs(9), false).is_none());
        assert!(retry.after(&unreachable, Duration::from_secs(11), false).is_some());
        std::thread::sleep(Duration::from_millis(2));
        assert!(retry.after(&unreachable, Duration::ZERO, true).is_some());
    }

    #[tokio::test]
    async fn a_question_is_asked_until_a_service_answers_or_somebody_stops() {
        let (limit, stop) = (Duration::from_secs(60), Stop::new());
        let attempts = std::cell::Cell::new(0);
        let noted = std::cell::Cell::new(0);
        let ask = async || {
            attempts.set(attempts.get() + 1);
            if attempts.get() < 3 { Err(Error::new(Cause::Unreachable, "x")) } else { Ok(attempts.get()) }
        };
        let answered = patiently_noting(limit, &stop, ask, |_| noted.set(noted.get() + 1));
        assert_eq!(answered.await.unwrap(), 3);
        assert_eq!(noted.get(), 2);
        let given_up = patiently_noting(
            Duration::ZERO,
            &stop,
            async || Err::<(), _>(Error::new(Cause::Unreachable, "x")),
            |_| noted.set(9),
        );
        assert!(given_up.await.is_err());
        assert_eq!(noted.get(), 2, "nobody tries it again");

        stop.request();
        let stopped = patiently(limit, &stop, async || Err::<(), _>(Error::new(Cause::Unreachable, "x")));
        assert_eq!(stopped.await.unwrap_err().cause(), Cause::Unreachable);
    }

    #[tokio::test]
    async fn what_hangs_is_given_up_and_says_what_it_was() {
        let hangs = within(Duration::from_millis(1), "ask", std::future::pending::<Result<()>>());
        assert_eq!(hangs.await.unwrap_err().to_string(), "ask: no answer within 0 s");
        assert_eq!(within(LAST_WORDS, "ask", async { Ok(7) }).await.unwrap(), 7);
    }
}
