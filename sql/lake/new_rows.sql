-- Read staged rows in a table's form.
-- Inputs   none
-- Fragments   {columns}  select list over the rows; {parts}  list of the paths of their files
-- Output   the rows
SELECT {columns}
FROM read_parquet({parts}, union_by_name = true, hive_partitioning = false) AS new
