//! Removing what the source has no more, as whoever writes to the target has to do it: with its before-images noted.

use std::collections::BTreeMap;

use regraft::kafka::{Kafka, Settings as KafkaSettings};
use regraft::neo4j::load_positions::{self, Raised};
use regraft::neo4j::{Settings, Statement, TargetGraph};
use regraft::record::{Author, Before, Identity, NodeRef, RelationshipBefore, Subject, UndoRecord, Written};
use regraft::undo::{Journaled, NodeImage, NodeReader, RelationshipReader, UndoJournal};
use uuid::Uuid;

use crate::support::{Regraft, Stack};

fn connect(stack: &Stack) -> Settings {
    let setting = |key: &str| stack.settings().get(&format!("REGRAFT__TARGET__{key}")).cloned();
    let password = setting("PASSWORD").unwrap_or_else(|| {
        std::fs::read_to_string(setting("PASSWORD_FILE").unwrap()).unwrap().trim().to_owned()
    });
    Settings::new(setting("URI").unwrap(), setting("USER").unwrap_or_else(|| "neo4j".into()), password)
}

fn kafka(stack: &Stack, regraft: &Regraft) -> Kafka {
    Kafka::new(KafkaSettings {
        brokers: stack.brokers().to_owned(),
        topic_prefix: regraft.prefix().to_owned(),
        partitions: 4,
        replication_factor: 1,
        max_record_bytes: 1_000_000,
        retention_ms: -1,
        client: BTreeMap::new(),
    })
}

fn node<'a>(label: &'a str, key: &'a str) -> NodeRef<'a> {
    NodeRef { label: label.into(), key_property: "id".into(), key: key.into() }
}

/// Makes the records of deletions.
struct Recorder(BTreeMap<String, Raised>);

impl Recorder {
    fn record<'a>(&self, pipeline: &'a str, subject: Subject<'a>, before: Before<'a>) -> UndoRecord<'a> {
        let Raised { epoch, claim, lineage } = self.0[pipeline];
        UndoRecord {
            author: Author::Repair,
            pipeline: pipeline.into(),
            identity: Identity { lineage, partition: 0, offset: -1, output: 0, epoch },
            pass: 0,
            read_at_micros: 0,
            claim,
            subject,
            written: Written { deletes: true, ..Written::default() },
            before,
        }
    }
}

/// Removes episodes and what ties them to podcasts.
pub fn remove(stack: &Stack, regraft: &Regraft, episodes: &[String]) {
    let (settings, kafka) = (connect(stack), kafka(stack, regraft));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let target = TargetGraph::connect(&settings).await.unwrap();
        let journal = UndoJournal::new(&kafka);
        let pipelines = ["episode", "has_episode"].map(String::from);
        let mut taking = target.begin().await.unwrap();
        let raised = load_positions::take_over(&mut taking, regraft.prefix(), &pipelines, Uuid::new_v4())
            .await
            .unwrap();
        taking.commit().await.unwrap();
        let recorder = Recorder(raised);
        let mut journaled = journal.begin(&target).await.unwrap();
        untie(&mut journaled, episodes, &recorder).await;
        let keys: Vec<&str> = episodes.iter().map(String::as_str).collect();
        let reader = NodeReader::new("Episode", "id", &["title", "description"]).unwrap();
        let images = reader.read_locked(journaled.transaction(), &keys).await.unwrap();
        let delete = "UNWIND $keys AS k MATCH (e:Episode {id: k}) DELETE e";
        let statement = Statement::new(delete).param("keys", episodes.to_vec());
        journaled.transaction().run(statement).await.unwrap();
        for (key, image) in keys.iter().zip(images) {
            let NodeImage { labels, properties } = image.unwrap();
            let before = Before::Node { labels, properties };
            journaled.note(&recorder.record("episode", Subject::Node(node("Episode", key)), before)).unwrap();
        }
        journaled.commit().await.unwrap();
    });
}

async fn untie(journaled: &mut Journaled, episodes: &[String], recorder: &Recorder) {
    let text =
        "UNWIND $keys AS k MATCH (p:Podcast)-[:HAS_EPISODE]->(e:Episode {id: k}) RETURN [p.id, e.id] AS row";
    let statement = Statement::new(text).param("keys", episodes.to_vec());
    let rows = journaled.transaction().rows(statement).await.unwrap();
    let pairs: Vec<(String, String)> = rows
        .iter()
        .map(|row| (row[0].as_str().unwrap().to_owned(), row[1].as_str().unwrap().to_owned()))
        .collect();
    let keys: Vec<(&str, &str)> = pairs.iter().map(|(start, end)| (start.as_str(), end.as_str())).collect();
    let none: [&str; 0] = [];
    let reader = RelationshipReader::new("HAS_EPISODE", ("Podcast", "id"), ("Episode", "id"), &none).unwrap();
    let images: Vec<Vec<RelationshipBefore<'static>>> =
        reader.read_locked(journaled.transaction(), &keys).await.unwrap();
    let ids: Vec<String> = images.iter().flatten().map(|image| image.element_id.to_string()).collect();
    let delete = "UNWIND $ids AS id MATCH ()-[r]->() WHERE elementId(r) = id DELETE r";
    journaled.transaction().run(Statement::new(delete).param("ids", ids)).await.unwrap();
    for ((start, end), image) in pairs.iter().zip(images) {
        let subject = Subject::Relationship {
            relationship_type: "HAS_EPISODE".into(),
            start: node("Podcast", start).into_owned(),
            end: node("Episode", end).into_owned(),
        };
        journaled.note(&recorder.record("has_episode", subject, Before::Relationships(image))).unwrap();
    }
}
