-- Delete the old rows.
-- Inputs     replaced
-- Fragments  {table}  events or runs
-- Output     none
DELETE FROM {table} WHERE image_id IN (FROM replaced)
