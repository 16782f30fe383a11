// Keys: one node per id.
CREATE CONSTRAINT podcast_id FOR (n:Podcast) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT episode_id FOR (n:Episode) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT segment_id FOR (n:Segment) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT speaker_id FOR (n:Speaker) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT entity_id FOR (n:Entity) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT insight_id FOR (n:Insight) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT quote_id FOR (n:Quote) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT topic_id FOR (n:Topic) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT potential_connection_id FOR (n:PotentialConnection) REQUIRE n.id IS UNIQUE;

// The monolith's indexes.
CREATE INDEX podcast_title FOR (n:Podcast) ON (n.title);
CREATE INDEX episode_title FOR (n:Episode) ON (n.title);
CREATE INDEX entity_name FOR (n:Entity) ON (n.name);
CREATE INDEX entity_bridge_score FOR (n:Entity) ON (n.bridge_score);
CREATE INDEX entity_is_peripheral FOR (n:Entity) ON (n.is_peripheral);
CREATE INDEX insight_insight_type FOR (n:Insight) ON (n.insight_type);
CREATE INDEX insight_is_bridge_insight FOR (n:Insight) ON (n.is_bridge_insight);
CREATE INDEX quote_quote_type FOR (n:Quote) ON (n.quote_type);
CREATE INDEX quote_speaker FOR (n:Quote) ON (n.speaker);
CREATE INDEX topic_name FOR (n:Topic) ON (n.name);
CREATE INDEX topic_trend FOR (n:Topic) ON (n.trend);

// What the modules look things up by.
CREATE INDEX entity_mention_count FOR (n:Entity) ON (n.mention_count);
CREATE INDEX episode_published_date FOR (n:Episode) ON (n.published_date);
CREATE INDEX segment_episode_id FOR (n:Segment) ON (n.episode_id);
CREATE INDEX quote_segment_id FOR (n:Quote) ON (n.segment_id);

// Long texts: a range index refuses values over about 8 kB, a full-text index does not.
CREATE FULLTEXT INDEX segment_text FOR (n:Segment) ON EACH [n.text];
CREATE FULLTEXT INDEX insight_text FOR (n:Insight) ON EACH [n.title, n.description];
CREATE FULLTEXT INDEX quote_text FOR (n:Quote) ON EACH [n.text];

// Nodes that are there already say which schema they were written under. In batches, and only where nothing is
// said yet, so that it goes on where it was stopped.
MATCH (n:Podcast|Episode|Segment|Speaker|Entity|Insight|Quote|Topic|PotentialConnection)
WHERE n.schema_version IS NULL
CALL (n) { SET n.schema_version = '1.0.0' } IN TRANSACTIONS OF 10000 ROWS;
