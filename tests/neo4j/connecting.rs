//! Who can't be reached is named within ten seconds, with what to do.

use std::time::{Duration, Instant};

use regraft::error::Cause;
use regraft::neo4j::{Settings, SourceGraph, Statement, TargetGraph};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use super::{settings, target};

async fn refused(settings: &Settings) -> Cause {
    let start = Instant::now();
    let Err(error) = TargetGraph::connect(settings).await else {
        panic!("connected to {}", settings.uri);
    };
    assert!(start.elapsed() < Duration::from_secs(10), "{error:?}");
    assert!(!error.advice().is_empty());
    assert!(error.to_string().starts_with("connect to the target at "), "{error}");
    error.cause()
}

fn at(uri: String) -> Settings {
    let mut settings = settings();
    settings.uri = uri;
    settings
}

#[tokio::test]
async fn a_closed_port_is_unreachable() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    assert_eq!(refused(&at(format!("bolt://127.0.0.1:{port}"))).await, Cause::Unreachable);
    assert_eq!(refused(&at(format!("neo4j://127.0.0.1:{port}"))).await, Cause::Unreachable);
    assert_eq!(refused(&at("bolt://no-such-host.invalid:7687".into())).await, Cause::Unreachable);
}

#[tokio::test]
async fn a_server_that_says_nothing_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut settings = at(format!("bolt://127.0.0.1:{port}"));
    assert_eq!(settings.connect_timeout, Duration::from_secs(8));
    settings.connect_timeout = Duration::from_millis(300);
    assert_eq!(refused(&settings).await, Cause::Unreachable);
    // Speaks the protocol's first word, then falls silent.
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            socket.write_all(&[0, 0, 4, 4]).await.ok();
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
    });
    assert_eq!(refused(&settings).await, Cause::Unreachable);
}

#[tokio::test]
async fn a_server_of_another_kind_is_a_wrong_address() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.ok();
        }
    });
    assert_eq!(refused(&at(format!("bolt://127.0.0.1:{port}"))).await, Cause::Configuration);
    assert_eq!(refused(&at(format!("bolt+ssc://127.0.0.1:{port}"))).await, Cause::Configuration);
}

#[tokio::test]
async fn a_server_without_tls_is_told_so() {
    for scheme in ["bolt+s", "bolt+ssc", "neo4j+s"] {
        let Err(error) = TargetGraph::connect(&at(settings().uri.replacen("bolt", scheme, 1))).await else {
            panic!("no TLS, and yet connected");
        };
        assert!(error.advice().contains("TLS"), "{scheme}: {error:?} {}", error.advice());
    }
}

#[tokio::test]
async fn a_missing_database_is_named() {
    let mut settings = settings();
    settings.database = Some("nosuchdatabase".into());
    assert_eq!(refused(&settings).await, Cause::Forbidden);
    settings.database = Some("neo4j".into());
    TargetGraph::connect(&settings).await.unwrap();
}

/// One after the other: Neo4j locks a user out for some seconds after three wrong passwords, so this is a user of
/// its own.
#[tokio::test]
async fn wrong_credentials_are_told_from_an_outage() {
    let mut settings = settings();
    settings.user = "nobody".into();
    for _ in 0..5 {
        assert_eq!(refused(&settings).await, Cause::Credentials);
    }
}

#[tokio::test]
async fn routing_leads_to_the_same_server() {
    let mut settings = settings();
    settings.uri = settings.uri.replacen("bolt", "neo4j", 1);
    let target = TargetGraph::connect(&settings).await.unwrap();
    assert_eq!(target.rows(Statement::new("RETURN [1] AS r")).await.unwrap()[0][0].as_i64(), Some(1));
    settings.user = "nobody-routed".into();
    assert_eq!(refused(&settings).await, Cause::Credentials);
}

#[tokio::test]
async fn a_write_through_the_source_is_refused_by_the_server() {
    let source = SourceGraph::connect(&settings()).await.unwrap();
    for text in [
        "CREATE (n:ReadOnlyTest) RETURN [n.id] AS r",
        "MATCH (n) WHERE false SET n.x = 1 RETURN [1] AS r",
        "CREATE CONSTRAINT read_only_test FOR (n:ReadOnlyTest) REQUIRE n.id IS UNIQUE",
        "UNWIND [1] AS x CALL (x) { CREATE (:ReadOnlyTest) } IN TRANSACTIONS RETURN [x] AS r",
    ] {
        let error = source.rows(Statement::new(text)).await.unwrap_err();
        assert_eq!(error.cause(), Cause::Definition, "{text}: {error:?}");
    }
    let counted = source.rows(Statement::new("MATCH (n:ReadOnlyTest) RETURN [count(n)] AS r")).await.unwrap();
    assert_eq!(counted[0][0].as_i64(), Some(0));
    let there = target().await.inventory(regraft::neo4j::catalog::Own::Listed).await.unwrap();
    assert!(there.constraints.iter().all(|constraint| constraint.name != "read_only_test"));
}
