//! The live page: plain files that are part of the program, and the events that it listens to. It asks for nothing from
//! anywhere else, and the policy that it is sent with would not let it.

use std::convert::Infallible;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream};

use super::live::Live;

/// What browsers may do with the page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// How soon a browser comes back after the connection broke off.
const COMES_BACK_AFTER: Duration = Duration::from_secs(1);

/// A part of the page, by its path.
pub(super) fn part(path: &str) -> Option<Response> {
    let (kind, text) = match path {
        "/" => ("text/html; charset=utf-8", include_str!("index.html")),
        "/page.css" => ("text/css; charset=utf-8", include_str!("page.css")),
        "/page.js" => ("text/javascript; charset=utf-8", include_str!("page.js")),
        "/icon.svg" => ("image/svg+xml", include_str!("icon.svg")),
        _ => return None,
    };
    let headers: [(HeaderName, HeaderValue); 6] = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
        // A newer worker may serve the next page at the same address.
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Some((headers, text).into_response())
}

/// What the page is told, as server-sent events: at once, then whenever it changes, and a last time at the end.
pub(super) fn events(live: &Live) -> Response {
    let headers = [
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (headers, Sse::new(told(live)).keep_alive(KeepAlive::default())).into_response()
}

fn told(live: &Live) -> impl Stream<Item = Result<Event, Infallible>> + Send + use<> {
    let mut listener = live.listen();
    // The first event is what was told last.
    listener.mark_changed();
    stream::unfold(Some(listener), |listener| async {
        let mut listener = listener?;
        listener.changed().await.ok()?;
        let told = listener.borrow_and_update().clone();
        let event = Event::default().retry(COMES_BACK_AFTER).data(&*told.json);
        Some((Ok(event), (!told.is_last).then_some(listener)))
    })
}
