//! What people watch a migration by: metrics, dashboards, alerts, the live page, logs. With the real Prometheus and a
//! real browser, where they are installed.

mod alerts;
mod away;
mod browser;
mod compose;
mod dashboards;
mod documents;
mod logs;
mod overhead;
mod page;
mod prometheus;
mod refusing;

use std::net::TcpListener;

use http_body_util::BodyExt;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use crate::support::{Sample, installed};

/// What these tests move: two types of nodes and what ties them, whatever else the sample has.
const TYPES: &str = "Podcast,Episode,HAS_EPISODE";

/// The accounts of [`TYPES`] among those of the whole sample.
fn of_types(sample: &Sample) -> Value {
    let all = sample.counts();
    let kept = ["podcast", "episode", "has_episode"].map(|name| (name.to_owned(), all[name].clone()));
    kept.into_iter().collect::<serde_json::Map<_, _>>().into()
}

/// A port that is free now.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The status and body of a page.
pub(crate) async fn get(url: &str) -> Result<(u16, String), String> {
    let client: Client<_, String> = Client::builder(TokioExecutor::new()).build_http();
    let answer = client.get(url.parse().unwrap()).await.map_err(|error| format!("{url}: {error}"))?;
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.map_err(|error| format!("{url}: {error}"))?.to_bytes();
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}
