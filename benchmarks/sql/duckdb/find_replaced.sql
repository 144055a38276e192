-- Find the images whose old rows are removed: the stale and the deleted ones.
-- Inputs   surveyed, runs, stale
-- Output   temporary table replaced (image_id)
CREATE TEMP TABLE replaced AS
SELECT image_id FROM stale
UNION ALL
SELECT image_id FROM runs ANTI JOIN surveyed USING (image_id)
