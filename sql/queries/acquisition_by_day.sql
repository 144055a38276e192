-- What was recorded on each day.
-- Tables   kym_images
-- Output   day by the microscope's clock, NULL if unknown; n_images; n_accepted; n_rois;
--          minutes recorded; first_at, last_at: when the first and last image were taken; folders
--          they were imported from
-- Units    minutes min
-- Plot     bar, x=day, y=n_images
SELECT
    acquired_at::DATE AS day,
    count(*) AS n_images,
    count(*) FILTER (accepted) AS n_accepted,
    sum(n_rois) AS n_rois,
    sum(duration_s) FILTER (isfinite(duration_s)) / 60 AS minutes,
    min(acquired_at) AS first_at,
    max(acquired_at) AS last_at,
    string_agg(DISTINCT nullif(folder, ''), ', ' ORDER BY nullif(folder, '')) AS folders
FROM kym_images
GROUP BY day
ORDER BY day NULLS LAST
