//! Text for people, on stderr: remarks, bars and log lines, none of which runs through another.

use std::io::Write;

use indicatif::{MultiProgress, ProgressDrawTarget};
use tracing_subscriber::fmt::MakeWriter;

/// What people look at while a command runs. Clones share it.
#[derive(Debug, Clone)]
pub struct Screen {
    bars: MultiProgress,
    terminal: Option<console::Term>,
}

impl Screen {
    /// The screen behind stderr.
    pub fn of_stderr() -> Screen {
        let terminal = console::Term::stderr();
        let is_terminal = terminal.is_term() && std::env::var_os("TERM").is_none_or(|name| name != "dumb");
        let target =
            if is_terminal { ProgressDrawTarget::stderr_with_hz(5) } else { ProgressDrawTarget::hidden() };
        Screen { bars: MultiProgress::with_draw_target(target), terminal: is_terminal.then_some(terminal) }
    }

    /// Whether bars can be drawn.
    pub fn is_terminal(&self) -> bool {
        self.terminal.is_some()
    }

    /// Rows and columns, where there is a terminal that knows them.
    pub fn size(&self) -> Option<(usize, usize)> {
        let (rows, columns) = self.terminal.as_ref()?.size_checked()?;
        Some((usize::from(rows), usize::from(columns)))
    }

    /// The bars drawn on it.
    pub fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    /// Writes a remark above the bars.
    pub fn say(&self, text: &str) {
        self.write_above_bars(format!("{text}\n").as_bytes());
    }

    fn write_above_bars(&self, bytes: &[u8]) {
        // Nowhere else to tell that stderr can't be written.
        self.bars.suspend(|| {
            let _ = std::io::stderr().lock().write_all(bytes);
        });
    }
}

/// Collects one log line and writes it above the bars.
#[derive(Debug)]
pub struct LogLine {
    screen: Screen,
    bytes: Vec<u8>,
}

impl Write for LogLine {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Drop for LogLine {
    fn drop(&mut self) {
        self.screen.write_above_bars(&self.bytes);
    }
}

impl MakeWriter<'_> for Screen {
    type Writer = LogLine;

    fn make_writer(&self) -> LogLine {
        LogLine { screen: self.clone(), bytes: Vec::new() }
    }
}
