//! Where the pipelines are, seen from a process that runs none of them.

use std::sync::Arc;

use super::engine::{Engine, Needs, Topics};
use super::view::View;
use crate::checkpoint::Stage;
use crate::config::Config;
use crate::error::{Error, Kind, Result};
use crate::metrics::Metrics;
use crate::status::{Board, State};
use crate::stop::Stop;

/// Looks at Kafka and the target and writes what it sees on a board.
pub struct Look {
    engine: Engine,
    view: View,
    board: Board,
    /// Why the target can't be seen: what is loaded is not known then.
    pub without_target: Option<Error>,
}

impl Look {
    /// Connects. A target that does not answer is done without; nothing where there are no topics yet.
    pub async fn start(config: Config, types: &[String]) -> Result<Option<Self>> {
        let (engine, without_target) = match connect(&config, types, true).await {
            Ok(engine) => (engine, None),
            Err(error) if error.policy().kind == Kind::Service => {
                // Where Kafka is what failed, this fails too.
                (connect(&config, types, false).await?, Some(error))
            }
            Err(error) => return Err(error),
        };
        let Some(engine) = engine else { return Ok(None) };
        let board = Board::new(engine.selected.iter().map(|pipeline| pipeline.name().to_owned()));
        let view = View::new(board.clone());
        Ok(Some(Self { engine, view, board, without_target }))
    }

    /// The board that it writes on.
    pub fn board(&self) -> &Board {
        &self.board
    }

    /// Looks once.
    pub async fn refresh(&self) -> Result<()> {
        self.engine.checkpoints.refresh().await?;
        self.view.refresh(&self.engine).await?;
        let busy = self.engine.watermarks.groups_with_members().await?;
        for pipeline in &self.engine.selected {
            let at_work = [Stage::Transform, Stage::Load]
                .map(|stage| self.engine.kafka.names.group(stage, pipeline.name()))
                .iter()
                .any(|group| busy.contains(group));
            self.board.update(pipeline.name(), |seen| {
                if at_work && seen.state == State::Idle {
                    seen.state = State::Running;
                }
            });
        }
        Ok(())
    }
}

async fn connect(config: &Config, types: &[String], target: bool) -> Result<Option<Engine>> {
    let needs = Needs { source: false, target, topics: Topics::Look };
    Engine::start(config.clone(), types, needs, Arc::new(Metrics::new()?), &Stop::new()).await
}
