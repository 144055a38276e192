-- Which events may be the same one recorded twice.
-- Two events of one type, ROI and channel whose peaks lie close together. An event without a peak,
-- such as a gap, lies where it starts. The events that count, see kym_events.
-- Tables   kym_images, kym_events
-- Params   within_s  number, s  = 0.05  how far apart the peaks of one event may be
-- Output   image_id; source_path; roi_id; channel; event_type; event_id and other_id of the two;
--          at_s: where the first lies; apart_s: how much later the other lies
-- Units    at_s s, apart_s s
-- Plot     hist, x=apart_s
WITH numbered AS (
    SELECT
        image_id,
        roi_id,
        channel,
        event_type,
        event_id,
        coalesce(peak_t_s, t_start_s) AS at_s,
        row_number() OVER (
            PARTITION BY image_id, roi_id, channel, event_type
            ORDER BY coalesce(peak_t_s, t_start_s), event_id
        ) AS place
    FROM kym_events
    WHERE coalesce(peak_t_s, t_start_s) IS NOT NULL
)

SELECT
    a.image_id,
    images.source_path,
    a.roi_id,
    a.channel,
    a.event_type,
    a.event_id,
    b.event_id AS other_id,
    a.at_s,
    b.at_s - a.at_s AS apart_s
FROM numbered AS a
JOIN numbered AS b
    ON
        a.image_id = b.image_id
        AND a.roi_id IS NOT DISTINCT FROM b.roi_id
        AND a.channel IS NOT DISTINCT FROM b.channel
        AND a.event_type IS NOT DISTINCT FROM b.event_type
        AND a.place < b.place
        AND b.at_s - a.at_s <= $within_s::DOUBLE
LEFT JOIN kym_images AS images ON a.image_id = images.image_id
ORDER BY images.source_path, a.image_id, a.roi_id, a.channel, a.at_s, a.event_id, b.event_id
