// Attempts at the schema as the first release wrote them.
CREATE (:_RegraftMigration {id: '1', number: 1, version: '1.0.0', name: 'schema_versioning', direction: 'up',
  comes_from: '0.0.0', checksum: 'c81b', up: 'CREATE CONSTRAINT podcast_id FOR (n:Podcast) REQUIRE n.id IS UNIQUE;\n',
  down: 'DROP CONSTRAINT podcast_id IF EXISTS;\n', before: '{"constraints":[],"indexes":[]}', regraft: '0.1.0',
  server: '5.26.3', started: datetime('2026-01-31T12:00:00Z'), finished: datetime('2026-01-31T12:00:01Z'),
  outcome: 'applied', after: '{"constraints":[{"name":"podcast_id","kind":"UNIQUENESS","labels_or_types":["Podcast"],"properties":["id"],"create_statement":"CREATE CONSTRAINT `podcast_id` FOR (n:`Podcast`) REQUIRE (n.`id`) IS UNIQUE"}],"indexes":[{"name":"podcast_id","kind":"RANGE","labels_or_types":["Podcast"],"properties":["id"],"state":"ONLINE","failure":"","owning_constraint":"podcast_id","create_statement":"CREATE CONSTRAINT `podcast_id` FOR (n:`Podcast`) REQUIRE (n.`id`) IS UNIQUE"}]}'});
CREATE (:_RegraftMigration {id: '2', number: 2, version: '1.1.0', name: 'migration_history', direction: 'up',
  comes_from: '1.0.0', checksum: 'd92c', up: '', down: '', before: '{"constraints":[],"indexes":[]}', regraft: '0.1.0',
  server: '5.26.3', started: datetime('2026-01-31T12:00:00Z'), finished: datetime('2026-01-31T12:00:01Z'),
  undoing: datetime('2026-01-31T12:00:00Z'), failure: 'because', outcome: 'undone',
  after: '{"constraints":[],"indexes":[]}'});
CREATE (:_RegraftMigration {id: '3', number: 3, version: '1.1.0', name: 'migration_history', direction: 'up',
  comes_from: '1.0.0', checksum: 'd92c', up: '', down: '', before: '{"constraints":[],"indexes":[]}', regraft: '0.1.0',
  server: '5.26.3', started: datetime('2026-01-31T12:00:00Z'), undoing: datetime('2026-01-31T12:00:00Z'),
  failure: 'because'});
UNWIND [1, 2] AS step CREATE (:_RegraftMigrationStep {id: '3/' + step, attempt: 3, step: step, found: ['x' + step],
  finished: datetime()});
CREATE (:_RegraftSchemaRepair {id: 'a', finding: 'changed_checksum', name: '1.0.0_schema_versioning.up.cypher',
  done: 'accepted the checksum another', attempt: 1, accepted: 'another', regraft: '0.1.0', at: datetime()});
