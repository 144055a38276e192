-- Decide, for every image known to the dataset or to the table, what an update has to do with it.
--
-- Inputs   current   relation (image_id, params_hash): each image in the dataset; the hash is NULL
--                    where its params could not be read
--          existing  relation (image_id, params_hash, analysis_version): the table's rows
--          ledger    relation (image_id, params_hash, analysis_version, status, n_rows): the last
--                    run of each image; may be empty
--          $analysis_version  the indexer's version now
-- Output   (image_id, action, reason, n_rows), one row an image; n_rows counts its rows in the table
--
-- Every comparison is NULL-safe. The table is the truth for images that have rows; the ledger is
-- the memory for those that have none.
WITH held AS (
    SELECT
        image_id,
        count(*) AS n_rows,
        min(params_hash) AS params_hash,
        min(analysis_version) AS analysis_version,
        count(params_hash) = count(*)
            AND count(analysis_version) = count(*)
            AND min(params_hash) = max(params_hash)
            AND min(analysis_version) = max(analysis_version) AS uniform
    FROM existing
    GROUP BY image_id
),

known AS (
    SELECT
        coalesce(current.image_id, held.image_id) AS image_id,
        current.image_id IS NOT NULL AS in_dataset,
        coalesce(held.n_rows, 0) AS n_rows,
        held.uniform,
        current.params_hash IS NULL AS unreadable,
        held.params_hash IS NOT DISTINCT FROM current.params_hash AS same_params,
        held.analysis_version IS NOT DISTINCT FROM $analysis_version AS same_version,
        ledger.status,
        ledger.n_rows AS ledger_rows,
        ledger.params_hash IS NOT DISTINCT FROM current.params_hash AS ledger_same_params,
        ledger.params_hash IS NOT DISTINCT FROM current.params_hash
            AND ledger.analysis_version IS NOT DISTINCT FROM $analysis_version AS ledger_current
    FROM current
    FULL JOIN held ON current.image_id = held.image_id
    LEFT JOIN ledger ON current.image_id = ledger.image_id
),

judged AS (
    SELECT
        image_id,
        n_rows,
        CASE
            WHEN NOT in_dataset THEN 'deleted'
            WHEN unreadable OR (status = 'failed' AND ledger_current) THEN 'failed'
            WHEN n_rows = 0 AND status = 'ok' AND ledger_rows = 0 THEN
                CASE
                    WHEN ledger_current THEN 'fresh_zero_rows'
                    WHEN ledger_same_params THEN 'version_changed'
                    ELSE 'params_changed'
                END
            WHEN n_rows = 0 THEN 'missing'
            WHEN NOT uniform THEN 'mixed_provenance'
            WHEN NOT same_params THEN 'params_changed'
            WHEN NOT same_version THEN 'version_changed'
            WHEN status = 'ok' AND ledger_current AND ledger_rows <> n_rows
                THEN 'row_count_mismatch'
            ELSE 'fresh'
        END AS reason
    FROM known
)

SELECT
    image_id,
    CASE
        WHEN reason = 'deleted' THEN 'prune'
        WHEN reason IN ('fresh', 'fresh_zero_rows') THEN 'skip'
        ELSE 'update'
    END AS action,
    reason,
    n_rows
FROM judged
