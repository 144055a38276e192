-- When in a recording events occur: their rate in each stretch of time since its start.
-- An event counts where its peak lies; one without a peak, such as a gap, where it starts. Each
-- ROI and channel that was analysed counts for the time it covers. The events that count, see
-- kym_events.
-- Tables   kym_analysed, kym_events
-- Params   bin_s       number > 0, s  = 5     length of a stretch
--          event_type  text           = NULL  only events of this type
-- Output   from_s, to_s of the stretch; n_images and n_rois that reach into it; recorded_s of it in
--          all ROIs together; n_events; events_per_roi_min
-- Units    from_s s, to_s s, recorded_s s, events_per_roi_min 1/min
-- Plot     line, x=from_s, y=events_per_roi_min
WITH searched AS MATERIALIZED (
    SELECT image_id, start_s, end_s
    FROM kym_analysed
    WHERE duration_s > 0
),

reached AS (
    SELECT
        image_id,
        start_s,
        end_s,
        unnest(
            range(
                floor(start_s / $bin_s::DOUBLE)::BIGINT, ceil(end_s / $bin_s::DOUBLE)::BIGINT
            )
        ) AS bin
    FROM searched
),

bins AS (
    SELECT
        bin,
        count(DISTINCT image_id) AS n_images,
        count(*) AS n_rois,
        sum(
            least(end_s, (bin + 1) * $bin_s::DOUBLE) - greatest(start_s, bin * $bin_s::DOUBLE)
        ) AS recorded_s
    FROM reached
    GROUP BY bin
),

counted AS (
    SELECT
        try_cast(floor(coalesce(peak_t_s, t_start_s) / $bin_s::DOUBLE) AS BIGINT) AS bin,
        count(*) AS n_events
    FROM kym_events
    WHERE
        image_id IN (SELECT image_id FROM searched)
        AND ($event_type::VARCHAR IS NULL OR event_type = $event_type)
    GROUP BY bin
)

SELECT
    bins.bin * $bin_s::DOUBLE AS from_s,
    (bins.bin + 1) * $bin_s::DOUBLE AS to_s,
    bins.n_images,
    bins.n_rois,
    bins.recorded_s,
    coalesce(counted.n_events, 0) AS n_events,
    60 * coalesce(counted.n_events, 0) / bins.recorded_s AS events_per_roi_min
FROM bins
LEFT JOIN counted ON bins.bin = counted.bin
ORDER BY from_s
