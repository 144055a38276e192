-- List the files of a lake, and from which version to which they count.
-- Inputs   database copy: a copy of the lake's catalog
-- Output   (place, begin_snapshot, end_snapshot); place is relative to the folder of the lake's
--          data, end_snapshot the first version without the file, null where there is none yet
WITH files AS (
    SELECT table_id, path, begin_snapshot, end_snapshot FROM copy.ducklake_data_file
    UNION ALL
    SELECT table_id, path, begin_snapshot, end_snapshot FROM copy.ducklake_delete_file
)

SELECT
    schemas.path || tables.path || files.path AS place,
    files.begin_snapshot,
    files.end_snapshot
FROM files
JOIN copy.ducklake_table AS tables USING (table_id)
JOIN copy.ducklake_schema AS schemas USING (schema_id)
