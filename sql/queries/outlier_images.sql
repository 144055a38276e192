-- Which traces are much faster or slower than the others of their group.
-- By the modified z-score of the traces' median speeds: 0.6745 (speed - median) / median absolute
-- deviation (Iglewicz and Hoaglin, 1993), which outliers themselves do not hide. Groups of fewer
-- than 5 traces, or with half of them alike, have none.
-- Tables   kym_images, kym_velocity
-- Params   by      column of kym_images  = condition  what groups the images
--          beyond  number > 0            = 3.5        score beyond which a trace is an outlier
-- Output   image_id; source_path; roi_id; channel; group; median_speed, mm/s; group_median, mm/s;
--          n_traces of the group; score
-- Units    group {by}, median_speed mm/s, group_median mm/s
-- Plot     scatter, x=median_speed, y=score, colour=group
WITH known AS (
    SELECT
        kym_velocity.image_id,
        kym_images.source_path,
        kym_velocity.roi_id,
        kym_velocity.channel,
        {by} AS "group",
        kym_velocity.median_speed
    FROM kym_velocity
    INNER JOIN kym_images ON kym_velocity.image_id = kym_images.image_id
    WHERE isfinite(kym_velocity.median_speed)
),

centred AS (
    SELECT
        *,
        median(median_speed) OVER of_group AS group_median,
        count(*) OVER of_group AS n_traces
    FROM known
    WINDOW of_group AS (PARTITION BY "group")
),

spread AS (
    SELECT
        *,
        median(abs(median_speed - group_median)) OVER (PARTITION BY "group") AS deviation
    FROM centred
),

scored AS (
    SELECT *, 0.6745 * (median_speed - group_median) / nullif(deviation, 0) AS score
    FROM spread
    WHERE n_traces >= 5
)

SELECT
    image_id,
    source_path,
    roi_id,
    channel,
    "group",
    median_speed,
    group_median,
    n_traces,
    score
FROM scored
WHERE abs(score) > $beyond
ORDER BY abs(score) DESC, source_path NULLS LAST, image_id, roi_id, channel
