-- Mark the rows of a table file that a replacement drops.
-- Inputs   $table   path of the table file; $last_row  the number of its last row, from 0;
--          replaced  relation (key): the keys to be replaced
-- Fragments   {key}   the quoted key column
-- Output   variable replaced_rows: one bit a row, in file order, set where the row goes; NULL where
--          none goes
SET VARIABLE replaced_rows = (
    SELECT bitstring_agg(old.file_row_number::INTEGER, 0, $last_row)
    FROM read_parquet($table, file_row_number = true, hive_partitioning = false) AS old
    WHERE EXISTS (FROM replaced WHERE replaced.key IS NOT DISTINCT FROM old.{key})
)
