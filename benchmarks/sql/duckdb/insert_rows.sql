-- Insert the new rows.
-- Inputs   the relation in the hole
-- Holes    {table}  events or runs; {rows}  where the new rows lie
-- Output   none
INSERT INTO {table} BY NAME {rows}
