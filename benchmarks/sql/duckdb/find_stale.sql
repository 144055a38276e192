-- Find the images whose params or version differ from those of their last run.
-- Inputs   surveyed  relation (image_id, params_hash, analysis_version, path); runs
-- Output   temporary table stale, with the columns of surveyed
CREATE TEMP TABLE stale AS
FROM surveyed ANTI JOIN runs USING (image_id, params_hash, analysis_version)
