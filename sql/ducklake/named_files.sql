-- List every place that a lake's catalog names: of schemas, tables, files, and files to delete.
-- Inputs   none
-- Fragments   {catalog}  the schema that holds the catalog's own tables
-- Output   (place), a path relative to the folder of the lake's data, or absolute
WITH schemas AS (
    SELECT schema_id, coalesce(path, '') AS place FROM {catalog}.ducklake_schema
),

tables AS (
    SELECT
        named.table_id,
        CASE WHEN named.path_is_relative THEN coalesce(schemas.place, '') ELSE '' END
        || coalesce(named.path, '') AS place
    FROM {catalog}.ducklake_table AS named
    LEFT JOIN schemas USING (schema_id)
),

files AS (
    SELECT table_id, path, path_is_relative FROM {catalog}.ducklake_data_file
    UNION ALL
    SELECT table_id, path, path_is_relative FROM {catalog}.ducklake_delete_file
)

SELECT place FROM schemas
UNION
SELECT place FROM tables
UNION
SELECT
    CASE WHEN files.path_is_relative THEN coalesce(tables.place, '') ELSE '' END
    || coalesce(files.path, '')
FROM files
LEFT JOIN tables USING (table_id)
UNION
SELECT coalesce(path, '') FROM {catalog}.ducklake_files_scheduled_for_deletion
