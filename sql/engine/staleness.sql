-- Decide for every image in the dataset or in the table: skip, update or prune, and why.
--
-- Inputs   current   relation (image_id, params_hash): each image in the dataset; the hash is NULL
--                    where its params could not be read
--          existing  relation (image_id, params_hash, analysis_version): the table's rows
--          ledger    relation (image_id, params_hash, analysis_version, status, n_rows): the last
--                    run of each image; may be empty
--          variable analysis_version: the indexer's version now
-- Output   (image_id, action, reason, n_rows, recorded), one row per image
--          action    skip, update or prune; forget where the ledger alone knows the image
--          n_rows    how many rows it has in the table
--          recorded  whether the ledger knows a run that went well with these params and version
--
-- Every comparison is NULL-safe. The table is the truth for images that have rows; the ledger is
-- the memory for those that have none.
--
-- Hashes and versions are compared by their MD5 as a number: DuckDB takes it once per dictionary
-- entry of the Parquet file, and numbers aggregate four times as fast as 64-character texts.
WITH held AS (
    SELECT
        image_id,
        count(*) AS n_rows,
        min(md5_number(params_hash)) AS params,
        min(md5_number(analysis_version)) AS version,
        count(params_hash) = count(*)
            AND count(analysis_version) = count(*)
            AND min(md5_number(params_hash)) = max(md5_number(params_hash))
            AND min(md5_number(analysis_version)) = max(md5_number(analysis_version)) AS uniform
    FROM existing
    GROUP BY image_id
),

wanted AS (
    SELECT image_id, md5_number(params_hash) AS params
    FROM current
),

last_run AS (
    SELECT
        image_id,
        status,
        n_rows,
        md5_number(params_hash) AS params,
        analysis_version IS NOT DISTINCT FROM getvariable('analysis_version') AS same_version
    FROM ledger
),

known AS (
    SELECT
        coalesce(wanted.image_id, held.image_id, last_run.image_id) AS image_id,
        wanted.image_id IS NOT NULL AS in_dataset,
        coalesce(held.n_rows, 0) AS n_rows,
        held.uniform,
        wanted.params IS NULL AS unreadable,
        held.params IS NOT DISTINCT FROM wanted.params AS same_params,
        held.version IS NOT DISTINCT FROM md5_number(getvariable('analysis_version'))
            AS same_version,
        last_run.status,
        last_run.n_rows AS run_rows,
        last_run.params IS NOT DISTINCT FROM wanted.params AS run_same_params,
        last_run.params IS NOT DISTINCT FROM wanted.params AND last_run.same_version AS run_current
    FROM wanted
    FULL JOIN held ON wanted.image_id = held.image_id
    FULL JOIN last_run ON coalesce(wanted.image_id, held.image_id) = last_run.image_id
),

judged AS (
    SELECT
        image_id,
        n_rows,
        coalesce(status = 'ok' AND run_current, false) AS recorded,
        CASE
            WHEN NOT in_dataset THEN 'deleted'
            WHEN unreadable OR (status = 'failed' AND run_current) THEN 'failed'
            WHEN n_rows = 0 AND status = 'ok' AND run_rows = 0 THEN
                CASE
                    WHEN run_current THEN 'fresh_zero_rows'
                    WHEN run_same_params THEN 'version_changed'
                    ELSE 'params_changed'
                END
            WHEN n_rows = 0 THEN 'missing'
            WHEN NOT uniform THEN 'mixed_provenance'
            WHEN NOT same_params THEN 'params_changed'
            WHEN NOT same_version THEN 'version_changed'
            WHEN status = 'ok' AND run_current AND run_rows <> n_rows THEN 'row_count_mismatch'
            WHEN status = 'outdated' AND run_current THEN 'outdated'
            ELSE 'fresh'
        END AS reason
    FROM known
)

SELECT
    image_id,
    CASE
        WHEN reason = 'deleted' AND n_rows = 0 THEN 'forget'
        WHEN reason = 'deleted' THEN 'prune'
        WHEN reason IN ('fresh', 'fresh_zero_rows') THEN 'skip'
        ELSE 'update'
    END AS action,
    reason,
    n_rows,
    recorded
FROM judged
