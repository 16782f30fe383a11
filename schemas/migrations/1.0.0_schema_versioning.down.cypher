// removes schema_version from nodes: MATCH (n:Podcast|Episode|Segment|Speaker|Entity|Insight|Quote|Topic|PotentialConnection) WHERE n.schema_version = '1.0.0' RETURN count(n)

DROP INDEX quote_text IF EXISTS;
DROP INDEX insight_text IF EXISTS;
DROP INDEX segment_text IF EXISTS;

DROP INDEX quote_segment_id IF EXISTS;
DROP INDEX segment_episode_id IF EXISTS;
DROP INDEX episode_published_date IF EXISTS;
DROP INDEX entity_mention_count IF EXISTS;

DROP INDEX topic_trend IF EXISTS;
DROP INDEX topic_name IF EXISTS;
DROP INDEX quote_speaker IF EXISTS;
DROP INDEX quote_quote_type IF EXISTS;
DROP INDEX insight_is_bridge_insight IF EXISTS;
DROP INDEX insight_insight_type IF EXISTS;
DROP INDEX entity_is_peripheral IF EXISTS;
DROP INDEX entity_bridge_score IF EXISTS;
DROP INDEX entity_name IF EXISTS;
DROP INDEX episode_title IF EXISTS;
DROP INDEX podcast_title IF EXISTS;

DROP CONSTRAINT potential_connection_id IF EXISTS;
DROP CONSTRAINT topic_id IF EXISTS;
DROP CONSTRAINT quote_id IF EXISTS;
DROP CONSTRAINT insight_id IF EXISTS;
DROP CONSTRAINT entity_id IF EXISTS;
DROP CONSTRAINT speaker_id IF EXISTS;
DROP CONSTRAINT segment_id IF EXISTS;
DROP CONSTRAINT episode_id IF EXISTS;
DROP CONSTRAINT podcast_id IF EXISTS;

// Last, since it is the part that can't be taken back in full.
// What a later version wrote on a node stays: it is what the target had at the time.
MATCH (n:Podcast|Episode|Segment|Speaker|Entity|Insight|Quote|Topic|PotentialConnection)
WHERE n.schema_version = '1.0.0'
CALL (n) { REMOVE n.schema_version } IN TRANSACTIONS OF 10000 ROWS;
