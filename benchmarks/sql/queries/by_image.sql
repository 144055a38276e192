-- Count the drops of each image and ROI, with their first start and greatest strength, for a join.
-- Tables   kym_velocity_events
-- Output   (image_id, roi_id, n_drops, first_s, max_strength), one row per image and ROI
SELECT
    image_id,
    roi_id,
    count(*) AS n_drops,
    min(t_start_s) AS first_s,
    max(strength) AS max_strength
FROM kym_velocity_events
WHERE event_type = 'baseline_drop'
GROUP BY image_id, roi_id
