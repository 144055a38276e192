-- Read new rows in a table's types.
-- Inputs     none
-- Fragments  {columns}  select list over the rows; {rows}  the relation of the rows
-- Output     the rows
SELECT {columns}
FROM {rows} AS new
