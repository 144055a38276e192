-- Show events with `candidate` told where their detector did not say.
-- Inputs     none
-- Fragments  {events}      relation of events, each with params_hash and candidate
--            {params}      relation (params_hash, params): the JSON behind each hash
--            {candidates}  lists the candidates of `windowed` by `drop`, see candidates.sql
--            {drop}        what tells one event from all others
-- Output     the columns of {events}; candidate is true or false
WITH windows AS (
    SELECT params_hash, try_cast(params ->> '$.win_cmp_sec' AS DOUBLE) AS window_s
    FROM {params}
),

windowed AS (
    SELECT events.*, windows.window_s
    FROM {events} AS events
    LEFT JOIN windows ON events.params_hash = windows.params_hash
)

SELECT * REPLACE (coalesce(candidate, {drop} IN ({candidates})) AS candidate)
FROM {events}
