//! Connections that break at the worst moment, by a proxy that breaks them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use regraft::error::Cause;
use regraft::neo4j::{CommitOutcome, Settings, SourceGraph, Statement, TargetGraph};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::{clear, number, settings, target};
use crate::support::Stack;

/// Stands before the server.
struct Proxy {
    settings: Settings,
    /// Answers of the server are thrown away; with the first of them the connection ends.
    deaf: Arc<AtomicBool>,
    /// A change ends all connections.
    cut: watch::Sender<u32>,
}

impl Proxy {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut proxied = settings();
        let server = proxied.uri.rsplit('/').next().unwrap().to_owned();
        proxied.uri = format!("bolt://{}", listener.local_addr().unwrap());
        let (cut, ends) = watch::channel(0);
        let deaf = Arc::new(AtomicBool::new(false));
        let is_deaf = Arc::clone(&deaf);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.unwrap();
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                let never = Arc::new(AtomicBool::new(false));
                tokio::spawn(forward(from_client, to_server, never, ends.clone()));
                tokio::spawn(forward(from_server, to_client, Arc::clone(&is_deaf), ends.clone()));
            }
        });
        Self { settings: proxied, deaf, cut }
    }

    fn cut(&self) {
        self.cut.send_modify(|count| *count += 1);
    }
}

async fn forward(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    deaf: Arc<AtomicBool>,
    mut ends: watch::Receiver<u32>,
) {
    let mut bytes = vec![0; 64 * 1024];
    ends.mark_unchanged();
    loop {
        let read = tokio::select! {
            read = from.read(&mut bytes) => read,
            _ = ends.changed() => break,
        };
        match read {
            Ok(count) if count > 0 && !deaf.load(Ordering::Relaxed) => {
                if to.write_all(&bytes[..count]).await.is_err() {
                    break;
                }
            }
            _ => break,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_broke_while_idle_are_made_anew() {
    let proxy = Proxy::start().await;
    let target = TargetGraph::connect(&proxy.settings).await.unwrap();
    let source = SourceGraph::connect(&proxy.settings).await.unwrap();
    for _ in 0..3 {
        proxy.cut();
        tokio::time::sleep(Duration::from_millis(20)).await;
        target.run(Statement::new("RETURN 1")).await.unwrap();
        assert_eq!(source.rows(Statement::new("RETURN [1] AS r")).await.unwrap().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_breaks_within_a_transaction_is_unreachable_and_leaves_nothing() {
    let (proxy, direct) = (Proxy::start().await, target().await);
    clear(&direct, "Broken").await;
    let target = TargetGraph::connect(&proxy.settings).await.unwrap();
    let mut transaction = target.begin().await.unwrap();
    transaction.run(Statement::new("CREATE (:Broken {id: 1})")).await.unwrap();
    let long = "UNWIND range(1, 100000000) AS x CREATE (:Broken {id: x})";
    let start = Instant::now();
    let (broken, ()) = tokio::join!(transaction.run(Statement::new(long)), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        proxy.cut();
    });
    assert_eq!(broken.unwrap_err().cause(), Cause::Unreachable);
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(transaction.commit().await.unwrap_err().outcome, CommitOutcome::RolledBack);
    let count = "MATCH (n:Broken) RETURN [count(n)] AS r";
    assert_eq!(number(&target, count).await, 0);

    let source = SourceGraph::connect(&proxy.settings).await.unwrap();
    let mut stream =
        source.stream(Statement::new("UNWIND range(1, 100000000) AS x RETURN [x] AS r")).await.unwrap();
    stream.next().await.unwrap();
    proxy.cut();
    let error = loop {
        if let Err(error) = stream.next().await {
            break error;
        }
    };
    assert_eq!(error.cause(), Cause::Unreachable);
}

/// The work is done, the answer is lost: only what was written can tell.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_answer_is_lost_is_unknown() {
    let (proxy, direct) = (Proxy::start().await, target().await);
    clear(&direct, "Unknown").await;
    let target = TargetGraph::connect(&proxy.settings).await.unwrap();
    let mut transaction = target.begin().await.unwrap();
    transaction.run(Statement::new("CREATE (:Unknown {id: 1})")).await.unwrap();
    proxy.deaf.store(true, Ordering::Relaxed);
    let lost = transaction.commit().await.unwrap_err();
    assert_eq!(lost.outcome, CommitOutcome::Unknown);
    assert_eq!(lost.error.cause(), Cause::Unreachable);
    assert_eq!(number(&direct, "MATCH (n:Unknown) RETURN [count(n)] AS r").await, 1);
    // It still throws away every answer: no new connection comes about, and that is said in time.
    let start = Instant::now();
    assert_eq!(target.begin().await.map(drop).unwrap_err().cause(), Cause::Unreachable);
    assert!(start.elapsed() < Duration::from_secs(10));
    proxy.deaf.store(false, Ordering::Relaxed);
    target.begin().await.unwrap().rollback().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_the_server_refuses_is_rolled_back() {
    let _turn = Stack::first_as_it_is().await;
    let target = target().await;
    clear(&target, "RefusedCommit").await;
    for text in [
        "CREATE CONSTRAINT refused_commit_id FOR (n:RefusedCommit) REQUIRE n.id IS UNIQUE",
        "CALL db.awaitIndexes(60)",
    ] {
        target.run_auto_commit(Statement::new(text)).await.unwrap();
    }
    let mut transaction = target.begin().await.unwrap();
    transaction.run(Statement::new("CREATE (:RefusedCommit {id: 1})")).await.unwrap();
    let refused = transaction.run(Statement::new("CREATE (:RefusedCommit {id: 1})")).await.unwrap_err();
    assert_eq!(refused.cause(), Cause::DataRefused);
    assert_eq!(transaction.commit().await.unwrap_err().outcome, CommitOutcome::RolledBack);
    assert_eq!(number(&target, "MATCH (n:RefusedCommit) RETURN [count(n)] AS r").await, 0);
    target.run_auto_commit(Statement::new("DROP CONSTRAINT refused_commit_id")).await.unwrap();
}
