//! Asks the services now and then whether they are there, and Kafka how long it keeps things. Nothing waits for the
//! answers: they are for the metrics, and for people, who hear of a service that is gone even where no stage needs it now.

use std::time::{Duration, Instant};

use tracing::{debug, warn};

use super::engine::Engine;
use crate::checkpoint::Stage;
use crate::error::Result;
use crate::kafka::retention;
use crate::metrics::{Connections, Service};
use crate::neo4j::Usage;
use crate::status::Board;
use crate::stop::Stop;

/// How often the services are asked, and Kafka for the oldest offsets.
const ASK: Duration = Duration::from_secs(10);

/// How soon one that did not answer is asked once more, before that is told.
const ASK_AGAIN: Duration = Duration::from_secs(2);

/// A service that has not answered by then counts as down.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);

/// How often Kafka is asked how long it keeps things.
const ASK_RETENTION: Duration = Duration::from_secs(60);

/// Keeps the metrics of services and retention new until `stop`. A service that does not answer is told on the board, which
/// is not ready meanwhile, and in the log.
pub(super) async fn keep_asking(engine: &Engine, stages: &[Stage], board: &Board, stop: &Stop) {
    let mut known_since: Option<Instant> = None;
    let mut silence = Silence::default();
    loop {
        let silent = engine.ask_services().await;
        let kafka_answers = !silent.contains(&Service::Kafka);
        if silence.is_news(silent) && !stop.is_requested() {
            board.waits_for(sentence(&silence.told));
            tell(&silence.told);
        }
        let read = engine.inputs(stages);
        if !read.is_empty() && kafka_answers {
            let due = known_since.is_none_or(|since| since.elapsed() >= ASK_RETENTION);
            if due {
                known_since = Some(Instant::now());
                say(engine.ask_retention(&read).await);
            }
            say(engine.ask_log_starts(&read).await);
        }
        if stop.sleep(if silence.is_certain() { ASK } else { ASK_AGAIN }).await {
            return;
        }
    }
}

/// Who does not answer, and whom that was told of: those that were silent twice. One look alone may have met a moment in
/// which a service was busy.
#[derive(Debug, Default)]
struct Silence {
    seen: Vec<Service>,
    told: Vec<Service>,
}

impl Silence {
    /// Whether what was seen now changes what is to be told.
    fn is_news(&mut self, silent: Vec<Service>) -> bool {
        let lasting: Vec<Service> =
            silent.iter().copied().filter(|service| self.seen.contains(service)).collect();
        self.seen = silent;
        let is_news = lasting != self.told;
        self.told = lasting;
        is_news
    }

    /// Whether all that was seen was told.
    fn is_certain(&self) -> bool {
        self.seen == self.told
    }
}

fn tell(silent: &[Service]) {
    match sentence(silent) {
        Some(sentence) => warn!("{sentence}; what needs it is tried again"),
        None => warn!("all services answer again"),
    }
}

/// Which services do not answer; nothing where all of them do.
fn sentence(silent: &[Service]) -> Option<String> {
    let names: Vec<&str> = silent.iter().map(|service| service.for_people()).collect();
    match names.as_slice() {
        [] => None,
        [one] => Some(format!("{one} does not answer")),
        several => Some(format!("{} do not answer", several.join(" and "))),
    }
}

fn say(asked: Result<()>) {
    if let Err(error) = asked {
        debug!(?error, "what Kafka keeps can't be seen right now");
    }
}

