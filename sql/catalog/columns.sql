-- List every column of every view of the session.
-- Tables   none; DuckDB's own lists
-- Output   table, column, type, in the order of the views' names and their columns
SELECT
    table_name AS "table",
    column_name AS "column",
    data_type AS "type"
FROM duckdb_columns()
WHERE NOT internal
ORDER BY table_name, column_index
