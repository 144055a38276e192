-- List the drops that their detector added only to reach top_k_total, where it did not say so.
-- Inputs     none
-- Fragments  {events}    relation (image_id, roi_id, channel, event_type, t_start_s, peak_t_s,
--                        strength, window_s: the detector's win_cmp_sec) and what {drop} needs
--            {drop}      what tells one event from all others
--            {window_s}  the window of events whose own is not known or makes no sense, s
-- Output     drop
--
-- Such a drop is weaker than the threshold (strength below 1), or lies within the window of a
-- stronger one (or an equal one that comes first) in the same image, ROI and channel, with no rise
-- between them. Traces in which no two drops are that close are put aside first, by one sort over
-- the drops alone: that makes a million images without marks a third cheaper.
WITH shifts AS (
    SELECT
        image_id,
        roi_id,
        channel,
        strength,
        {drop} AS "drop",
        event_type = 'baseline_drop' AS is_drop,
        coalesce(peak_t_s, t_start_s) AS peak_s,
        CASE
            WHEN window_s >= 0 AND isfinite(window_s) THEN window_s ELSE {window_s}
        END AS window_s
    FROM {events}
    WHERE event_type IN ('baseline_drop', 'baseline_rise')
),

crowded AS (
    SELECT DISTINCT image_id, roi_id, channel
    FROM (
        SELECT
            *,
            peak_s - lag(peak_s) OVER (
                PARTITION BY image_id, roi_id, channel ORDER BY peak_s
            ) AS apart_s
        FROM shifts
        WHERE is_drop AND isfinite(strength)
    )
    WHERE apart_s <= window_s
),

numbered AS (
    SELECT
        shifts.*,
        count(*) FILTER (NOT shifts.is_drop) OVER (
            PARTITION BY shifts.image_id, shifts.roi_id, shifts.channel ORDER BY shifts.peak_s
        ) AS n_rises
    FROM shifts
    SEMI JOIN crowded
        ON
            shifts.image_id = crowded.image_id
            AND shifts.roi_id IS NOT DISTINCT FROM crowded.roi_id
            AND shifts.channel IS NOT DISTINCT FROM crowded.channel
),

ranked AS (
    SELECT
        "drop",
        struct_pack(strength := strength, first := -peak_s) AS place,
        max(struct_pack(strength := strength, first := -peak_s)) OVER (
            PARTITION BY image_id, roi_id, channel, n_rises
            ORDER BY peak_s
            RANGE BETWEEN window_s PRECEDING AND window_s FOLLOWING
        ) AS best
    FROM numbered
    WHERE is_drop AND isfinite(strength) AND isfinite(peak_s)
)

SELECT "drop"
FROM ranked
WHERE place < best
UNION
SELECT "drop"
FROM shifts
WHERE is_drop AND strength < 1
