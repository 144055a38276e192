-- Select the hundred strongest events of all images that nobody has reviewed.
-- Tables   kym_velocity_events
-- Output   (image_id, roi_id, event_id, t_start_s, strength), strongest first
SELECT
    image_id,
    roi_id,
    event_id,
    t_start_s,
    strength
FROM kym_velocity_events
WHERE user_type = 'unreviewed'
ORDER BY strength DESC, image_id, event_id
LIMIT 100
