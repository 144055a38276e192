"""What the columns of kymflow's own tables mean, in a line each."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from kymflow.core.artifacts.columns import QUANTILES

_PROVENANCE = {
    "image_id": "the image",
    "analysis_version": "version of the indexer that made the row",
    "params_hash": "hash of the params that the row was made with; TABLE_params has them",
}
_PLACE = {
    "roi_id": "region of interest, from 1",
    "channel": "channel, from 1",
}
_EVENT = {
    **_PLACE,
    "event_id": "the event, in its ROI and channel",
    "event_type": "baseline_drop, baseline_rise, nan_gap, zero_gap, or User Added",
    "i_start": "first sample in the trace, from 0",
    "i_peak": "sample of the greatest change; gaps have none",
    "i_end": "last sample; null where the trace does not tell",
    "t_start_s": "when it begins, from the beginning of the recording",
    "peak_t_s": "when the change is greatest",
    "t_end_s": "when it ends; null where the trace does not tell",
    "peak_value": "velocity at the peak",
    "score": "median speed after the peak less that before it",
    "baseline_before": "median speed before the peak",
    "baseline_after": "median speed after the peak",
    "strength": "score over threshold; of gaps the share of empty samples times the duration, s",
    "nan_fraction": "share of samples in it without a velocity",
    "n_valid": "samples in it with a velocity",
    "duration_s": "how long it lasts",
    "machine_type": "event_type as it was detected, whatever a person made of it",
    "candidate": "whether it is below the threshold, added for a reviewer to look at",
    "user_type": "what a person says it is; unreviewed where nobody said",
    "note": "a person's note",
    "rejected": "whether a person said that it is no event",
    "edited": "whether a person corrected its times",
}
_STATISTICS = {
    "mean": "mean",
    "median": "median",
    "std": "standard deviation",
    "se": "standard error of the mean",
    "cv": "standard deviation over mean",
    "min": "least",
    "max": "greatest",
    **{f"q{q:02d}": f"{q} % quantile" for q in QUANTILES},
}
_OF_THE_LAB = (
    *("species", "region", "cell_type", "sex", "genotype", "date"),
    *("condition", "condition2", "treatment", "treatment2"),
)
_MEANINGS: Mapping[str, Mapping[str, str]] = {
    "kym_images": {
        "root": "folder that was imported",
        "source_path": "path of its file below root",
        "folder": "folder of its file below root",
        "folder_1": "outermost folder below root",
        "folder_2": "the folder in that",
        "folder_3": "the folder in that",
        "acquired_at": "when it was recorded, by the microscope's clock",
        "shape": "lines, pixels, and channels if there are several",
        "dtype": "type of its pixels",
        "n_lines": "lines, one after another in time",
        "n_pixels": "pixels per line",
        "seconds_per_line": "time from one line to the next",
        "um_per_pixel": "distance from one pixel to the next",
        "scale_source": "where these two come from; null where a file does not tell them",
        "duration_s": "how long the recording is",
        "depth": "depth below the surface",
        "branch_order": "order of the vessel's branch",
        "direction": "of the flow, as the lab noted it",
        "note": "the lab's note on the recording",
        **dict.fromkeys(_OF_THE_LAB, "as the lab or the names of its folders tell it"),
        "n_rois": "regions of interest in its metadata",
        "accepted": "whether the lab took it into the study",
        "import_notes": "what its files leave open or contradict",
    },
    "kym_velocity": {
        **_PLACE,
        "measured": "whether kymflow measured the trace; it was imported otherwise",
        "n_windows": "windows, each with a velocity or NaN",
        "n_nan": "windows without a velocity",
        "n_zero": "windows with a velocity of exactly 0",
        **{
            f"{name}_{of}": f"{text} of the {noun}"
            for name, text in _STATISTICS.items()
            for of, noun in (("velocity", "velocities"), ("speed", "speeds, whatever direction"))
        },
        "direction": "sign of the median velocity: 1, -1 or 0",
        "against_fraction": "share of the velocities other than 0 that go against it",
        "mean_quality": "mean of the windows' quality, 0 to 1",
        "pixel_min": "least pixel of the ROI",
        "pixel_max": "greatest pixel of the ROI",
        "pixel_mean": "mean pixel of the ROI",
        "pixel_std": "standard deviation of the ROI's pixels",
    },
    "kym_velocity_events": _EVENT,
    "kym_events": {**_EVENT, "candidate": "whether a person confirmed a candidate"},
    "kym_analysed": {
        **_PLACE,
        "start_s": "where the trace begins in the recording",
        "end_s": "where it ends",
        "duration_s": "how long it is",
    },
    "kym_reviews": {
        **_EVENT,
        "reviewer": "who",
        "verdict": "the label, rejected, or added; null if only noted or corrected",
        "label": "what they say it is",
        "settled": "what was settled where reviewers disagree",
        "added": "whether they added it",
        "removed": "whether they took it away again",
        "n_decisions": "decisions of theirs that stand",
        "decided_at": "when they last decided, UTC",
    },
    "kym_verdict_pairs": {
        **_PLACE,
        "reviewer_a": "one reviewer",
        "reviewer_b": "the other",
        "event_a": "the event of the one",
        "event_b": "the event of the other; not the same where each added one",
        "verdict_a": "what the one says",
        "verdict_b": "what the other says",
        "t_start_s": "when the event begins",
        "apart_s": "how far two added events are apart; 0 for one and the same",
        "settled": "what was settled",
    },
}
_RUNS = {
    "status": "ok or failed",
    "n_rows": "rows that the run made",
    "error": "why it failed",
    "code": "code of that error",
    "indexed_at": "when, UTC",
    "code_hash": "hash of the indexer's code",
}
TABLES = tuple(_MEANINGS)
"""The tables and views whose columns are explained."""


def meaning_of(table: str, column: str) -> str | None:
    """Say what a column means; None for columns of other people's making.

    Args:
        table: The table or view.
        column: The column.

    Examples:
        >>> meaning_of("kym_images", "um_per_pixel")
        'distance from one pixel to the next'
    """
    if table.endswith("_params"):
        return {"params": "the params, as JSON", **_PROVENANCE}.get(column)
    own = _RUNS if table.endswith("_runs") else _MEANINGS.get(table, MappingProxyType({}))
    return own.get(column, _PROVENANCE.get(column))
