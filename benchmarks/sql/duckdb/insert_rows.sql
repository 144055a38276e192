-- Insert the new rows.
-- Inputs     the relation of the fragment
-- Fragments  {table}  events or runs; {rows}  relation of the new rows
-- Output     none
INSERT INTO {table} BY NAME {rows}
