-- How long each ROI of each image was stalled.
-- A stall is a drop that counts (see kym_events) and that a person called a true stall, or that
-- nobody has judged and after which at most max_speed_percent of the speed before are left. It
-- lasts from its start, where the speed falls below half, to its recorded end, or else to the start
-- of the next rise in the same ROI and channel that brings back half of the loss, where the speed
-- is back above half. (To the peak of that rise, where it began before the drop.) If an event in
-- between shows that the flow was back by then, or no such rise follows, the end is not known: the
-- stall is censored, and its time is not counted. Stalls that overlap are one.
-- Tables   kym_images, kym_analysed, kym_events
-- Params   max_speed_percent  number   = 50     the most that is left of the speed in a stall, %
--          reviewed_only      boolean  = false  only what people called true stalls
-- Output   image_id; source_path; roi_id, NULL for an image that was never analysed or whose last
--          run failed, and so is all that follows; n_stalls; n_censored of them; stalled_s of the
--          others; stalled_at_most_s: with each censored one up to the event that shows the flow to
--          be back, NULL if there is none; recorded_s of the ROI; stalled_percent of that
-- Units    stalled_s s, stalled_at_most_s s, recorded_s s, stalled_percent %
-- Plot     bar, x=source_path, y=stalled_s, colour=roi_id
WITH rois AS (
    SELECT
        image_id,
        roi_id,
        max(end_s) - min(start_s) AS recorded_s
    FROM kym_analysed
    GROUP BY image_id, roi_id
),

events AS (
    SELECT
        image_id,
        coalesce(roi_id, 1) AS roi_id,
        coalesce(channel, -1) AS channel,
        event_type = 'baseline_rise' AS is_rise,
        event_type IN ('baseline_drop', 'baseline_rise') AS is_shift,
        coalesce(peak_t_s, t_start_s) AS at_s,
        coalesce(t_start_s, peak_t_s) AS start_s,
        coalesce(t_end_s, t_start_s + duration_s) AS end_s,
        baseline_before AS before,
        baseline_after AS after,
        coalesce(nullif(user_type, ''), 'unreviewed') AS verdict,
        machine_type
    FROM kym_events
),

stalls AS MATERIALIZED (
    SELECT
        row_number() OVER () AS stall,
        image_id,
        roi_id,
        channel,
        at_s,
        start_s,
        end_s,
        (before + after) / 2 AS half_back
    FROM events
    WHERE
        NOT is_rise
        AND start_s IS NOT NULL
        AND (
            verdict = 'true_stall'
            OR (
                NOT $reviewed_only::BOOLEAN
                AND verdict = 'unreviewed'
                AND machine_type = 'stall_candidate'
                AND (after <= before * $max_speed_percent::DOUBLE / 100) IS NOT FALSE
            )
        )
),

flowing AS (
    -- The first event after each stall without an end that shows the flow to be back.
    SELECT
        stalls.stall,
        min(
            struct_pack(
                at_s := later.at_s,
                seen := coalesce(later.before > stalls.half_back, false),
                start_s := CASE
                    WHEN later.start_s > stalls.at_s THEN later.start_s ELSE later.at_s
                END
            )
        ) AS first
    FROM stalls
    JOIN events AS later
        ON
            stalls.image_id = later.image_id
            AND stalls.roi_id = later.roi_id
            AND stalls.channel = later.channel
    WHERE
        stalls.end_s IS NULL
        AND later.is_shift
        AND later.at_s > stalls.at_s
        AND (
            later.before > stalls.half_back
            OR (later.is_rise AND (later.after <= stalls.half_back) IS NOT TRUE)
        )
    GROUP BY stalls.stall
),

ended AS (
    SELECT
        stalls.image_id,
        stalls.roi_id,
        stalls.start_s,
        CASE
            WHEN stalls.end_s IS NOT NULL THEN stalls.end_s
            WHEN NOT flowing.first.seen THEN flowing.first.start_s
        END AS end_s,
        coalesce(stalls.end_s, flowing.first.at_s) AS latest_s
    FROM stalls
    LEFT JOIN flowing ON stalls.stall = flowing.stall
),

spans AS (
    SELECT image_id, roi_id, true AS known, start_s, end_s
    FROM ended
    WHERE end_s IS NOT NULL
    UNION ALL
    SELECT image_id, roi_id, false AS known, start_s, coalesce(end_s, latest_s) AS end_s
    FROM ended
),

added AS (
    -- What each span adds to those that began before it.
    SELECT
        image_id,
        roi_id,
        known,
        end_s - greatest(start_s, coalesce(max(end_s) OVER earlier, start_s)) AS seconds,
        (start_s <= max(end_s) OVER earlier) IS NOT TRUE AS is_new
    FROM spans
    WINDOW earlier AS (
        PARTITION BY image_id, roi_id, known
        ORDER BY start_s, end_s
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    )
),

summed AS (
    SELECT
        image_id,
        roi_id,
        count(*) FILTER (known AND is_new) AS n_ended,
        coalesce(sum(seconds) FILTER (known AND seconds > 0), 0) AS stalled_s,
        coalesce(sum(seconds) FILTER (NOT known AND seconds > 0), 0) AS stalled_at_most_s
    FROM added
    GROUP BY image_id, roi_id
),

censored AS (
    SELECT image_id, roi_id, count(*) AS n_censored, count(latest_s) = count(*) AS bounded
    FROM ended
    WHERE end_s IS NULL
    GROUP BY image_id, roi_id
),

totals AS (
    SELECT
        rois.image_id,
        rois.roi_id,
        rois.recorded_s,
        coalesce(summed.n_ended, 0) + coalesce(censored.n_censored, 0) AS n_stalls,
        coalesce(censored.n_censored, 0) AS n_censored,
        coalesce(summed.stalled_s, 0) AS stalled_s,
        CASE
            WHEN censored.bounded IS NOT FALSE THEN coalesce(summed.stalled_at_most_s, 0)
        END AS stalled_at_most_s
    FROM rois
    LEFT JOIN summed ON rois.image_id = summed.image_id AND rois.roi_id = summed.roi_id
    LEFT JOIN censored ON rois.image_id = censored.image_id AND rois.roi_id = censored.roi_id
)

SELECT
    images.image_id,
    images.source_path,
    totals.roi_id,
    totals.n_stalls,
    totals.n_censored,
    totals.stalled_s,
    totals.stalled_at_most_s,
    totals.recorded_s,
    100 * totals.stalled_s / totals.recorded_s AS stalled_percent
FROM kym_images AS images
LEFT JOIN totals ON images.image_id = totals.image_id
ORDER BY totals.stalled_s DESC NULLS LAST, images.source_path, images.image_id, totals.roi_id
