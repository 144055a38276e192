-- Sum up the drops of each image and ROI: rate and mean baseline, ready to be joined.
-- Tables   kym_velocity_events
-- Output   (image_id, roi_id, n_drops, first_s, max_strength), a row an image and ROI
SELECT
    image_id,
    roi_id,
    count(*) AS n_drops,
    min(t_start_s) AS first_s,
    max(strength) AS max_strength
FROM kym_velocity_events
WHERE event_type = 'baseline_drop'
GROUP BY image_id, roi_id
