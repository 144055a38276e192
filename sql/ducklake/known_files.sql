-- List the files that any version of a lake refers to, including those waiting to be removed.
-- Inputs   the catalog's own tables
-- Output   (name), the file's name without folders: it is unique
SELECT parse_filename(path) AS name FROM __ducklake_metadata_lake.ducklake_data_file
UNION ALL
SELECT parse_filename(path) FROM __ducklake_metadata_lake.ducklake_delete_file
UNION ALL
SELECT parse_filename(path) FROM __ducklake_metadata_lake.ducklake_files_scheduled_for_deletion
