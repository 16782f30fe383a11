//! What a command serves over HTTP, from its start until those who look have seen its end: the pages of one that moves
//! data, the counts alone of one that compares.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::progress::with_rates;
use super::{Exit, Screen, Session};
use crate::error::Result;
use crate::metrics::Metrics;
use crate::status::http::{self, Counts, Pages};
use crate::status::{About, Board, Ending, Live, Scrapes};
use crate::stop::Stop;

/// How long browsers have to take the last news.
const LAST_NEWS: Duration = Duration::from_secs(2);

/// Pages that are served.
#[derive(Debug)]
pub struct Served {
    live: Option<Live>,
    scrapes: Scrapes,
    stop: Stop,
    server: JoinHandle<()>,
}

impl Served {
    /// Takes the address, says which one it is, and serves from now on.
    pub fn start(
        session: &Session,
        listen: SocketAddr,
        about: About,
        metrics: Arc<Metrics>,
        board: &Board,
    ) -> Result<Served> {
        let listener = session.block_on(http::bind(listen))?;
        if let Ok(address) = listener.local_addr() {
            session.screen.say(&format!("status and metrics: http://{address}/"));
        }
        let observe = with_rates(board.observe());
        let live = Live::new(about, board.clone(), observe.clone());
        let (scrapes, stop, waits) = (Scrapes::default(), Stop::new(), board.clone());
        let pages = Pages {
            counts: Counts { metrics, scrapes: scrapes.clone() },
            observe,
            ready: Arc::new(move || waits.ready()),
            live: live.clone(),
        };
        let (telling, until) = (live.clone(), stop.clone());
        let server = session.spawn(async move {
            tokio::join!(http::serve(listener, pages, until.clone()), telling.tell(&until));
        });
        Ok(Served { live: Some(live), scrapes, stop, server })
    }

    /// The same for `/metrics` alone.
    pub fn start_counts(session: &Session, listen: SocketAddr, metrics: Arc<Metrics>) -> Result<Served> {
        let listener = session.block_on(http::bind(listen))?;
        if let Ok(address) = listener.local_addr() {
            session.screen.say(&format!("metrics: http://{address}/metrics"));
        }
        let (scrapes, stop) = (Scrapes::default(), Stop::new());
        let counts = Counts { metrics, scrapes: scrapes.clone() };
        let server = session.spawn(http::serve_counts(listener, counts, stop.clone()));
        Ok(Served { live: None, scrapes, stop, server })
    }

    /// Tells browsers how it ended, and stays until whoever asks for metrics regularly has the last ones. A wish to stop
    /// is one to do so at once.
    pub async fn end(self, exit: Exit, stop: &Stop, screen: &Screen) {
        if let Some(live) = &self.live {
            live.end(Ending { exit_code: exit.code(), summary: exit.summary().to_owned() });
        }
        // What a comparison found comes at its very end: whoever has asked but once may be the one that has to know.
        let urgent = self.live.is_none() && exit == Exit::CheckFailed;
        let within = self.scrapes.next_within().or_else(|| self.scrapes.second_within().filter(|_| urgent));
        if let Some(within) = within.filter(|_| !stop.is_requested()) {
            let seconds = within.as_secs_f64().ceil();
            screen.say(&format!(
                "waiting up to {seconds} s, until the last counts are asked for once more (Ctrl-C ends at once)"
            ));
            tokio::select! {
                () = self.scrapes.next() => {}
                () = tokio::time::sleep(within) => {}
                () = stop.requested() => {}
            }
        }
        self.stop.request();
        // A browser that does not take them must not hold the end up.
        let _ = tokio::time::timeout(LAST_NEWS, self.server).await;
    }
}
