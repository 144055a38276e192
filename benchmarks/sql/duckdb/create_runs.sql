-- Create the table of each image's last run.
-- Output   table runs (image_id, params_hash, analysis_version)
CREATE TABLE IF NOT EXISTS runs (image_id VARCHAR, params_hash VARCHAR, analysis_version VARCHAR)
