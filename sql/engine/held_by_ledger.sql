-- Read off the ledger what a table holds of each image, where the ledger speaks of that very table.
-- Inputs   ledger    relation (image_id, params_hash, analysis_version, status, n_rows): the last
--                    run of each image
--          existing  relation (image_id, params_hash, analysis_version): the table's rows
-- Output   view held, as held_by_rows makes it
--
-- An image whose last run went well has the rows of that run. One whose last run failed keeps
-- older rows, of which the ledger knows nothing: of these alone the table is asked.
CREATE OR REPLACE TEMP VIEW held AS
SELECT
    image_id,
    n_rows,
    md5_number(params_hash) AS params,
    md5_number(analysis_version) AS version,
    true AS uniform
FROM ledger
WHERE status = 'ok' AND n_rows > 0
UNION ALL
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
WHERE image_id IN (SELECT image_id FROM ledger WHERE status <> 'ok')
GROUP BY image_id
