-- How many velocity events each image holds, images without any included.
-- An image that was never analysed, or whose last run failed, has NULL, not 0: `failed_runs` and
-- `images_without_events` say which. The events that count, see kym_events.
-- Tables   kym_images, kym_analysed, kym_events
-- Output   image_id; source_path; n_events; n_rois analysed, each channel by itself; n_rois_with:
--          those of them with events; first_s: where the earliest lies, by its peak, else its
--          start; strongest: the highest strength
-- Units    first_s s
-- Plot     bar, x=source_path, y=n_events
WITH searched AS (
    SELECT image_id, count(*) AS n_rois
    FROM kym_analysed
    GROUP BY image_id
),

counted AS (
    SELECT
        image_id,
        count(*) AS n_events,
        count(DISTINCT (coalesce(roi_id, 1), coalesce(channel, 1))) AS n_rois_with,
        min(coalesce(peak_t_s, t_start_s)) AS first_s,
        max(strength) FILTER (isfinite(strength)) AS strongest
    FROM kym_events
    GROUP BY image_id
)

SELECT
    images.image_id,
    images.source_path,
    CASE WHEN searched.n_rois > 0 THEN coalesce(counted.n_events, 0) END AS n_events,
    searched.n_rois,
    CASE WHEN searched.n_rois > 0 THEN coalesce(counted.n_rois_with, 0) END AS n_rois_with,
    CASE WHEN searched.n_rois > 0 THEN counted.first_s END AS first_s,
    CASE WHEN searched.n_rois > 0 THEN counted.strongest END AS strongest
FROM kym_images AS images
LEFT JOIN searched ON images.image_id = searched.image_id
LEFT JOIN counted ON images.image_id = counted.image_id
ORDER BY n_events DESC NULLS LAST, images.source_path, images.image_id
