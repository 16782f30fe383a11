// removes MigrationHistory nodes: MATCH (n:MigrationHistory) RETURN count(n)
// removes BackupMarker nodes: MATCH (n:BackupMarker) RETURN count(n)

DROP CONSTRAINT backup_marker_id IF EXISTS;
DROP CONSTRAINT migration_history_id IF EXISTS;

// Last, and in one transaction: what is deleted here can't be taken back. Regraft's own bookkeeping of what it did
// stays.
MATCH (n:MigrationHistory|BackupMarker) DETACH DELETE n;
