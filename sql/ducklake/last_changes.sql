-- Find the snapshots in which a table and one of its sidecars last changed.
-- Inputs     the catalog's own tables; $name  the table's; $sidecar  the sidecar's schema
-- Output     one row (table, beside, note): the snapshots' numbers, NULL where there is no such
--            table, and the sidecar's comment; a comment counts as a change of the sidecar
WITH held AS (
    SELECT schema_name, tables.table_id, tables.begin_snapshot
    FROM __ducklake_metadata_lake.ducklake_table AS tables
    JOIN __ducklake_metadata_lake.ducklake_schema AS schemas USING (schema_id)
    WHERE
        schema_name IN ('main', $sidecar)
        AND table_name = $name
        AND tables.end_snapshot IS NULL
),

comments AS (
    SELECT object_id, begin_snapshot, end_snapshot, value
    FROM __ducklake_metadata_lake.ducklake_tag
    WHERE key = 'comment'
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
    UNION ALL
    SELECT object_id, begin_snapshot
    FROM comments
)

SELECT
    max(snapshot) FILTER (WHERE schema_name = 'main') AS "table",
    max(snapshot) FILTER (WHERE schema_name = $sidecar) AS beside,
    (
        SELECT any_value(value)
        FROM comments
        JOIN held ON object_id = held.table_id
        WHERE comments.end_snapshot IS NULL AND schema_name = $sidecar
    ) AS note
FROM changed
JOIN held USING (table_id)
