// From here on every migration, run and rollback leaves a MigrationHistory, and before it a BackupMarker with
// what there was.
CREATE CONSTRAINT migration_history_id FOR (n:MigrationHistory) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT backup_marker_id FOR (n:BackupMarker) REQUIRE n.id IS UNIQUE;
