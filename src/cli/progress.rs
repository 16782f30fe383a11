//! Shows where the pipelines are while they run: bars on a terminal, otherwise a line every ten seconds.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::{Screen, bars};
use crate::status::{Meter, Observe, Snapshot, Tally};
use crate::stop::Stop;

/// How often bars are drawn anew.
const BARS: Duration = Duration::from_millis(200);

/// How often a line is written where there are no bars.
const LINES: Duration = Duration::from_secs(10);

/// Width that is assumed of a terminal that does not know its own.
const WIDTH: usize = 80;

/// Shows progress until it is dropped.
#[derive(Debug)]
pub struct Progress {
    end: Stop,
    thread: Option<JoinHandle<()>>,
}

impl Progress {
    /// Starts to show what `observe` sees of a migration. Nothing is shown where no thread can be had.
    pub fn start(screen: &Screen, observe: Observe) -> Progress {
        Progress::showing(screen, observe, bars::plain)
    }

    /// Starts to show how far other work is. `done` says in a word what is done to the things that are counted
    /// ("compared"), `found` what those are that need a look ("differ"), which is empty where there are none such.
    pub fn tally(screen: &Screen, tally: &Tally, done: &'static str, found: &'static str) -> Progress {
        let line = move |snapshots: &[Snapshot]| bars::plain_tally(snapshots, done, found);
        Progress::showing(screen, with_rates(tally.observe()), line)
    }

    fn showing(
        screen: &Screen,
        observe: Observe,
        line: impl Fn(&[Snapshot]) -> String + Send + 'static,
    ) -> Progress {
        let end = Stop::new();
        let (screen, until) = (screen.clone(), end.clone());
        let show = move || {
            if screen.is_terminal() {
                draw(&screen, &observe, &until)
            } else {
                write(&screen, &observe, line, &until)
            }
        };
        let thread = std::thread::Builder::new().name("progress".to_owned()).spawn(show).ok();
        Progress { end, thread }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end.request();
        if let Some(thread) = self.thread.take() {
            // A display that panicked must not end the run.
            let _ = thread.join();
        }
    }
}

fn draw(screen: &Screen, observe: &Observe, until: &Stop) {
    let bar = screen.bars().add(ProgressBar::new_spinner());
    if let Ok(style) = ProgressStyle::with_template("{msg}") {
        bar.set_style(style);
    }
    while !until.pause(BARS) {
        let (rows, columns) = screen.size().unwrap_or((24, WIDTH));
        // The last column stays free: some terminals break the line behind it.
        let lines = bars::bars(&observe(), columns.saturating_sub(1), rows.saturating_sub(1));
        bar.set_message(lines.join("\n"));
        bar.tick();
    }
    bar.finish_and_clear();
}

fn write(screen: &Screen, observe: &Observe, line: impl Fn(&[Snapshot]) -> String, until: &Stop) {
    while !until.pause(LINES) {
        screen.say(&line(&observe()));
    }
}

/// Fills in the rates from how the counts move between two looks.
pub fn with_rates(observe: Observe) -> Observe {
    let meters: Mutex<HashMap<String, Meter>> = Mutex::default();
    Arc::new(move || {
        let mut snapshots = observe();
        let now = Instant::now();
        let mut meters = meters.lock().unwrap_or_else(PoisonError::into_inner);
        for snapshot in &mut snapshots {
            let meter = meters.entry(snapshot.pipeline.clone()).or_default();
            snapshot.records_per_second = meter.read(now, snapshot.finished());
        }
        snapshots
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn rates_come_from_counts_that_move() {
        let loaded = Arc::new(AtomicU64::new(0));
        let count = loaded.clone();
        let observe = with_rates(Arc::new(move || {
            let loaded = count.load(Ordering::Relaxed);
            vec![Snapshot { pipeline: "episode".to_owned(), loaded, ..Snapshot::default() }]
        }));
        assert_eq!(observe()[0].records_per_second, 0.0);
        loaded.store(1_000, Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(20));
        assert!(observe()[0].records_per_second > 0.0);
    }

    #[test]
    fn the_display_ends_at_once() {
        let begun = Instant::now();
        drop(Progress::start(&Screen::of_stderr(), Arc::new(Vec::new)));
        assert!(begun.elapsed() < Duration::from_secs(2));
    }
}
