-- Count the rows and bytes of each table of a lake again, after versions were taken out.
-- Inputs   database copy: a copy of the lake's catalog
-- Output   none; ducklake_table_stats is changed
UPDATE copy.ducklake_table_stats AS stats
SET record_count = counted.record_count, file_size_bytes = counted.file_size_bytes
FROM (
    SELECT
        named.table_id,
        coalesce(sum(files.record_count), 0) AS record_count,
        coalesce(sum(files.file_size_bytes), 0) AS file_size_bytes
    FROM copy.ducklake_table_stats AS named
    LEFT JOIN copy.ducklake_data_file AS files
        ON files.table_id = named.table_id AND files.end_snapshot IS NULL
    GROUP BY named.table_id
) AS counted
WHERE counted.table_id = stats.table_id
