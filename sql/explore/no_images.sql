-- Stand in for kym_images where images are not indexed.
-- Inputs  none
-- Output  image_id; source_path; condition; no rows
(SELECT NULL::VARCHAR AS image_id, NULL::VARCHAR AS source_path, NULL::VARCHAR AS condition
WHERE false)
