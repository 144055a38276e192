-- Derive from a table's rows the runs that made them, for images that the ledger lacks.
-- Inputs   present   relation (image_id): the images in the dataset
--          existing  relation (image_id, params_hash, analysis_version): the table's rows
--          ledger    relation (image_id, params_hash, analysis_version, status, n_rows): the runs
--                    recorded; a failed one is kept, since old rows outlive a failure
-- Output   (image_id, params_hash, analysis_version, n_rows), one row per image whose rows agree
SELECT
    existing.image_id,
    min(existing.params_hash) AS params_hash,
    min(existing.analysis_version) AS analysis_version,
    count(*) AS n_rows
FROM existing
WHERE existing.image_id IN (FROM present)
    AND NOT EXISTS (
        FROM ledger
        WHERE ledger.image_id = existing.image_id
            AND (
                ledger.status <> 'ok'
                OR (
                    ledger.params_hash = existing.params_hash
                    AND ledger.analysis_version = existing.analysis_version
                )
            )
    )
GROUP BY existing.image_id
HAVING count(existing.params_hash) = count(*)
    AND count(existing.analysis_version) = count(*)
    AND min(existing.params_hash) = max(existing.params_hash)
    AND min(existing.analysis_version) = max(existing.analysis_version)
ORDER BY existing.image_id
