-- Read new rows in a table's form.
-- Inputs   none
-- Fragments   {columns}  select list over the rows; {rows}  what stands for them after FROM
-- Output   the rows
SELECT {columns}
FROM {rows} AS new
