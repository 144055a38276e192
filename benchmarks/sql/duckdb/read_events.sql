-- Read the events of the stale images.
-- Inputs   $paths  their files; stale
-- Output   temporary table fresh: the events, with image_id, params_hash and analysis_version
CREATE TEMP TABLE fresh AS
SELECT stale.* EXCLUDE (path), events.* EXCLUDE (filename)
FROM read_parquet($paths, filename = true) AS events
JOIN stale ON stale.path = events.filename
