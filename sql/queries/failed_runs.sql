-- Which images failed the last time they were indexed, why, and how many old rows they kept.
-- Tables   {table}, {table}_runs
-- Params   table  table  = kym_velocity_events  the table
-- Output   image_id; error; failed_at, UTC; analysis_version that failed; n_old_rows: rows of an
--          earlier run that are still in the table
-- Plot     bar, x=error
SELECT
    runs.image_id,
    runs.error,
    runs.indexed_at AS failed_at,
    runs.analysis_version,
    count(old.image_id) AS n_old_rows
FROM {table_runs} AS runs
LEFT JOIN {table} AS old ON runs.image_id = old.image_id
WHERE runs.status = 'failed'
GROUP BY ALL
ORDER BY runs.indexed_at, runs.image_id
