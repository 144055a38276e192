-- Profile the columns of one table.
-- Inputs     the table
-- Fragments  {table}  its quoted name
-- Output     one row: the number of rows; per column the number of values, the approximate number
--            of distinct ones, the smallest and the largest, as text
SELECT
    count(*),
    count(COLUMNS(*)),
    approx_count_distinct(COLUMNS(*)),
    CAST(min(COLUMNS(*)) AS VARCHAR),
    CAST(max(COLUMNS(*)) AS VARCHAR)
FROM {table}
