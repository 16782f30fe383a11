//! What an interrupted rollback has left: a hold on loading, which says what finishes it.

use super::Rolling;
use crate::error::{Cause, Error, Result};
use crate::neo4j::hold::{self, Hold};
use crate::record::instant_text;

impl Rolling<'_> {
    /// The hold on loading while this one is at work.
    pub(super) fn hold(&self, since_ms: i64) -> Hold {
        Hold {
            what: self.what(),
            way_out: format!("finish it: {}", self.command()),
            since_ms,
            pipelines: self.selected(),
            data_is_through: false,
        }
    }

    fn what(&self) -> String {
        format!("a rollback to {}", instant_text(self.options.instant_ms))
    }

    /// The command that does the same.
    fn command(&self) -> String {
        let types = self.selected().map_or_else(String::new, |names| format!(" --types {}", names.join(",")));
        let schema = if self.options.with_schema { " --with-schema" } else { "" };
        let date = instant_text(self.options.instant_ms);
        format!("regraft rollback{types} --target-date {date}{schema} --execute")
    }

    /// Refuses what would not end everything that another rollback has left half way.
    pub(super) fn check_held(&self, held: Option<Hold>) -> Result<()> {
        let Some(hold) = held else { return Ok(()) };
        let before = hold.since_ms >= self.options.instant_ms;
        if before && hold.is_covered_by(self.selected().as_deref()) {
            return Ok(());
        }
        let half_way = match &hold.pipelines {
            Some(pipelines) if !pipelines.is_empty() => format!("{} of {}", hold.what, pipelines.join(", ")),
            _ => hold.what.clone(),
        };
        let since = instant_text(hold.since_ms);
        let message =
            format!("start {}: {half_way} was begun before, on {since}, and has not ended", self.what());
        let back = match before {
            true => String::new(),
            false => format!("; or take it back as far as it came: --target-date {since}"),
        };
        Err(Error::new(Cause::Usage, message).what_to_do(format!("{}{back}", hold.way_out)))
    }

    /// The hold of a rollback that was interrupted after its data was through, in what it does to the schema.
    pub(super) async fn held_for_the_schema(&self) -> Result<Option<Hold>> {
        let held = hold::find(self.engine.target()?, self.engine.kafka.names.prefix()).await?;
        Ok(held.filter(|held| held.data_is_through))
    }

    /// Whether it was this very rollback.
    pub(super) async fn is_data_through(&self) -> Result<bool> {
        let held = self.held_for_the_schema().await?;
        Ok(held.is_some_and(|held| held.way_out == self.hold(0).way_out))
    }
}
