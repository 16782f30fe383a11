//! Running one statement of a migration, so that it counts once whatever breaks off.

use std::time::{Duration, Instant};

use super::apply::{Applier, Begun};
use super::plan::{Step, StepKind};
use super::record;
use super::script::checksum;
use super::tolerance::{CLEARED_WITHIN, is_another_of_the_name, is_there_already};
use super::undo::drop_orphan;
use crate::error::{Cause, Error, Result};
use crate::neo4j::catalog::Own;
use crate::neo4j::{Counters, Statement, Transaction, is_in_the_way};

/// How often a statement that lost a deadlock is run again.
const ATTEMPTS: u32 = 10;

/// Whether a statement does what its version is about, or takes that back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    There,
    Back,
}

/// Writes down that a statement on data is through.
async fn write_down(transaction: &mut Transaction, step: &Step, begun: &Begun, way: Way) -> Result<()> {
    if way == Way::There {
        return record::step_done(transaction, begun.number, step.number, Vec::new()).await;
    }
    let statement = checksum(&step.text);
    let time = 1 + begun.taken_back.iter().filter(|it| **it == statement).count();
    record::taken_back(transaction, begun.number, &statement, time).await
}

impl Applier<'_> {
    /// One statement in a transaction of its own, then written down as done. Data in one transaction are written down
    /// in the same, so that no kill makes them count twice; batches bear being run again.
    pub(super) async fn statement(&self, step: &Step, begun: &Begun, again: bool) -> Result<Counters> {
        let counters = match (step.kind, step.in_batches) {
            (StepKind::Data, false) => return self.in_one_transaction(step, begun, Way::There).await,
            (StepKind::Data, true) => self.by_the_server(step).await?,
            _ => self.on_schema(step, begun, again).await?,
        };
        let found = match step.kind {
            StepKind::Schema if counters.nothing() => {
                self.refuse_another_of_the_name(step).await?;
                self.what_was_there(step).await?
            }
            _ => Vec::new(),
        };
        let mut transaction = self.target.begin().await?;
        self.claim.fence(&mut transaction).await?;
        record::step_done(&mut transaction, begun.number, step.number, found).await?;
        transaction.commit().await?;
        Ok(counters)
    }

    /// One statement that takes something back. Data count once, as on the way there.
    pub(super) async fn statement_back(&self, step: &Step, begun: &Begun) -> Result<Counters> {
        match (step.kind, step.in_batches) {
            (StepKind::Data, false) => self.in_one_transaction(step, begun, Way::Back).await,
            (StepKind::Data, true) => {
                let counters = self.by_the_server(step).await?;
                let mut transaction = self.target.begin().await?;
                self.claim.fence(&mut transaction).await?;
                write_down(&mut transaction, step, begun, Way::Back).await?;
                transaction.commit().await?;
                Ok(counters)
            }
            _ => match self.on_schema(step, begun, true).await {
                Err(error) if error.cause() == Cause::Fenced => Err(error),
                // What can't be undone at the first attempt is looked at again afterwards.
                done => Ok(done.unwrap_or_default()),
            },
        }
    }

    /// `IF NOT EXISTS` is content with anything of the name, on whatever it is: asked without it, the server tells.
    async fn refuse_another_of_the_name(&self, step: &Step) -> Result<()> {
        let Some(text) = without_condition(&step.text) else { return Ok(()) };
        match self.run_by_the_server(&text).await {
            Err(error) if is_another_of_the_name(&error) => Err(explained(error)),
            // The very same, or one of another name on the same.
            Err(error) if is_in_the_way(&error) => Ok(()),
            done => done.map(drop),
        }
    }

    /// What a statement that changed nothing is about: it counts as the version's from now on.
    async fn what_was_there(&self, step: &Step) -> Result<Vec<String>> {
        let inventory = self.target.inventory(Own::LeftOut).await?;
        let constraints = inventory.constraints.into_iter().map(|it| it.name);
        let names = constraints.chain(inventory.indexes.into_iter().map(|it| it.name));
        let mut found: Vec<String> = names.filter(|name| has_word(&step.text, name)).collect();
        found.dedup();
        Ok(found)
    }

    async fn in_one_transaction(&self, step: &Step, begun: &Begun, way: Way) -> Result<Counters> {
        let mut attempt = 1;
        loop {
            match self.attempt(step, begun, way).await {
                Err(error) if error.cause() == Cause::Deadlock && attempt < ATTEMPTS => attempt += 1,
                // What failed for want of memory may be giving it back still, when it is taken back.
                Err(error)
                    if error.cause() == Cause::TooMuchAtOnce && way == Way::Back && attempt < ATTEMPTS =>
                {
                    attempt += 1;
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
                Err(error) if error.cause() == Cause::TooMuchAtOnce => {
                    return Err(error.what_to_do(
                        "write the statement as CALL (n) { … } IN TRANSACTIONS OF 10000 ROWS, or give the server \
                         more memory",
                    ));
                }
                other => return other,
            }
            tokio::time::sleep(Duration::from_millis(20 * u64::from(attempt))).await;
        }
    }

    async fn attempt(&self, step: &Step, begun: &Begun, way: Way) -> Result<Counters> {
        let mut transaction = self.target.begin().await?;
        let counters = transaction.run(Statement::new(step.text.as_str())).await?;
        write_down(&mut transaction, step, begun, way).await?;
        self.claim.fence(&mut transaction).await?;
        transaction.commit().await?;
        Ok(counters)
    }

    /// In a transaction of the server's, or several. Broken off where somebody else has taken over.
    async fn by_the_server(&self, step: &Step) -> Result<Counters> {
        self.run_by_the_server(&step.text).await
    }

    async fn run_by_the_server(&self, text: &str) -> Result<Counters> {
        self.claim.confirm().await?;
        tokio::select! {
            done = self.target.run_auto_commit(Statement::new(text)) => done,
            lost = self.claim.lost() => Err(lost),
        }
    }

    /// The first statement after an interruption may have been carried out, or be just about to be cleared away by the
    /// server: it gets some time.
    async fn on_schema(&self, step: &Step, begun: &Begun, again: bool) -> Result<Counters> {
        let started = Instant::now();
        loop {
            let error = match self.by_the_server(step).await {
                Err(error) => error,
                done => return done,
            };
            if is_there_already(&error, again) {
                return Ok(Counters::default());
            }
            if !again || !is_in_the_way(&error) || started.elapsed() > CLEARED_WITHIN {
                return Err(explained(error));
            }
            if started.elapsed() > CLEARED_WITHIN / 2 {
                drop_orphan(self.target, &begun.before, &error.chain().join("\n")).await?;
            }
            tokio::time::sleep(CLEARED_WITHIN / 50).await;
        }
    }
}

