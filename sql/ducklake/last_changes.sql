-- Find the snapshots in which a table and one of its sidecars last changed.
-- Inputs     the catalog's own tables; $name  the table's; $sidecar  the sidecar's schema
-- Output     one row (table, beside): the snapshots' numbers; NULL where there is no such table
--
-- A compaction rewrites files and counts as a change: then the rows themselves are asked.
WITH held AS (
    SELECT schema_name, tables.table_id, tables.begin_snapshot
    FROM __ducklake_metadata_lake.ducklake_table AS tables
    JOIN __ducklake_metadata_lake.ducklake_schema AS schemas USING (schema_id)
    WHERE
        schema_name IN ('main', $sidecar)
        AND table_name = $name
        AND tables.end_snapshot IS NULL
),

changed AS (
    SELECT table_id, begin_snapshot AS snapshot FROM held
    UNION ALL
    SELECT table_id, greatest(begin_snapshot, end_snapshot)
    FROM __ducklake_metadata_lake.ducklake_data_file
    UNION ALL
    SELECT table_id, greatest(begin_snapshot, end_snapshot)
    FROM __ducklake_metadata_lake.ducklake_delete_file
    UNION ALL
    SELECT table_id, greatest(begin_snapshot, end_snapshot)
    FROM __ducklake_metadata_lake.ducklake_column
)

SELECT
    max(snapshot) FILTER (WHERE schema_name = 'main') AS "table",
    max(snapshot) FILTER (WHERE schema_name = $sidecar) AS beside
FROM changed
JOIN held USING (table_id)
