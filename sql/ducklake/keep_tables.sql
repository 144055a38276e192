-- Remove all but some tables from a copy of a lake's catalog.
-- Inputs   database copy: the copy; $wanted  list of [schema, table]
-- Output   the copy, without the other tables in any of its snapshots
DELETE FROM copy.ducklake_table AS tables
USING copy.ducklake_schema AS schemas
WHERE tables.schema_id = schemas.schema_id
    AND NOT list_contains($wanted::VARCHAR[][], [schemas.schema_name, tables.table_name])