/// Whether a name stands in a statement, quoted or not.
fn has_word(text: &str, name: &str) -> bool {
    let is_part = |char: char| char.is_alphanumeric() || char == '_';
    text.match_indices(name).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + name.len()..]);
        !before.ends_with(is_part) && !after.starts_with(is_part)
    })
}

/// A statement that creates without its `IF NOT EXISTS`; nothing where it has none.
fn without_condition(text: &str) -> Option<String> {
    let mut words = text.split_whitespace();
    words.next().filter(|first| first.eq_ignore_ascii_case("create"))?;
    // Of ASCII letters only the case changes: places in one are places in the other.
    let upper = text.to_ascii_uppercase();
    let (start, _) = upper.match_indices("IF").find(|(start, _)| {
        let mut words = upper[*start..].split_whitespace();
        upper[..*start].ends_with(char::is_whitespace)
            && ["IF", "NOT", "EXISTS"].into_iter().all(|word| words.next() == Some(word))
    })?;
    let end = start + upper[start..].find("EXISTS")? + "EXISTS".len();
    Some(format!("{}{}", &text[..start], &text[end..]))
}

fn explained(error: Error) -> Error {
    if is_in_the_way(&error) {
        return error.what_to_do(
            "drop or rename what the message names, if nothing else needs it, or leave the statement out",
        );
    }
    error
}

#[cfg(test)]
mod tests {
    use super::{has_word, without_condition};

    #[test]
    fn a_condition_is_taken_out_of_what_creates() {
        let table = [
            ("CREATE INDEX a if not\n exists FOR (n:A) ON (n.x)", Some("CREATE INDEX a  FOR (n:A) ON (n.x)")),
            ("create constraint IF NOT EXISTS FOR (n:A)", Some("create constraint  FOR (n:A)")),
            ("CREATE INDEX a FOR (n:A) ON (n.x)", None),
            ("CREATE INDEX `if not exist` FOR (n:A) ON (n.x)", None),
            ("DROP INDEX a IF EXISTS", None),
        ];
        for (text, without) in table {
            assert_eq!(without_condition(text).as_deref(), without, "{text}");
        }
    }

    #[test]
    fn names_are_found_as_words() {
        let text = "CREATE INDEX `a b` FOR (n:Label) ON (n.title)";
        assert!(has_word(text, "a b") && has_word(text, "title") && has_word(text, "Label"));
        assert!(!has_word(text, "itle") && !has_word(text, "Lab"));
    }
}
