//! What the live page shows, made once a second however many look, and sent as it changes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::sync::watch;

use super::{Board, Meter, Observe, Status, Trouble};
use crate::record::Reason;
use crate::stop::Stop;

/// How often the page is told. Also its promise: the page takes three times as long without news for a lost connection.
const TOLD_EVERY: Duration = Duration::from_secs(1);

/// What a process is, as far as it never changes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct About {
    /// The command without its options.
    pub command: String,
    /// Regraft's version.
    pub version: &'static str,
    /// `kafka.topic_prefix`.
    pub prefix: String,
    /// When it started, milliseconds since 1970.
    pub started_at_ms: i64,
}

impl About {
    /// This version, now.
    pub fn now(command: impl Into<String>, prefix: impl Into<String>) -> About {
        About {
            command: command.into(),
            version: env!("CARGO_PKG_VERSION"),
            prefix: prefix.into(),
            started_at_ms: chrono::Utc::now().timestamp_millis(),
        }
    }
}

/// How the work ended, for those who still look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ending {
    /// Exit code.
    pub exit_code: u8,
    /// In a few words.
    pub summary: String,
}

/// One state of the page. As JSON the data of a server-sent event.
#[derive(Debug, Clone, Serialize)]
struct Seen {
    about: About,
    /// When, milliseconds since 1970.
    at_ms: i64,
    /// What the process waits for before it can work.
    #[serde(skip_serializing_if = "Option::is_none")]
    waits_for: Option<String>,
    /// Whether the target can be seen: otherwise nothing is known of what is loaded.
    sees_target: bool,
    #[serde(flatten)]
    status: Status,
    flow: Flow,
    /// Every reason that there is a dead letter of, with what a person can do about it.
    what_to_do: BTreeMap<Reason, &'static str>,
    troubles: Vec<Trouble>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<Ending>,
}

/// Records a second of each stage, lately, over all pipelines and processes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
struct Flow {
    extract: f64,
    transform: f64,
    load: f64,
}

/// Sees to it that everybody who looks is told. Clones share it.
#[derive(Clone)]
pub struct Live {
    about: Arc<About>,
    board: Board,
    observe: Observe,
    meters: Arc<Mutex<[Meter; 3]>>,
    ended: Arc<Mutex<Option<Ending>>>,
    sender: watch::Sender<Told>,
}

/// What is told. The last one is followed by none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Told {
    pub json: Arc<str>,
    pub is_last: bool,
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live").field("about", &self.about).finish_non_exhaustive()
    }
}

impl Live {
    /// Tells what is on the board; `observe` gives the snapshots with their rates.
    pub fn new(about: About, board: Board, observe: Observe) -> Live {
        Live {
            about: Arc::new(about),
            board,
            observe,
            meters: Arc::default(),
            ended: Arc::default(),
            sender: watch::Sender::new(Told::default()),
        }
    }

    /// Tells once a second until `stop`.
    pub async fn tell(&self, stop: &Stop) {
        loop {
            self.sender.send_replace(self.now());
            if stop.sleep(TOLD_EVERY).await {
                return;
            }
        }
    }

    /// Tells how it ended; nothing is told after that.
    pub fn end(&self, ending: Ending) {
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(ending);
        self.sender.send_replace(self.now());
    }

    /// What is told, from now on.
    pub(super) fn listen(&self) -> watch::Receiver<Told> {
        self.sender.subscribe()
    }

    fn now(&self) -> Told {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let is_last = ended.is_some();
        // Plain fields always have a JSON form.
        let json = serde_json::to_string(&self.seen(ended)).unwrap_or_default();
        Told { json: json.into(), is_last }
    }

    fn seen(&self, ended: Option<Ending>) -> Seen {
        let pipelines = (self.observe)();
        let sums = pipelines.iter().fold([0; 3], |[read, transformed, finished], one| {
            [read + one.read, transformed + one.transformed, finished + one.finished()]
        });
        let mut meters = self.meters.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let mut rate = |stage: usize| meters[stage].read(now, sums[stage]);
        let flow = Flow { extract: rate(0), transform: rate(1), load: rate(2) };
        let reasons = pipelines.iter().flat_map(|one| one.dead_letters.keys().copied());
        Seen {
            about: self.about.as_ref().clone(),
            at_ms: chrono::Utc::now().timestamp_millis(),
            waits_for: self.board.ready().err(),
            sees_target: self.board.sees_target(),
            flow,
            what_to_do: reasons.map(|reason| (reason, reason.what_to_do())).collect(),
            troubles: self.board.troubles(),
            status: Status { pipelines, ..Status::default() },
            ended,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Cause, Error};
    use crate::status::State;

    #[tokio::test]
    async fn those_who_listen_are_told_until_the_end_and_once_more() {
        let board = Board::new(["episode".to_owned()]);
        board.update("episode", |snapshot| {
            snapshot.state = State::Running;
            snapshot.dead_letters = BTreeMap::from([(Reason::Orphaned, 2)]);
        });
        let refused = Error::new(Cause::Unreachable, "connect to the target");
        board.trouble(Trouble::of_stage("load", "episode", &refused, true));
        let live = Live::new(About::now("load", "regraft"), board.clone(), board.observe());
        let (stop, mut listener) = (Stop::new(), live.listen());
        let telling = tokio::spawn({
            let (live, stop) = (live.clone(), stop.clone());
            async move { live.tell(&stop).await }
        });
        let told = listener.wait_for(|told| !told.json.is_empty()).await.unwrap().clone();
        let seen: serde_json::Value = serde_json::from_str(&told.json).unwrap();
        assert_eq!(seen["pipelines"]["episode"]["state"], "running");
        assert_eq!(seen["pipelines"]["episode"]["dead_letters"]["orphaned"], 2);
        assert_eq!(seen["what_to_do"]["orphaned"], Reason::Orphaned.what_to_do());
        assert_eq!(seen["troubles"][0]["message"], "connect to the target");
        assert!(!told.is_last && seen.get("ended").is_none());
        live.end(Ending { exit_code: 0, summary: "all done".to_owned() });
        let last = listener.wait_for(|told| told.is_last).await.unwrap().clone();
        assert!(last.json.contains(r#""ended":{"exit_code":0,"summary":"all done"}"#), "{}", last.json);
        stop.request();
        telling.await.unwrap();
    }
}
