-- List the files that some tables of a lake are read from, as they are at one version.
-- Inputs   database copy: a copy of the lake's catalog; $wanted  list of [schema, table];
--          $version, $moment  the version, or the newest of a moment; both null for the newest
-- Output   (place), a path relative to the folder of the lake's data
WITH version AS (
    SELECT coalesce($version::BIGINT, max(snapshot_id)) AS id
    FROM copy.ducklake_snapshot
    WHERE $moment::TIMESTAMPTZ IS NULL OR snapshot_time <= $moment::TIMESTAMPTZ
),

files AS (
    SELECT table_id, path, begin_snapshot, end_snapshot FROM copy.ducklake_data_file
    UNION ALL
    SELECT table_id, path, begin_snapshot, end_snapshot FROM copy.ducklake_delete_file
)

SELECT schemas.path || tables.path || files.path AS place
FROM files
JOIN copy.ducklake_table AS tables USING (table_id)
JOIN copy.ducklake_schema AS schemas USING (schema_id)
CROSS JOIN version
WHERE list_contains($wanted::VARCHAR[][], [schemas.schema_name, tables.table_name])
    AND files.begin_snapshot <= version.id
    AND coalesce(files.end_snapshot > version.id, true)
