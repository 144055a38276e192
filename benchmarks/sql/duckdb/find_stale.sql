-- Find the images whose params or version are not those they were last made with.
-- Inputs   surveyed  relation (image_id, params_hash, analysis_version, path); runs
-- Output   temporary table stale, of the form of surveyed
CREATE TEMP TABLE stale AS
FROM surveyed ANTI JOIN runs USING (image_id, params_hash, analysis_version)
