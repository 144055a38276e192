-- Compare a table with its ledger and with the images in the dataset.
--
-- Inputs   present   relation (image_id): the images in the dataset
--          existing  relation (image_id, params_hash, analysis_version): the table's rows
--          ledger    relation (image_id, params_hash, analysis_version, status, n_rows): the last
--                    run of each image; may be empty
-- Output   (kind, images, example), one row per kind of problem: how many images have it, and one
--          of them
--
-- Rows that are merely stale are not a problem: today's params and versions are not compared.
WITH held AS (
    SELECT
        image_id,
        count(*) AS n_rows,
        min(params_hash) AS params_hash,
        min(analysis_version) AS analysis_version,
        count(params_hash) = count(*) AND count(analysis_version) = count(*) AS complete,
        min(params_hash) = max(params_hash)
            AND min(analysis_version) = max(analysis_version) AS uniform
    FROM existing
    GROUP BY image_id
),

matched AS (
    SELECT
        held.image_id,
        held.n_rows,
        ledger.image_id IS NOT NULL AS recorded,
        ledger.status = 'ok' AS went_well,
        ledger.n_rows AS n_recorded,
        held.params_hash = ledger.params_hash
            AND held.analysis_version = ledger.analysis_version AS same_run
    FROM held
    LEFT JOIN ledger USING (image_id)
    WHERE held.complete AND held.uniform AND held.image_id IN (FROM present)
),

problems AS (
    SELECT 'unknown_image' AS kind, image_id
    FROM held
    WHERE image_id IS NULL OR image_id NOT IN (FROM present)
    UNION ALL
    SELECT 'null_provenance', image_id FROM held WHERE NOT complete
    UNION ALL
    SELECT 'mixed_provenance', image_id FROM held WHERE complete AND NOT uniform
    UNION ALL
    SELECT 'row_count_mismatch', image_id
    FROM matched
    WHERE went_well AND same_run AND n_recorded <> n_rows
    UNION ALL
    SELECT 'unrecorded', image_id
    FROM matched
    WHERE NOT recorded OR (went_well AND NOT same_run)
    UNION ALL
    SELECT 'lost_rows', image_id
    FROM ledger
    WHERE status = 'ok' AND n_rows > 0 AND image_id IN (FROM present)
        AND NOT EXISTS (FROM held WHERE held.image_id = ledger.image_id)
    UNION ALL
    SELECT 'recorded_twice', image_id
    FROM ledger
    GROUP BY image_id
    HAVING count(*) > 1
    UNION ALL
    SELECT 'recorded_unknown_image', image_id
    FROM ledger
    WHERE image_id NOT IN (FROM present)
        AND NOT EXISTS (FROM held WHERE held.image_id = ledger.image_id)
)

SELECT kind, count(DISTINCT coalesce(image_id, '')) AS images, min(image_id) AS example
FROM problems
GROUP BY kind
ORDER BY kind
