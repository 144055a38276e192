-- Make the table that remembers how each image was last made.
-- Output   table runs (image_id, params_hash, analysis_version)
CREATE TABLE IF NOT EXISTS runs (image_id VARCHAR, params_hash VARCHAR, analysis_version VARCHAR)
