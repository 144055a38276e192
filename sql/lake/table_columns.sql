-- List a table's columns, as they are in the transaction that asks.
-- Inputs   database lake; $schema, $name  the table
-- Output   (column_name, data_type), in the table's order; nothing where there is no such table
SELECT column_name, data_type
FROM duckdb_columns()
WHERE database_name = 'lake' AND schema_name = $schema AND table_name = $name
ORDER BY column_index
