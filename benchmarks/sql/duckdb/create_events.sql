-- Make the table of events.
-- Inputs   fresh
-- Output   table events, of the form of fresh
CREATE TABLE IF NOT EXISTS events AS FROM fresh LIMIT 0
