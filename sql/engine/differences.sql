-- Find the images that differ between two versions of a table, and why.
-- Inputs   before, after  relations as versions.sql returns them
-- Output   (image_id, change, reason, rows_before, rows_after, version_before, version_after,
--          params_before, params_after, error), one row per image that differs
SELECT
    image_id,
    CASE
        WHEN before.image_id IS NULL THEN 'added'
        WHEN after.image_id IS NULL THEN 'removed'
        WHEN after.status = 'failed' AND before.indexed_at IS DISTINCT FROM after.indexed_at
            THEN 'failed'
        ELSE 'remade'
    END AS change,
    CASE
        WHEN before.image_id IS NULL OR after.image_id IS NULL THEN NULL
        WHEN before.params_hash IS DISTINCT FROM after.params_hash THEN 'params_changed'
        WHEN before.analysis_version IS DISTINCT FROM after.analysis_version THEN 'version_changed'
        ELSE 'artifacts_changed'
    END AS reason,
    before.n_rows AS rows_before,
    after.n_rows AS rows_after,
    before.analysis_version AS version_before,
    after.analysis_version AS version_after,
    before.params AS params_before,
    after.params AS params_after,
    CASE WHEN after.status = 'failed' THEN after.error END AS error
FROM before
FULL JOIN after USING (image_id)
WHERE before.n_rows IS DISTINCT FROM after.n_rows
    OR before.params_hash IS DISTINCT FROM after.params_hash
    OR before.analysis_version IS DISTINCT FROM after.analysis_version
    OR before.indexed_at IS DISTINCT FROM after.indexed_at
ORDER BY image_id
