-- Which velocity traces are in doubt, and why; the doubtful first.
-- A trace without a quality was imported; it can be in doubt for the other reasons.
-- Tables   kym_images, kym_velocity
-- Params   least_quality  number     = 0.6  mean quality below which a trace is in doubt
--          most_nan       number, %  = 20   share of windows without a velocity beyond which it is
--          most_against   number, %  = 25   share of velocities against the main direction, too
-- Output   image_id; source_path; roi_id; channel; measured: false for an imported trace;
--          n_windows; nan_percent of the windows have no velocity; zero_percent have exactly 0;
--          against_percent of the velocities other than 0 go against the main direction;
--          mean_quality; in_doubt; why, empty where it is not
-- Units    nan_percent %, zero_percent %, against_percent %
-- Plot     scatter, x=nan_percent, y=zero_percent, colour=in_doubt
WITH shares AS (
    SELECT
        *,
        100 * n_nan / nullif(n_windows, 0) AS nan_percent,
        100 * n_zero / nullif(n_windows, 0) AS zero_percent,
        CASE WHEN isfinite(against_fraction) THEN 100 * against_fraction END AS against_percent,
        CASE WHEN isfinite(mean_quality) THEN mean_quality END AS quality
    FROM kym_velocity
),

judged AS (
    SELECT
        *,
        list_filter(
            [
                CASE WHEN coalesce(n_windows, 0) = coalesce(n_nan, 0) THEN 'no velocity' END,
                CASE WHEN quality < $least_quality THEN 'low quality' END,
                CASE
                    WHEN nan_percent > $most_nan AND n_nan < n_windows
                        THEN 'many windows without a velocity'
                END,
                CASE WHEN against_percent > $most_against THEN 'both directions' END
            ],
            lambda reason: reason IS NOT NULL
        ) AS reasons
    FROM shares
)

SELECT
    judged.image_id,
    kym_images.source_path,
    judged.roi_id,
    judged.channel,
    judged.measured,
    judged.n_windows,
    judged.nan_percent,
    judged.zero_percent,
    judged.against_percent,
    judged.quality AS mean_quality,
    len(judged.reasons) > 0 AS in_doubt,
    array_to_string(judged.reasons, ', ') AS why
FROM judged
LEFT JOIN kym_images ON judged.image_id = kym_images.image_id
ORDER BY
    len(judged.reasons) DESC,
    judged.quality NULLS LAST,
    kym_images.source_path NULLS LAST,
    judged.image_id,
    judged.roi_id,
    judged.channel
