-- What the columns of one table hold.
-- Inputs   {table}, its quoted name
-- Output   one row: how many rows; of each column how many values; how many different ones, about;
--          the smallest, as text; the largest, as text
SELECT
    count(*),
    count(COLUMNS(*)),
    approx_count_distinct(COLUMNS(*)),
    CAST(min(COLUMNS(*)) AS VARCHAR),
    CAST(max(COLUMNS(*)) AS VARCHAR)
FROM {table}