impl Engine {
    /// Returns those that do not answer.
    async fn ask_services(&self) -> Vec<Service> {
        let source = async {
            match &self.source {
                Some(source) => answers(source.ping()).await,
                None => true,
            }
        };
        let target = async {
            match &self.target {
                Some(target) => answers(target.ping()).await,
                None => true,
            }
        };
        let kafka = answers(self.watermarks.topic_exists(self.kafka.names.checkpoints()));
        let (kafka, source, target) = tokio::join!(kafka, source, target);
        let needed = [
            (Service::Kafka, true, kafka),
            (Service::Source, self.source.is_some(), source),
            (Service::Target, self.target.is_some(), target),
        ];
        let needed = needed.into_iter().filter(|(_, needed, _)| *needed);
        needed.clone().for_each(|(service, _, up)| self.metrics.service_up(service, up));
        needed.filter(|(_, _, up)| !up).map(|(service, ..)| service).collect()
    }

    /// The topics that the stages of this process read, as far as they are there.
    fn inputs(&self, stages: &[Stage]) -> Vec<Input<'_>> {
        let consuming = stages.iter().filter(|stage| **stage != Stage::Extract);
        let each = consuming.flat_map(|stage| self.selected.iter().map(|pipeline| (*stage, pipeline.name())));
        each.filter(|(_, pipeline)| self.checkpoints.read(|state| state.lineages.contains_key(*pipeline)))
            .map(|(stage, pipeline)| (stage, pipeline, self.kafka.names.input(stage, pipeline)))
            .collect()
    }

    async fn ask_retention(&self, read: &[Input<'_>]) -> Result<()> {
        let topics: Vec<String> = read.iter().map(|(_, _, topic)| topic.clone()).collect();
        let kept = retention(&self.kafka, &topics).await?;
        if let Some(minutes) = kept.offsets_minutes {
            self.metrics.offsets_retention(minutes);
        }
        for (stage, pipeline, topic) in read {
            if let Some(kept) = kept.topics_ms.get(topic) {
                self.metrics.topic_retention(*stage, pipeline, *kept);
            }
        }
        Ok(())
    }

    async fn ask_log_starts(&self, read: &[Input<'_>]) -> Result<()> {
        let partitions = self.kafka.settings().partitions;
        let asked = read.iter().map(|(_, _, topic)| (topic.clone(), partitions)).collect();
        for ((stage, pipeline, _), starts) in read.iter().zip(self.watermarks.starts(asked).await?) {
            for (partition, offset) in starts {
                self.metrics.log_start(*stage, pipeline, partition, offset);
            }
        }
        Ok(())
    }

    /// Sets the metrics of how the connections are used.
    pub(super) fn count_connections(&self) {
        let of = |Usage { in_use, idle, max }| Connections { in_use, idle, max };
        if let Some(source) = &self.source {
            self.metrics.connections(Service::Source, of(source.usage()));
        }
        if let Some(target) = &self.target {
            self.metrics.connections(Service::Target, of(target.usage()));
        }
    }
}

/// A stage, a pipeline, and the topic that the stage reads of it.
type Input<'e> = (Stage, &'e str, String);

async fn answers<T>(asked: impl Future<Output = Result<T>>) -> bool {
    matches!(tokio::time::timeout(ANSWERS_WITHIN, asked).await, Ok(Ok(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_silent_twice_is_told_of_until_it_answers() {
        let mut silence = Silence::default();
        assert!(!silence.is_news(vec![Service::Target]));
        assert!(!silence.is_certain());
        assert!(!silence.is_news(Vec::new()), "it was busy for a moment");
        assert!(!silence.is_news(vec![Service::Target]));
        assert!(silence.is_news(vec![Service::Kafka, Service::Target]));
        assert_eq!(silence.told, [Service::Target]);
        assert!(silence.is_news(vec![Service::Kafka, Service::Target]));
        assert!(silence.is_certain());
        assert!(silence.is_news(Vec::new()));
        assert!(silence.told.is_empty() && silence.is_certain());
    }

    #[test]
    fn who_does_not_answer_is_named() {
        assert_eq!(sentence(&[]), None);
        assert_eq!(sentence(&[Service::Kafka]).unwrap(), "Kafka does not answer");
        let two = sentence(&[Service::Source, Service::Target]).unwrap();
        assert_eq!(two, "the source and the target do not answer");
    }
}
