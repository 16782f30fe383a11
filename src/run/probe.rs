//! Asks the services now and then whether they are there, and Kafka how long it keeps things: for metrics alone.

use std::time::{Duration, Instant};

use tracing::debug;

use super::engine::Engine;
use crate::checkpoint::Stage;
use crate::error::Result;
use crate::kafka::retention;
use crate::metrics::{Connections, Service};
use crate::neo4j::Usage;
use crate::stop::Stop;

/// How often the services are asked.
const ASK: Duration = Duration::from_secs(10);

/// A service that has not answered by then counts as down.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);

/// How often Kafka is asked what it keeps: nothing of it changes fast.
const ASK_RETENTION: Duration = Duration::from_secs(60);

/// Keeps the metrics of services and retention new until `stop`.
pub(super) async fn keep_asking(engine: &Engine, stages: &[Stage], stop: &Stop) {
    let mut next_retention = Instant::now();
    loop {
        engine.ask_services().await;
        if Instant::now() >= next_retention {
            next_retention = Instant::now() + ASK_RETENTION;
            if let Err(error) = engine.ask_retention(stages).await {
                debug!(?error, "what Kafka keeps can't be seen right now");
            }
        }
        if stop.sleep(ASK).await {
            return;
        }
    }
}

impl Engine {
    async fn ask_services(&self) {
        let source = async {
            if let Some(source) = &self.source {
                self.metrics.service_up(Service::Source, answers(source.ping()).await);
            }
        };
        let target = async {
            if let Some(target) = &self.target {
                self.metrics.service_up(Service::Target, answers(target.ping()).await);
            }
        };
        let kafka = async {
            let asked = self.watermarks.topic_exists(self.kafka.names.checkpoints());
            self.metrics.service_up(Service::Kafka, answers(asked).await);
        };
        tokio::join!(source, target, kafka);
    }

    /// For the topics that the stages of this process read.
    async fn ask_retention(&self, stages: &[Stage]) -> Result<()> {
        let reads = stages.iter().filter(|stage| **stage != Stage::Extract);
        let read: Vec<(Stage, &str)> = reads
            .flat_map(|stage| self.selected.iter().map(|pipeline| (*stage, pipeline.name())))
            .filter(|(_, pipeline)| self.checkpoints.read(|state| state.lineages.contains_key(*pipeline)))
            .collect();
        if read.is_empty() {
            return Ok(());
        }
        let topics: Vec<String> =
            read.iter().map(|(stage, pipeline)| self.kafka.names.input(*stage, pipeline)).collect();
        let kept = retention(&self.kafka, &topics).await?;
        if let Some(minutes) = kept.offsets_minutes {
            self.metrics.offsets_retention(minutes);
        }
        for ((stage, pipeline), topic) in read.iter().zip(&topics) {
            if let Some(kept) = kept.topics_ms.get(topic) {
                self.metrics.topic_retention(*stage, pipeline, *kept);
            }
        }
        let partitions = self.kafka.settings().partitions;
        let asked = topics.into_iter().map(|topic| (topic, partitions)).collect();
        for ((stage, pipeline), starts) in read.iter().zip(self.watermarks.starts(asked).await?) {
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

async fn answers<T>(asked: impl Future<Output = Result<T>>) -> bool {
    matches!(tokio::time::timeout(ANSWERS_WITHIN, asked).await, Ok(Ok(_)))
}
