-- Say with which params and version the rows of each image were made.
-- Inputs   $table  path of the table file
-- Output   (image_id, four texts), one row an image
SELECT
    image_id,
    min(params_hash),
    max(params_hash),
    min(analysis_version),
    max(analysis_version)
FROM read_parquet($table)
GROUP BY image_id
