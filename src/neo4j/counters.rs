//! What a statement changed.

use std::ops::AddAssign;

/// What the server says that a statement changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Nodes created.
    pub nodes_created: u64,
    /// Nodes deleted.
    pub nodes_deleted: u64,
    /// Relationships created.
    pub relationships_created: u64,
    /// Relationships deleted.
    pub relationships_deleted: u64,
    /// Properties set, removed ones included, unchanged ones too.
    pub properties_set: u64,
    /// Labels added.
    pub labels_added: u64,
    /// Constraints and indexes added.
    pub schema_added: u64,
    /// Constraints and indexes removed.
    pub schema_removed: u64,
}

impl Counters {
    pub(super) fn of(summary: &neo4rs::RunResult) -> Self {
        let stats = summary.stats();
        Self {
            nodes_created: stats.nodes_created,
            nodes_deleted: stats.nodes_deleted,
            relationships_created: stats.relationships_created,
            relationships_deleted: stats.relationships_deleted,
            properties_set: stats.properties_set,
            labels_added: stats.labels_added,
            schema_added: stats.constraints_added + stats.indexes_added,
            schema_removed: stats.constraints_removed + stats.indexes_removed,
        }
    }

    /// Whether nothing was changed.
    pub fn nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl AddAssign for Counters {
    fn add_assign(&mut self, other: Self) {
        self.nodes_created += other.nodes_created;
        self.nodes_deleted += other.nodes_deleted;
        self.relationships_created += other.relationships_created;
        self.relationships_deleted += other.relationships_deleted;
        self.properties_set += other.properties_set;
        self.labels_added += other.labels_added;
        self.schema_added += other.schema_added;
        self.schema_removed += other.schema_removed;
    }
}
