-- Create the table of events.
-- Inputs   fresh
-- Output   table events, with the columns of fresh
CREATE TABLE IF NOT EXISTS events AS FROM fresh LIMIT 0
