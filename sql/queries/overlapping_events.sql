-- Which events of one ROI and channel overlap in time, whatever their types.
-- An event without a recorded end can't be judged and is left out. The events that count, see
-- kym_events.
-- Tables   kym_images, kym_events
-- Params   min_overlap_s  number, s  = 0  only pairs that share more time than this
-- Output   image_id; source_path; roi_id; channel; event_id, event_type of the event that begins
--          first; other_id, other_type of the other; overlap_s
-- Units    overlap_s s
-- Plot     hist, x=overlap_s
WITH ended AS (
    SELECT
        image_id,
        roi_id,
        channel,
        event_id,
        event_type,
        t_start_s AS from_s,
        coalesce(t_end_s, t_start_s + duration_s) AS to_s,
        row_number() OVER (
            PARTITION BY image_id, roi_id, channel ORDER BY t_start_s, event_id
        ) AS place
    FROM kym_events
    WHERE coalesce(t_end_s, t_start_s + duration_s) > t_start_s
)

SELECT
    a.image_id,
    images.source_path,
    a.roi_id,
    a.channel,
    a.event_id,
    a.event_type,
    b.event_id AS other_id,
    b.event_type AS other_type,
    least(a.to_s, b.to_s) - b.from_s AS overlap_s
FROM ended AS a
JOIN ended AS b
    ON
        a.image_id = b.image_id
        AND a.roi_id IS NOT DISTINCT FROM b.roi_id
        AND a.channel IS NOT DISTINCT FROM b.channel
        AND a.place < b.place
        AND least(a.to_s, b.to_s) - b.from_s > $min_overlap_s::DOUBLE
LEFT JOIN kym_images AS images ON a.image_id = images.image_id
ORDER BY images.source_path, a.image_id, a.roi_id, a.channel, a.from_s, a.event_id, b.event_id
