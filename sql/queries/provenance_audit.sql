-- Which versions and params a table's rows were made with, how many of each, and how old they are.
-- Tables   {table}, {table}_params, {table}_runs
-- Params   table  table  = kym_velocity_events  the table
-- Output   analysis_version; params_hash; n_images last run with these; n_failed of them; n_rows; oldest,
--          newest: when they were run, UTC; n_codes: how many versions of the code were used; params
-- Plot     bar, x=analysis_version, y=n_rows, colour=params_hash
WITH made AS (
    SELECT analysis_version, params_hash, count(*) AS n_rows
    FROM {table}
    GROUP BY analysis_version, params_hash
),

ran AS (
    SELECT
        analysis_version,
        params_hash,
        count(*) AS n_images,
        count(*) FILTER (status = 'failed') AS n_failed,
        min(indexed_at) AS oldest,
        max(indexed_at) AS newest,
        count(DISTINCT code_hash) AS n_codes
    FROM {table_runs}
    GROUP BY analysis_version, params_hash
),

both_sides AS (
    SELECT
        coalesce(ran.analysis_version, made.analysis_version) AS analysis_version,
        coalesce(ran.params_hash, made.params_hash) AS params_hash,
        coalesce(ran.n_images, 0) AS n_images,
        coalesce(ran.n_failed, 0) AS n_failed,
        coalesce(made.n_rows, 0) AS n_rows,
        ran.oldest,
        ran.newest,
        ran.n_codes
    FROM ran
    FULL JOIN made
        ON
            ran.analysis_version IS NOT DISTINCT FROM made.analysis_version
            AND ran.params_hash IS NOT DISTINCT FROM made.params_hash
)

SELECT both_sides.*, known.params
FROM both_sides
LEFT JOIN {table_params} AS known ON both_sides.params_hash = known.params_hash
ORDER BY both_sides.oldest NULLS FIRST, both_sides.analysis_version, both_sides.params_hash
