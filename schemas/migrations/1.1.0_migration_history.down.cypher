// removes MigrationHistory nodes: MATCH (n:MigrationHistory) RETURN count(n)
// removes BackupMarker nodes: MATCH (n:BackupMarker) RETURN count(n)

// Regraft's own bookkeeping of what it did stays.
MATCH (n:MigrationHistory|BackupMarker) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 10000 ROWS;

DROP CONSTRAINT backup_marker_id IF EXISTS;
DROP CONSTRAINT migration_history_id IF EXISTS;
