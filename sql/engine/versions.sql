-- Read what a table's rows were made of at one moment.
-- Inputs   the session's views, as they were at that moment
-- Fragments   {table}  the table, {runs}  its runs, {params}  its params, quoted
-- Output   (image_id, n_rows, params_hash, analysis_version, status, error, indexed_at, params), one
--          row an image with rows or a run on record
WITH held AS (
    SELECT
        image_id,
        count(*) AS n_rows,
        min(params_hash) AS params_hash,
        min(analysis_version) AS analysis_version
    FROM {table}
    GROUP BY image_id
)

SELECT
    image_id,
    coalesce(held.n_rows, 0) AS n_rows,
    coalesce(held.params_hash, runs.params_hash) AS params_hash,
    coalesce(held.analysis_version, runs.analysis_version) AS analysis_version,
    runs.status,
    runs.error,
    runs.indexed_at,
    made.params
FROM held
FULL JOIN {runs} AS runs USING (image_id)
LEFT JOIN (SELECT params_hash, params FROM {params}) AS made
    ON made.params_hash = coalesce(held.params_hash, runs.params_hash)
