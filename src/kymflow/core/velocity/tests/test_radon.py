"""Projections are those of scikit-image, and float32 is as good as it is said to be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.transform import radon

from kymflow.core.velocity.projections import ANGLES, projections_of
from kymflow.core.velocity.radon import HEAVIEST_PIXEL, n_bins, projection_matrix
from kymflow.core.velocity.streaks import TIE, first_greatest
from kymflow.core.velocity.tests import oracle, pixels
from kymflow.core.velocity.windows import Windows

QUARTERS = np.arange(-2, 181.25, 0.25)
SHAPES = [
    (16, 19),
    (16, 38),
    (16, 16),
    (16, 1),
    (16, 2),
    (4, 1),
    (8, 3),
    (4, 90),
    (40, 7),
    (32, 33),
]


@pytest.mark.wide
@pytest.mark.parametrize("shape", SHAPES)
def test_every_projection_is_that_of_skimage(shape: tuple[int, int]) -> None:
    window = np.random.default_rng(0).normal(size=shape)
    expected = radon(window, theta=QUARTERS, circle=False)
    matrix = projection_matrix(*shape, QUARTERS)
    assert n_bins(*shape) == len(expected)
    projected = (matrix @ window.ravel()).reshape(len(QUARTERS), -1).T
    assert np.abs(projected - expected).max() < 1e-12 * np.linalg.norm(window)


@settings(deadline=None, max_examples=40)
@given(pixels.windows(), st.lists(st.sampled_from(list(QUARTERS)), min_size=1, max_size=9))
def test_every_variance_is_that_of_skimage(window: np.ndarray, angles: list[float]) -> None:
    [taken] = Windows(window, len(window)).take(slice(None)).T
    matrix = projection_matrix(*window.shape, np.array(angles))
    variances = (matrix @ taken).reshape(len(angles), -1).var(axis=1)
    expected = oracle.variances(taken.reshape(window.shape), np.array(angles))
    assert np.abs(variances - expected).max() <= 1e-13 * max(expected.max(), 1e-3)


@pytest.mark.wide
@pytest.mark.parametrize("shape", SHAPES)
def test_no_pixel_weighs_more_than_the_heaviest(shape: tuple[int, int]) -> None:
    matrix = projection_matrix(*shape, QUARTERS)
    heaviest = max(
        matrix[first : first + n_bins(*shape)].sum(axis=0).max()
        for first in range(0, matrix.shape[0], n_bins(*shape))
    )
    assert 1 <= heaviest <= HEAVIEST_PIXEL + 1e-12
    if shape == (16, 38):
        assert heaviest > HEAVIEST_PIXEL - 1e-6, "reached at 45°"


@pytest.mark.long
@settings(deadline=None, max_examples=40)
@given(st.lists(pixels.windows(widest=60), min_size=1, max_size=4))
def test_float32_is_as_good_as_it_is_said_to_be(windows: list[np.ndarray]) -> None:
    for window in windows:
        projections = projections_of(*window.shape)
        taken = Windows(window, len(window)).take(slice(None))
        rough = np.sqrt(projections.coarse([taken.astype(np.float32)]))
        exact = np.sqrt(projections.coarse([taken]))
        assert rough.dtype == np.float32
        assert rough.shape == (ANGLES, 1)
        assert (np.abs(rough - exact)[:, 0] <= projections.float32_error).all()


def test_the_first_of_equal_variances_wins() -> None:
    variances = np.array([[0, 1, 2, 5], [1, 1, 2, 5 * (1 + TIE / 2)], [0.5, 0, 3, 5 * (1 - TIE)]])
    assert first_greatest(variances).tolist() == [1, 0, 2, 0]
    assert first_greatest(np.array([[5.0], [5 * (1 + 3 * TIE)]])).tolist() == [1]
    assert first_greatest(np.zeros((17, 1))).tolist() == [0]
