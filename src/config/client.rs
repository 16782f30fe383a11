//! `[kafka.client]`: keys for librdkafka, except those that the guarantees rest on.

use std::fmt;

use super::secret::{REDACTED, Secret, is_secret};
use crate::error::Result;

/// The section, with the dot after it.
pub const SECTION: &str = "kafka.client.";

/// A value for librdkafka.
#[derive(Clone, PartialEq, Eq)]
pub enum ClientSetting {
    /// One that may be shown.
    Plain(String),
    /// One that may not, or the file that it is in.
    Secret(Secret),
}

impl ClientSetting {
    /// The value itself, for the client that is being made.
    pub fn reveal(&self) -> Result<String> {
        match self {
            ClientSetting::Plain(value) => Ok(value.clone()),
            ClientSetting::Secret(secret) => secret.reveal(),
        }
    }
}

impl fmt::Debug for ClientSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClientSetting::Plain(value) => write!(f, "{value:?}"),
            ClientSetting::Secret(_) => f.write_str(REDACTED),
        }
    }
}

/// Keys that Regraft sets itself, each with why or with what to set instead.
const OWNED: &[(&[&str], &str)] = &[
    (&["bootstrap.servers", "metadata.broker.list"], "set kafka.brokers"),
    (
        &["group.id", "group.instance.id", "group.protocol", "group.protocol.type", "group.remote.assignor"],
        "there is one group per topic prefix, stage and pipeline: set kafka.topic_prefix",
    ),
    (
        &["partition.assignment.strategy"],
        "workers share partitions in one way only, or they could not work together",
    ),
    (
        &["session.timeout.ms", "heartbeat.interval.ms"],
        "it decides how long a killed worker holds up the others",
    ),
    (&["transactional.id"], "it follows from topic prefix, stage and pipeline: set kafka.topic_prefix"),
    (
        &["transaction.timeout.ms", "message.timeout.ms", "delivery.timeout.ms"],
        "it decides how long a killed worker's transaction holds up the others",
    ),
    (
        &["enable.auto.commit", "auto.commit.interval.ms", "enable.auto.offset.store", "offset.store.method"],
        "offsets move with the records that they stand for, never by themselves",
    ),
    (&["auto.offset.reset"], "where a stage starts is decided by its checkpoints"),
    (&["isolation.level"], "a stage reads committed records only"),
    (&["enable.partition.eof"], "the end of a pass is a marker, not the end of a partition"),
    (
        &[
            "enable.idempotence",
            "enable.gapless.guarantee",
            "max.in.flight",
            "max.in.flight.requests.per.connection",
            "acks",
            "request.required.acks",
            "retries",
            "message.send.max.retries",
        ],
        "records are written once and in order",
    ),
    (&["partitioner"], "the partition follows from the record's key, whatever client writes it"),
    (&["message.max.bytes"], "set kafka.max_record_bytes"),
    (&["client.id"], "brokers and logs know every client of Regraft's by the same name"),
    (
        &[
            "fetch.max.bytes",
            "fetch.message.max.bytes",
            "max.partition.fetch.bytes",
            "fetch.wait.max.ms",
            "queued.min.messages",
            "queued.max.messages.kbytes",
            "queue.buffering.max.kbytes",
            "queue.buffering.max.messages",
        ],
        "it bounds the memory of a process",
    ),
    (
        &[
            "linger.ms",
            "queue.buffering.max.ms",
            "compression.type",
            "compression.codec",
            "delivery.report.only.error",
        ],
        "it is chosen for how Regraft writes its batches",
    ),
    (&["reconnect.backoff.max.ms", "log.connection.close"], "it decides how an outage is met and told"),
    (&["allow.auto.create.topics"], "Regraft makes its topics itself, in the configured shape"),
];

/// Why a key may not be given, if it may not.
pub fn owned(key: &str) -> Option<&'static str> {
    let key = key.to_lowercase();
    OWNED.iter().find(|(keys, _)| keys.contains(&key.as_str())).map(|(_, why)| *why)
}

/// The setting that a key and its text mean; `_file` behind a secret's key reads it from there.
pub fn setting(key: &str, text: String) -> (String, ClientSetting) {
    if let Some(secret) = super::given::twin_of(key) {
        return (secret.to_owned(), ClientSetting::Secret(Secret::File(text.into())));
    }
    let setting = if is_secret(key) {
        ClientSetting::Secret(Secret::Value(text.into()))
    } else {
        ClientSetting::Plain(text)
    };
    (key.to_owned(), setting)
}

/// librdkafka's key for what follows `REGRAFT__KAFKA__CLIENT__`: every underscore is a dot, since no key of
/// librdkafka's has one; only the `_file` behind a secret's key stays.
pub fn key_of_variable(typed: &str) -> String {
    let dotted = typed.replace('_', ".");
    match dotted.strip_suffix(".file") {
        Some(secret) if is_secret(secret) => format!("{secret}_file"),
        _ => dotted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_reach_keys_with_dots() {
        for (typed, key) in [
            ("security_protocol", "security.protocol"),
            ("security.protocol", "security.protocol"),
            ("sasl_password_file", "sasl.password_file"),
            ("sasl_oauthbearer_assertion_private_key_file", "sasl.oauthbearer.assertion.private.key.file"),
            ("ssl_key_location", "ssl.key.location"),
        ] {
            assert_eq!(key_of_variable(typed), key);
        }
    }

    #[test]
    fn every_key_that_regraft_sets_is_refused() {
        let kafka = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/kafka");
        // What the code sets on topics rather than on clients.
        let of_topics = ["cleanup.policy", "max.message.bytes", "retention.ms"];
        for file in std::fs::read_dir(kafka).unwrap() {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            for key in text.split(".set(\"").skip(1).filter_map(|rest| rest.split('"').next()) {
                assert!(
                    owned(key).is_some() || of_topics.contains(&key),
                    "{key} would be overridden in silence"
                );
            }
        }
    }

    #[test]
    fn owned_keys_say_why() {
        assert!(owned("group.id").unwrap().contains("topic_prefix"));
        assert_eq!(owned("Bootstrap.Servers"), Some("set kafka.brokers"));
        assert_eq!(owned("security.protocol"), None);
    }
}
