-- Summarize the events by type and review: the table that a figure starts from.
-- Tables   kym_velocity_events
-- Output   (event_type, user_type, n, median_strength, longest_s), one row per pair
SELECT
    event_type,
    user_type,
    count(*) AS n,
    median(strength) AS median_strength,
    max(duration_s) AS longest_s
FROM kym_velocity_events
GROUP BY event_type, user_type
