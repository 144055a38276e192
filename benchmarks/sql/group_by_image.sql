-- Find the params and version that the rows of each image were made with.
-- Inputs   $table  path of the table file
-- Output   (image_id, four texts), one row per image
SELECT
    image_id,
    min(params_hash),
    max(params_hash),
    min(analysis_version),
    max(analysis_version)
FROM read_parquet($table)
GROUP BY image_id
