//! What a command works with: configuration, screen, output, and the wish to stop.

use std::future::Future;
use std::sync::{Mutex, PoisonError};

use tokio::task::JoinHandle;

use super::serving::Served;
use super::{Exit, Global, Output, Screen, exit, logging};
use crate::config::Config;
use crate::error::{Cause, Error, Result};
use crate::stop::Stop;

/// One call of `regraft`.
#[derive(Debug)]
pub struct Session {
    /// Options of every command.
    pub global: Global,
    /// What people look at.
    pub screen: Screen,
    /// Requested by Ctrl-C and SIGTERM.
    pub stop: Stop,
    /// Pages that are served until the command is through and its end was told.
    pages: Mutex<Option<Served>>,
    runtime: tokio::runtime::Runtime,
}

impl Session {
    /// Starts the log, the runtime and the watch for signals, calls `work`, and tells how it ended.
    pub fn run(global: Global, work: impl FnOnce(&Session) -> Result<Exit>) -> Exit {
        let (output, screen) = (global.output, Screen::of_stderr());
        let session = match Session::start(global, screen.clone()) {
            Ok(session) => session,
            Err(error) => return exit::tell(&error, output, &screen),
        };
        let exit = work(&session).unwrap_or_else(|error| exit::tell(&error, output, &screen));
        let pages = session.pages.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(pages) = pages {
            session.block_on(pages.end(exit, &session.stop, &screen));
        }
        // Whatever matters was awaited, or given up where a service did not answer: that keeps nobody waiting.
        session.runtime.shutdown_background();
        exit
    }

    fn start(global: Global, screen: Screen) -> Result<Session> {
        logging::start(global.verbose, global.log_format, &screen)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|source| Error::new(Cause::Unexpected, "start the runtime").source(source))?;
        let stop = Stop::new();
        runtime.spawn(watch_signals(stop.clone(), screen.clone()));
        Ok(Session { global, screen, stop, pages: Mutex::default(), runtime })
    }

    /// The command as it was typed. Nothing secret can be in it: secrets are never options.
    pub fn typed(&self) -> String {
        let words = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned());
        std::iter::once("regraft".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
    }

    /// How results are printed.
    pub fn output(&self) -> Output {
        self.global.output
    }

    /// Names that `--types` selects; none selects all.
    pub fn types(&self) -> &[String] {
        &self.global.types
    }

    /// Reads the configuration and says what is doubtful about it.
    pub fn config(&self) -> Result<Config> {
        let config = Config::load(self.global.config.as_deref())?;
        for warning in config.warnings() {
            self.screen.say(&format!("warning: {warning}"));
        }
        Ok(config)
    }

    /// Runs a future to its end.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// Runs a future beside everything else, until it ends or the command does.
    pub fn spawn<F: Future<Output = ()> + Send + 'static>(&self, future: F) -> JoinHandle<()> {
        self.runtime.spawn(future)
    }

    /// Keeps pages until the command is through and its end was told.
    pub(super) fn keep(&self, pages: Served) {
        *self.pages.lock().unwrap_or_else(PoisonError::into_inner) = Some(pages);
    }

    /// [`Exit::Done`], or [`Exit::Interrupted`] where a signal ended the work early.
    pub fn done(&self) -> Exit {
        if self.stop.is_requested() { Exit::Interrupted } else { Exit::Done }
    }
}

/// The first Ctrl-C or SIGTERM asks to stop; the second one doesn't ask.
async fn watch_signals(stop: Stop, screen: Screen) {
    if next_signal().await.is_err() {
        return;
    }
    screen.say("stopping: the batch is finished and committed first (Ctrl-C again ends at once)");
    stop.request();
    if next_signal().await.is_ok() {
        std::process::exit(i32::from(Exit::Interrupted.code()));
    }
}

#[cfg(unix)]
async fn next_signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed,
        _ = terminated.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn next_signal() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
