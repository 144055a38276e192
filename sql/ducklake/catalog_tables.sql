-- List the tables that make up a lake's catalog.
-- Inputs   database copy: an empty catalog
-- Output   (table_name), one row a table
SELECT table_name
FROM duckdb_tables()
WHERE database_name = 'copy'
