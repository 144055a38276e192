-- Measure the files that hold a table now.
-- Inputs   the catalog's own tables; $name  the table's
-- Output   one row (size in bytes, changed: ISO 8601 text of the last snapshot that changed it, or
--          of the oldest one kept if that is forgotten)
WITH held AS (
    SELECT tables.table_id, tables.begin_snapshot
    FROM __ducklake_metadata_lake.ducklake_table AS tables
    JOIN __ducklake_metadata_lake.ducklake_schema AS schemas USING (schema_id)
    WHERE schema_name = 'main' AND table_name = $name AND tables.end_snapshot IS NULL
),

files AS (
    SELECT table_id, begin_snapshot, file_size_bytes
    FROM __ducklake_metadata_lake.ducklake_data_file
    WHERE end_snapshot IS NULL
    UNION ALL
    SELECT table_id, begin_snapshot, file_size_bytes
    FROM __ducklake_metadata_lake.ducklake_delete_file
    WHERE end_snapshot IS NULL
),

oldest AS (
    SELECT min(snapshot_time) AS moment
    FROM __ducklake_metadata_lake.ducklake_snapshot
),

touched AS (
    SELECT begin_snapshot, 0 AS file_size_bytes FROM held
    UNION ALL
    SELECT files.begin_snapshot, file_size_bytes FROM files JOIN held USING (table_id)
)

SELECT
    sum(file_size_bytes)::BIGINT AS size,
    strftime(
        timezone('UTC', coalesce(max(snapshot_time), (SELECT moment FROM oldest))),
        '%Y-%m-%dT%H:%M:%S+00:00'
    ) AS changed
FROM touched
LEFT JOIN __ducklake_metadata_lake.ducklake_snapshot AS snapshots
    ON snapshots.snapshot_id = touched.begin_snapshot
