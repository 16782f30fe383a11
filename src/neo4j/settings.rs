//! Where a Neo4j is and how to speak to it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::error::{Cause, Error, Result};

/// How to reach one Neo4j. `Debug` shows everything but the password.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `bolt://host:port`; `bolt+s`, `neo4j+s` verify the certificate, `+ssc` encrypts and verifies nothing.
    pub uri: String,
    /// User.
    pub user: String,
    password: Password,
    /// Database; the user's home database where it is none.
    pub database: Option<String>,
    /// A certificate authority's file (PEM) that `+s` trusts instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Connections at most; who wants one more waits.
    pub connections: usize,
    /// Rows that one PULL asks for. All of them are in memory at once.
    pub fetch_size: usize,
    /// Limit for reaching the server and being let in. Leaves room for a message within ten seconds.
    pub connect_timeout: Duration,
    /// Limit for every single answer. neo4rs has one limit for all of them, and a long write that runs into it
    /// may still commit: so it is high, and TCP keep-alive finds a server that is gone (in about 90 s).
    pub response_timeout: Duration,
}

impl Settings {
    /// Settings with the defaults for all that is not an address or a credential.
    pub fn new(uri: impl Into<String>, user: impl Into<String>, password: impl Into<String>) -> Self {
        Self {
            uri: uri.into(),
            user: user.into(),
            password: Password(password.into()),
            database: None,
            ca_file: None,
            connections: 4,
            fetch_size: 1000,
            connect_timeout: Duration::from_secs(8),
            response_timeout: Duration::from_secs(3600),
        }
    }

    /// The address as messages show it.
    pub fn address(&self) -> &str {
        &self.uri
    }

    /// Whether the server is reached over the loopback.
    pub(super) fn is_on_this_machine(&self) -> bool {
        let address = self.uri.split_once("://").map_or("", |(_, address)| address);
        let end =
            address.rfind(':').filter(|colon| !address[*colon..].contains(']')).unwrap_or(address.len());
        let host = address[..end].trim_matches(['[', ']']);
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// Another address with the same credentials and limits.
    pub(super) fn at(&self, uri: String) -> Self {
        Self { uri, ..self.clone() }
    }

    /// Refuses what neo4rs would ignore or read differently from what the user meant.
    pub(super) fn check(&self) -> Result<Scheme> {
        let scheme = Scheme::of(&self.uri)?;
        if self.uri.contains('@') {
            // The address is shown in messages, so it is not repeated here.
            return Err(Error::new(Cause::Configuration, "an address of Neo4j carries credentials")
                .what_to_do("put them into user and password; the address is shown in messages"));
        }
        if self.connections == 0 {
            return Err(Error::new(Cause::Configuration, "connections is 0").what_to_do("set at least 1"));
        }
        Ok(scheme)
    }

    /// What neo4rs needs for one connection. It speaks with each connection on its own (see `pool`).
    pub(super) fn driver_config(&self) -> neo4rs::Result<neo4rs::Config> {
        let mut config = neo4rs::ConfigBuilder::default()
            .uri(self.uri.as_str())
            .user(self.user.as_str())
            .password(self.password.0.as_str())
            .max_connections(1)
            .fetch_size(self.fetch_size.max(1))
            .connection_timeout(self.response_timeout);
        if let Some(database) = &self.database {
            config = config.db(database.as_str());
        }
        if let Some(file) = &self.ca_file {
            config = config.with_client_certificate(file);
        }
        config.build()
    }
}

#[derive(Clone)]
struct Password(String);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What the address says about encryption and routing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scheme {
    /// `neo4j…`: the server says where to go.
    pub routed: bool,
    /// `…+ssc`: anybody may answer.
    pub unverified: bool,
}

impl Scheme {
    fn of(uri: &str) -> Result<Self> {
        let scheme = uri.split_once("://").map_or("", |(scheme, _)| scheme);
        let (routed, unverified) = match scheme {
            "bolt" | "bolt+s" => (false, false),
            "bolt+ssc" => (false, true),
            "neo4j" | "neo4j+s" => (true, false),
            "neo4j+ssc" => (true, true),
            _ => {
                return Err(Error::new(
                    Cause::Configuration,
                    "the address of a Neo4j has no scheme that it speaks",
                )
                .what_to_do("write bolt://host:7687 (or bolt+s, bolt+ssc, neo4j, neo4j+s, neo4j+ssc)"));
            }
        };
        Ok(Self { routed, unverified })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_never_shown() {
        let settings = Settings::new("bolt://127.0.0.1:1", "neo4j", "hunter2-hunter2");
        assert!(!format!("{settings:?} {settings:#?}").contains("hunter2"));
    }

    #[test]
    fn the_loopback_is_known_by_its_addresses() {
        for (uri, is) in [
            ("bolt://127.0.0.1:7687", true),
            ("bolt+s://localhost:7687", true),
            ("neo4j://localhost", true),
            ("bolt://[::1]:7687", true),
            ("bolt://[::1]", true),
            ("bolt://[fe80::1]:7687", false),
            ("bolt://10.0.0.1:7687", false),
            ("bolt://graph.example:7687", false),
            ("bolt", false),
        ] {
            assert_eq!(Settings::new(uri, "neo4j", "x").is_on_this_machine(), is, "{uri}");
        }
    }

    #[test]
    fn an_address_that_is_none_is_refused_without_repeating_it() {
        for uri in ["127.0.0.1:7687", "http://127.0.0.1:7474", "bolt://neo4j:hunter2@127.0.0.1", ""] {
            let error = Settings::new(uri, "neo4j", "x").check().unwrap_err();
            assert_eq!(error.cause(), Cause::Configuration, "{uri}");
            assert!(!format!("{error:?}").contains("hunter2"));
        }
        let scheme = Settings::new("neo4j+ssc://h", "neo4j", "x").check().unwrap();
        assert_eq!(scheme, Scheme { routed: true, unverified: true });
    }
}
