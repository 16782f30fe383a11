//! Progress of work that moves nothing: comparing, rolling back, looking through a graph. One thing is counted, by name.

use super::{Board, Observe, State};

/// How far each part of such work is. Clones share it. [`Progress::tally`](crate::cli::progress::Progress::tally) shows
/// it with bars, rates and the time left, or a line every ten seconds where there is no terminal:
///
/// ```
/// use regraft::status::Tally;
///
/// let tally = Tally::new(["podcast".to_owned(), "episode".to_owned()]);
/// tally.begin("podcast", Some(200));
/// tally.add("podcast", 50);
/// tally.found("podcast", 1);
/// tally.end("podcast");
/// ```
///
/// Meant to be told once a batch, not once a record.
#[derive(Debug, Clone)]
pub struct Tally(Board);

impl Tally {
    /// These parts, in this order; none has begun.
    pub fn new(names: impl IntoIterator<Item = String>) -> Tally {
        let board = Board::new(names);
        board.see_target(true);
        Tally(board)
    }

    /// Shows these parts, in this order, in place of those shown before.
    pub fn show(&self, names: impl IntoIterator<Item = String>) {
        self.0.show(names);
    }

    /// A part begins, with so many things to go through where that is known.
    pub fn begin(&self, name: &str, expected: Option<u64>) {
        self.0.update(name, |part| {
            part.state = State::Running;
            part.expected = expected;
        });
    }

    /// So many more are done.
    pub fn add(&self, name: &str, done: u64) {
        self.0.update(name, |part| part.loaded += done);
    }

    /// So many of those that are done need a look.
    pub fn found(&self, name: &str, findings: u64) {
        self.0.update(name, |part| {
            part.loaded = part.loaded.saturating_sub(findings);
            part.dead_lettered += findings;
        });
    }

    /// A part waits for this.
    pub fn wait(&self, name: &str, what: impl Into<String>) {
        self.0.update(name, |part| {
            part.state = State::Waiting;
            part.note = Some(what.into());
        });
    }

    /// A part is through.
    pub fn end(&self, name: &str) {
        self.0.update(name, |part| {
            part.state = State::Done;
            part.note = None;
        });
    }

    /// A look at it, for those who show it.
    pub fn observe(&self) -> Observe {
        self.0.observe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_a_part_of_what_is_done() {
        let tally = Tally::new(["podcast".to_owned()]);
        tally.begin("podcast", Some(10));
        tally.add("podcast", 6);
        tally.found("podcast", 2);
        let seen = &tally.observe()()[0];
        assert_eq!((seen.state, seen.finished(), seen.dead_lettered), (State::Running, 6, 2));
        assert_eq!(seen.left(), Some(4));
        tally.end("podcast");
        assert_eq!(tally.observe()()[0].state, State::Done);
    }
}
