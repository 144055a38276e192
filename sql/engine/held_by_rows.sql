-- Read off a table's rows what it holds of each image.
-- Inputs   existing  relation (image_id, params_hash, analysis_version): the rows
-- Output   view held (image_id, n_rows, params, version, uniform), one row per image; params and
--          version as numbers; uniform: whether its rows agree with each other, and none is NULL
--
-- Hashes and versions are compared by their MD5 as a number: DuckDB takes it once per dictionary
-- entry of the Parquet file, and numbers aggregate four times as fast as 64-character texts.
CREATE OR REPLACE TEMP VIEW held AS
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
