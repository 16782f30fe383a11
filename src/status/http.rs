//! The HTTP server of a worker: looks only, changes nothing.
//!
//! `/` is the live page, which listens to `/events`; `/metrics` for Prometheus, `/status` as JSON, `/healthz` (it runs),
//! `/readyz` (it can work).

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{FromRef, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use tokio::net::TcpListener;
use tracing::{info, warn};

use super::live::Live;
use super::scrapes::Scrapes;
use super::{Observe, Status, page as live_page};
use crate::config::DEFAULT_LISTEN;
use crate::error::{Cause, Error, Result};
use crate::metrics::Metrics;
use crate::stop::Stop;

/// How many ports after the default one are tried.
const TRIES: u16 = 100;

/// Answers whether the process can work: nothing, or what it waits for.
pub type Ready = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// What `/metrics` shows.
#[derive(Debug, Clone)]
pub struct Counts {
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Who asks for it.
    pub scrapes: Scrapes,
}

/// What the pages show.
#[derive(Clone)]
pub struct Pages {
    /// For `/metrics`.
    pub counts: Counts,
    /// For `/status`.
    pub observe: Observe,
    /// For `/readyz`.
    pub ready: Ready,
    /// For `/` and `/events`.
    pub live: Live,
}

impl FromRef<Pages> for Counts {
    fn from_ref(pages: &Pages) -> Counts {
        pages.counts.clone()
    }
}

/// Takes the address: the configured one, or for the default the next free port after it.
///
/// An address of the user's that can't be taken is a mistake in the configuration.
pub async fn bind(listen: SocketAddr) -> Result<TcpListener> {
    let mut address = listen;
    loop {
        let taken = match TcpListener::bind(address).await {
            Ok(listener) => return Ok(listener),
            Err(error) => error,
        };
        let next = address.port().checked_add(1).filter(|port| *port < listen.port().saturating_add(TRIES));
        match next {
            Some(port) if listen == DEFAULT_LISTEN && taken.kind() == ErrorKind::AddrInUse => {
                address.set_port(port);
            }
            _ => {
                return Err(Error::new(
                    Cause::Configuration,
                    format!("serve status and metrics at {address}"),
                )
                .source(taken)
                .what_to_do("set metrics.listen to a free address, or to \"off\""));
            }
        }
    }
}

/// Serves the pages until it is time to stop.
pub async fn serve(listener: TcpListener, pages: Pages, stop: Stop) {
    serve_all(listener, router(pages), stop).await;
}

/// Serves `/metrics` and `/healthz` alone: for a command that moves nothing.
pub async fn serve_counts(listener: TcpListener, counts: Counts, stop: Stop) {
    serve_all(listener, counts_router().with_state(counts), stop).await;
}

async fn serve_all(listener: TcpListener, router: Router, stop: Stop) {
    if let Ok(address) = listener.local_addr() {
        info!(%address, "serving status and metrics");
    }
    let served = axum::serve(listener, router).with_graceful_shutdown(async move { stop.requested().await });
    if let Err(error) = served.await {
        warn!(%error, "status and metrics are no longer served");
    }
}

fn counts_router<S>() -> Router<S>
where
    S: Clone + Send + Sync + 'static,
    Counts: FromRef<S>,
{
    Router::new().route("/metrics", get(metrics)).route("/healthz", get(|| async { page("ok\n".to_owned()) }))
}

fn router(pages: Pages) -> Router {
    counts_router()
        .route("/", get(part))
        .route("/page.css", get(part))
        .route("/page.js", get(part))
        .route("/icon.svg", get(part))
        .route("/events", get(events))
        .route("/status", get(status))
        .route("/readyz", get(ready))
        .with_state(pages)
}

async fn part(uri: Uri) -> Response {
    live_page::part(uri.path()).unwrap_or_else(|| StatusCode::NOT_FOUND.into_response())
}

async fn events(State(pages): State<Pages>) -> Response {
    live_page::events(&pages.live)
}

async fn metrics(State(counts): State<Counts>) -> Response {
    counts.scrapes.note();
    match counts.metrics.text() {
        Ok(text) => ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

async fn status(State(pages): State<Pages>) -> Response {
    let status = Status { pipelines: (pages.observe)(), ..Status::default() };
    (unsniffed(), Json(status)).into_response()
}

async fn ready(State(pages): State<Pages>) -> Response {
    match (pages.ready)() {
        Ok(()) => page("ready\n".to_owned()),
        Err(waits_for) => (StatusCode::SERVICE_UNAVAILABLE, page(format!("{waits_for}\n"))).into_response(),
    }
}

fn page(text: String) -> Response {
    (unsniffed(), text).into_response()
}

fn unsniffed() -> [(HeaderName, HeaderValue); 2] {
    [
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ]
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::super::{About, Board, Ending, Snapshot};
    use super::*;

    async fn ask(address: SocketAddr, line: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request =
            format!("{line} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    fn counts() -> Counts {
        Counts { metrics: Arc::new(Metrics::new().unwrap()), scrapes: Scrapes::default() }
    }

    #[tokio::test]
    async fn the_pages_look_and_change_nothing() {
        let waits = |()| Err("waits for Kafka".to_owned());
        let observe: Observe =
            Arc::new(|| vec![Snapshot { pipeline: "episode".to_owned(), ..Snapshot::default() }]);
        let live = Live::new(About::now("load", "regraft"), Board::default(), observe.clone());
        let pages =
            Pages { counts: counts(), observe, ready: Arc::new(move || waits(())), live: live.clone() };
        let listener = bind(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = Stop::new();
        let server = tokio::spawn(serve(listener, pages, stop.clone()));
        assert!(ask(address, "GET /healthz").await.starts_with("HTTP/1.1 200"));
        assert!(ask(address, "GET /metrics").await.contains("regraft_build_info{"));
        assert!(
            ask(address, "GET /status").await.contains(r#"{"pipelines":{"episode":{"state":"not_started""#)
        );
        let ready = ask(address, "GET /readyz").await;
        assert!(ready.starts_with("HTTP/1.1 503") && ready.ends_with("waits for Kafka\n"), "{ready}");
        for method in ["POST", "PUT", "DELETE", "PATCH"] {
            assert!(ask(address, &format!("{method} /status")).await.starts_with("HTTP/1.1 405"), "{method}");
        }
        assert!(ask(address, "GET /elsewhere").await.starts_with("HTTP/1.1 404"));
        for part in ["/", "/page.css", "/page.js", "/icon.svg"] {
            let answer = ask(address, &format!("GET {part}")).await;
            assert!(answer.starts_with("HTTP/1.1 200"), "{part}: {answer}");
            assert!(answer.contains("content-security-policy: default-src 'none';"), "{part}: {answer}");
        }
        live.end(Ending { exit_code: 3, summary: "a service failed".to_owned() });
        let events = ask(address, "GET /events").await;
        assert!(events.contains("content-type: text/event-stream"), "{events}");
        assert!(events.contains(r#""ended":{"exit_code":3,"summary":"a service failed"}"#), "{events}");
        stop.request();
        server.await.unwrap();
    }

    #[tokio::test]
    async fn who_moves_nothing_serves_counts_alone() {
        let listener = bind(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = Stop::new();
        let server = tokio::spawn(serve_counts(listener, counts(), stop.clone()));
        assert!(ask(address, "GET /metrics").await.contains("regraft_build_info{"));
        assert!(ask(address, "GET /healthz").await.starts_with("HTTP/1.1 200"));
        for page in ["/", "/status", "/events"] {
            assert!(ask(address, &format!("GET {page}")).await.starts_with("HTTP/1.1 404"), "{page}");
        }
        stop.request();
        server.await.unwrap();
    }

    #[tokio::test]
    async fn the_default_gives_way_and_an_address_of_the_users_does_not() {
        // Whoever holds the default port, the next server gets another one.
        let (one, other) = (bind(DEFAULT_LISTEN).await.unwrap(), bind(DEFAULT_LISTEN).await.unwrap());
        assert_ne!(one.local_addr().unwrap().port(), other.local_addr().unwrap().port());
        let free = bind(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0)).await.unwrap();
        let refused = bind(free.local_addr().unwrap()).await.unwrap_err();
        assert_eq!(refused.policy().exit_code, 2);
        assert!(refused.advice().contains("metrics.listen"));
    }
}
