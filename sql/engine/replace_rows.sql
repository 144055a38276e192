-- Write a table again: the old rows less those marked, then the new rows.
-- Inputs   $table   path of the old table file; $parts  paths of the files with the new rows;
--          $output  path to write; variable replaced_rows, see mark_replaced
-- Fragments   {kept}  select list over the old rows, {added}  over the new: same columns, same types
-- Output   a Parquet file; a row with the number of rows written
--
-- A join would not keep the order of the rows, and one image's rows must stay together and in order.
-- A look at a bit does, and costs next to nothing.
COPY (
    SELECT {kept}
    FROM read_parquet($table, file_row_number = true, hive_partitioning = false) AS old
    WHERE coalesce(get_bit(getvariable('replaced_rows'), old.file_row_number::INTEGER), 0) = 0
    UNION ALL
    SELECT {added}
    FROM read_parquet($parts, union_by_name = true, hive_partitioning = false) AS new
) TO $output (FORMAT parquet, COMPRESSION zstd)
