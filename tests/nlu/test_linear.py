"""The minimiser walks to where SciPy's walks."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from bot.nlu.linear import minimum


@pytest.mark.parametrize("seed", range(5))
def test_the_lowest_point_is_the_one_that_scipy_finds(seed: int) -> None:
    draw = np.random.default_rng(seed)
    rows, sides = draw.normal(size=(80, 12)), draw.choice([-1.0, 1.0], 80)

    def logistic(point: np.ndarray) -> tuple[float, np.ndarray]:
        margin = sides * (rows @ point)
        loss = np.logaddexp(0, -margin).mean() + 0.05 * point @ point
        slope = -(rows * (sides / (1 + np.exp(margin)))[:, None]).mean(axis=0) + 0.1 * point
        return float(loss), slope

    start = np.zeros(12)
    theirs = minimize(logistic, start, jac=True, method="L-BFGS-B", tol=1e-12).x

    assert minimum(logistic, start, rounds=200, enough=1e-8) == pytest.approx(theirs, abs=1e-5)


def test_it_stops_where_it_stands_when_nothing_is_lower() -> None:
    lowest = np.zeros(3)

    assert minimum(lambda x: (float(x @ x), 2 * x), lowest, rounds=10).tolist() == [0, 0, 0]
