//! Every key: its name and what it sets. A key that is not here does not exist.

use config::ValueKind;
use strsim::jaro_winkler;

use super::given::Given;
use super::value::Taken;
use super::{Config, Secret, client};

/// A key.
pub struct Key {
    /// `section.key`.
    pub path: &'static str,
    set: fn(&mut Config, &Given) -> Taken<()>,
}

/// One row of the table: where the value goes, and how it is read.
macro_rules! keys {
    ($($path:literal => $($field:ident).+ = |$given:ident| $value:expr;)*) => {
        &[$(Key {
            path: $path,
            set: |config, $given| {
                config.$($field).+ = $value?;
                Ok(())
            },
        }),*]
    };
}

const MANY: i64 = 1_000_000;

/// All keys but those of `[kafka.client]`, in the order of `regraft.toml`.
pub const KEYS: &[Key] = keys! {
    "source.uri" => source.server.uri = |given| given.uri();
    "source.user" => source.server.user = |given| given.text();
    "source.password" => source.server.password = |given| given.text().map(|text| Secret::Value(text.into()));
    "source.password_file" => source.server.password = |given| given.path().map(Secret::File);
    "source.database" => source.server.database = |given| given.text();
    "source.page_size" => source.page_size = |given| given.count(1, MANY);
    "source.fetch_size" => source.server.fetch_size = |given| given.count(1, MANY);
    "source.rows_per_second" => source.rows_per_second = |given| given.count(0, i64::MAX).map(|rows| rows as u64);
    "source.response_timeout_seconds" => source.server.response_timeout = |given| given.seconds();
    "target.uri" => target.uri = |given| given.uri();
    "target.user" => target.user = |given| given.text();
    "target.password" => target.password = |given| given.text().map(|text| Secret::Value(text.into()));
    "target.password_file" => target.password = |given| given.path().map(Secret::File);
    "target.database" => target.database = |given| given.text();
    "target.fetch_size" => target.fetch_size = |given| given.count(1, MANY);
    "target.response_timeout_seconds" => target.response_timeout = |given| given.seconds();
    "kafka.brokers" => kafka.brokers = |given| given.text();
    "kafka.topic_prefix" => kafka.topic_prefix = |given| given.topic_prefix();
    "kafka.partitions" => kafka.partitions = |given| given.whole(1..=1_000).map(|count| count as i32);
    "kafka.replication_factor" => kafka.replication_factor = |given| given.whole(1..=100).map(|count| count as i32);
    "kafka.max_record_bytes" => kafka.max_record_bytes = |given| given.count(1_000, 1_000_000_000);
    "kafka.retention_ms" => kafka.retention_ms = |given| given.whole(-1..=i64::MAX);
    "load.batch_size" => load.batch_size = |given| given.count(1, 100_000);
    "load.connections" => load.connections = |given| given.count(1, 64);
    "load.undo" => load.undo = |given| given.boolean();
    "load.batch_bytes" => load.batch_bytes = |given| given.count(1_000, 1_000_000_000);
    "load.max_dead_letters" => load.max_dead_letters = |given| given.dead_letter_limit();
    "load.fence_timeout_seconds" => load.fence_timeout = |given| given.seconds();
    "run.pipelines_at_once" => run.pipelines_at_once = |given| given.count(1, 1_000);
    "run.retry_seconds" => run.retry = |given| given.seconds();
    "metrics.listen" => metrics.listen = |given| given.listen();
    "paths.pipelines" => paths.pipelines = |given| given.path();
    "paths.schemas" => paths.schemas = |given| given.path();
    "paths.validators" => paths.validators = |given| given.path();
    "paths.statistics" => paths.statistics = |given| given.path();
};

/// Sets what is given, or says in one line what is wrong with it.
pub fn set(config: &mut Config, given: &Given) -> Result<(), String> {
    if let Some(key) = given.path.strip_prefix(client::SECTION) {
        return set_client(config, key, given);
    }
    let Some(key) = KEYS.iter().find(|key| key.path == given.path) else {
        let empty_section = matches!(given.value, ValueKind::Table(_)) && is_section(&given.path);
        return if empty_section { Ok(()) } else { Err(unknown(given)) };
    };
    (key.set)(config, given).map_err(|expected| refused(given, &expected))
}

fn set_client(config: &mut Config, key: &str, given: &Given) -> Result<(), String> {
    if let Some(why) = client::owned(key) {
        return Err(format!("{}: {} belongs to Regraft: {why}", given.place, given.path));
    }
    let text = given.client_text().map_err(|expected| refused(given, &expected))?;
    let (key, setting) = client::setting(key, text);
    config.kafka.client.insert(key, setting);
    Ok(())
}

fn refused(given: &Given, expected: &str) -> String {
    format!("{}: {} takes {expected}; found {}", given.place, given.path, given.found())
}

fn is_section(path: &str) -> bool {
    let sections = KEYS.iter().filter_map(|key| key.path.split_once('.')).map(|(section, _)| section);
    sections.chain(["kafka.client"]).any(|section| section == path)
}

/// Names the key that was most likely meant.
fn unknown(given: &Given) -> String {
    let path = given.path.as_str();
    if is_section(path) {
        return format!("{}: {path} is a section, not a key", given.place);
    }
    let name = |path: &str| path.rsplit_once('.').map_or(path, |(_, name)| name).to_owned();
    let similarity = |key: &Key| {
        let (of_path, of_name) = (jaro_winkler(key.path, path), jaro_winkler(&name(key.path), &name(path)));
        of_path.max(of_name)
    };
    let nearest = KEYS.iter().max_by(|a, b| similarity(a).total_cmp(&similarity(b)));
    let hint =
        nearest.map_or(String::new(), |key| format!("; the nearest is {}", given.place.spelling(key.path)));
    format!("{}: there is no key {path}{hint}", given.place)
}
