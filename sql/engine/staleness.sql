-- Decide for every image in the dataset or in the table: skip, update or prune, and why.
--
-- Inputs   current  relation (image_id, params_hash, rows_changed): each image in the dataset; the
--                   hash is NULL where its params could not be read; rows_changed: its rows file is
--                   not the one that its rows were made of
--          held     relation (image_id, n_rows, params, version, uniform): the table's rows, as
--                   held_by_rows or held_by_ledger tell them
--          ledger   relation (image_id, params_hash, analysis_version, status, n_rows): the last
--                   run of each image; may be empty
--          variable analysis_version: the indexer's version now
--          variable never_analysed: the params_hash of an image without params and rows
-- Output   (image_id, action, reason, n_rows, recorded), one row per image
--          action    skip, update or prune; forget where the ledger alone knows the image
--          n_rows    how many rows it has in the table
--          recorded  whether the ledger knows a run that went well with these params and version
--
-- Every comparison is NULL-safe. The table is the truth for images that have rows; the ledger is
-- the memory for those that have none.
WITH wanted AS (
    SELECT
        image_id,
        rows_changed,
        md5_number(params_hash) AS params,
        params_hash = getvariable('never_analysed') AS never_analysed
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
        wanted.rows_changed,
        wanted.never_analysed,
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
                    WHEN run_current AND rows_changed THEN 'rows_changed'
                    WHEN run_current AND never_analysed THEN 'never_analysed'
                    WHEN run_current THEN 'fresh_zero_rows'
                    WHEN run_same_params THEN 'version_changed'
                    ELSE 'params_changed'
                END
            WHEN n_rows = 0 THEN 'missing'
            WHEN NOT uniform THEN 'mixed_provenance'
            WHEN NOT same_params THEN 'params_changed'
            WHEN NOT same_version THEN 'version_changed'
            WHEN status = 'ok' AND run_current AND run_rows <> n_rows THEN 'row_count_mismatch'
            -- Earlier releases marked what was no longer so.
            WHEN rows_changed OR status = 'outdated' THEN 'rows_changed'
            ELSE 'fresh'
        END AS reason
    FROM known
)

SELECT
    image_id,
    CASE
        WHEN reason = 'deleted' AND n_rows = 0 THEN 'forget'
        WHEN reason = 'deleted' THEN 'prune'
        WHEN reason IN ('fresh', 'fresh_zero_rows', 'never_analysed') THEN 'skip'
        ELSE 'update'
    END AS action,
    reason,
    n_rows,
    recorded
FROM judged
