//! What a key takes: a value as typed becomes what is meant, or a sentence on what is expected.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use config::ValueKind;

use super::DeadLetterLimit;
use super::given::{Given, Place};

/// A value, or what is expected in its place ("a whole number from 1 to 64").
pub type Taken<T> = Result<T, String>;

impl Given {
    /// Text that is not blank.
    pub fn text(&self) -> Taken<String> {
        match &self.value {
            ValueKind::String(text) if !text.trim().is_empty() => Ok(text.clone()),
            _ => Err("a text".to_owned()),
        }
    }

    /// A path, relative to the working directory.
    pub fn path(&self) -> Taken<PathBuf> {
        self.text().map(PathBuf::from).map_err(|_| "a path".to_owned())
    }

    /// A whole number within `range`. Variables are text, so their digits count.
    pub fn whole(&self, range: RangeInclusive<i64>) -> Taken<i64> {
        let number = match &self.value {
            ValueKind::I64(number) => Some(*number),
            ValueKind::String(text) if matches!(self.place, Place::Variable(_)) => text.trim().parse().ok(),
            _ => None,
        };
        number.filter(|number| range.contains(number)).ok_or_else(|| {
            if *range.end() == i64::MAX {
                format!("a whole number from {}", range.start())
            } else {
                format!("a whole number from {} to {}", range.start(), range.end())
            }
        })
    }

    /// A count of things from `least` to `most`.
    pub fn count(&self, least: i64, most: i64) -> Taken<usize> {
        let number = self.whole(least..=most)?;
        usize::try_from(number).map_err(|_| "a whole number that is not negative".to_owned())
    }

    /// Whether or not. Variables are text, so their words count.
    pub fn boolean(&self) -> Taken<bool> {
        match &self.value {
            ValueKind::Boolean(flag) => Ok(*flag),
            ValueKind::String(text) if matches!(self.place, Place::Variable(_)) => {
                text.trim().parse().map_err(|_| "true or false".to_owned())
            }
            _ => Err("true or false".to_owned()),
        }
    }

    /// A number of seconds, from one to a week.
    pub fn seconds(&self) -> Taken<Duration> {
        let seconds = self.whole(1..=604_800)?;
        u64::try_from(seconds).map(Duration::from_secs).map_err(|_| "a number of seconds".to_owned())
    }

    /// Where a Neo4j is: scheme, host and maybe port, nothing that belongs elsewhere.
    pub fn uri(&self) -> Taken<String> {
        const SCHEMES: [&str; 6] = ["bolt", "bolt+s", "bolt+ssc", "neo4j", "neo4j+s", "neo4j+ssc"];
        let expected =
            || format!("an address such as bolt://127.0.0.1:7687 (schemes: {})", SCHEMES.join(", "));
        let text = self.text()?;
        let (scheme, address) = text.split_once("://").ok_or_else(expected)?;
        if address.contains('@') {
            return Err("an address without user and password, which have keys of their own".to_owned());
        }
        let host = address.trim_end_matches('/');
        if !SCHEMES.contains(&scheme) || host.is_empty() || host.contains(['/', ' ', '?', '#']) {
            return Err(expected());
        }
        Ok(format!("{scheme}://{host}"))
    }

    /// A name that can stand in topics and groups.
    pub fn topic_prefix(&self) -> Taken<String> {
        let text = self.text()?;
        let fits = text.len() <= 100
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        if fits {
            Ok(text)
        } else {
            Err("up to 100 ASCII letters, digits, dots, underscores and dashes".to_owned())
        }
    }

    /// An address to listen on, or `off`.
    pub fn listen(&self) -> Taken<Option<SocketAddr>> {
        let expected = || "an address with a port, such as 127.0.0.1:9184, or off".to_owned();
        match self.text().map_err(|_| expected())?.as_str() {
            "off" => Ok(None),
            address => address.parse().map(Some).map_err(|_| expected()),
        }
    }

    /// A count or a share.
    pub fn dead_letter_limit(&self) -> Taken<DeadLetterLimit> {
        let expected =
            || "a count such as 100, or a share of the records such as \"1%\" (at most four decimals)";
        match &self.value {
            ValueKind::I64(count) => u64::try_from(*count).ok().map(DeadLetterLimit::Count),
            ValueKind::String(text) => DeadLetterLimit::parse(text.trim()),
            _ => None,
        }
        .ok_or_else(|| expected().to_owned())
    }

    /// Text for librdkafka, which takes numbers and booleans as text.
    pub fn client_text(&self) -> Taken<String> {
        match &self.value {
            ValueKind::String(text) => Ok(text.clone()),
            ValueKind::I64(number) => Ok(number.to_string()),
            ValueKind::Float(number) => Ok(number.to_string()),
            ValueKind::Boolean(flag) => Ok(flag.to_string()),
            _ => Err("a text, number or boolean".to_owned()),
        }
    }

    /// What was found, for a message; nothing of a secret.
    pub fn found(&self) -> String {
        if super::is_secret(&self.path) && super::given::twin_of(&self.path).is_none() {
            return "something else".to_owned();
        }
        match &self.value {
            ValueKind::String(text) => {
                let text = without_credentials(text);
                if matches!(self.place, Place::File(..)) { format!("the text {text:?}") } else { text }
            }
            ValueKind::Array(_) => "a list".to_owned(),
            ValueKind::Table(_) => "a section".to_owned(),
            other => other.to_string(),
        }
    }
}

/// An address without the user and password that it may carry.
fn without_credentials(text: &str) -> String {
    match (text.split_once("://"), text.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://…@{host}"),
        _ => text.to_owned(),
    }
}
