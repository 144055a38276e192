-- Select the events of one image.
-- Tables   kym_velocity_events
-- Inputs   $image_id
-- Output   the rows of the image
SELECT *
FROM kym_velocity_events
WHERE image_id = $image_id
