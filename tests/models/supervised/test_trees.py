"""Trees as arrays give what scikit-learn's give, and arrays that are no trees are refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier

from models.supervised.fit import as_arrays, grow
from models.supervised.trees import LEAF, Trees, TreesError

N_COLUMNS = 5


def rows(n: int, seed: int = 0) -> np.ndarray:
    """Columns of very different size, with many equal values, as features have."""
    rng = np.random.default_rng(seed)
    made = rng.normal(size=(n, N_COLUMNS)) * np.array([1e-3, 1.0, 1e4, 1.0, 1.0])
    made[:, 3] = rng.integers(0, 4, n)
    made[:, 4] = 720.0
    return np.asarray(made.astype(np.float32))


def failing(x: np.ndarray) -> np.ndarray:
    return np.asarray((x[:, 1] > 0.5) & (x[:, 3] >= 2))


def test_the_sums_are_those_of_scikit_learn() -> None:
    x = rows(600)
    forests = [
        GradientBoostingClassifier(n_estimators=30, max_depth=4, subsample=0.5, random_state=seed).fit(x, failing(x))
        for seed in range(2)
    ]
    share = failing(x).mean()
    trees = as_arrays(forests, float(np.log(share / (1 - share))))
    asked = np.concatenate([x, rows(3000, seed=1)])
    expected = np.mean([forest.decision_function(asked) for forest in forests], axis=0)
    np.testing.assert_allclose(trees.log_odds(asked), expected, rtol=0, atol=1e-12)
    one = as_arrays(forests[:1], float(np.log(share / (1 - share))))
    np.testing.assert_allclose(one.probability(asked), forests[0].predict_proba(asked)[:, 1], rtol=0, atol=1e-12)


def test_growing_is_deterministic_and_tells_what_it_was_taught() -> None:
    x = rows(500)
    first, second = (grow(x, failing(x), np.ones(len(x))) for _ in range(2))
    asked = rows(400, seed=3)
    assert first.log_odds(asked).tobytes() == second.log_odds(asked).tobytes()
    assert ((first.probability(asked) > 0.5) == failing(asked)).mean() > 0.98


def test_rows_do_not_depend_on_each_other() -> None:
    x = rows(300)
    trees, asked = grow(x, failing(x), np.ones(len(x))), rows(5000, seed=4)
    whole = trees.log_odds(asked)
    assert np.concatenate([trees.log_odds(asked[:1]), trees.log_odds(asked[1:])]).tobytes() == whole.tobytes()
    assert len(trees.log_odds(asked[:0])) == 0


def stump() -> Trees:
    """One question, two answers."""
    return Trees(
        -1.0,
        np.array([0], np.int32),
        np.array([1, LEAF, LEAF], np.int32),
        np.array([0.5, 0.0, 0.0]),
        np.array([1, LEAF, LEAF], np.int32),
        np.array([2, LEAF, LEAF], np.int32),
        np.array([0.0, -2.0, 3.0]),
    )


def test_a_stump_goes_left_up_to_its_threshold() -> None:
    x = np.array([[0.0, 0.5], [0.0, 0.75]], np.float32)
    assert Trees.of_arrays(stump().arrays(), 2).log_odds(x).tolist() == [-3.0, 2.0]


def test_odds_beyond_all_numbers_are_probabilities() -> None:
    x = np.zeros((1, 2), np.float32)
    assert [replace(stump(), intercept=odds).probability(x).tolist() for odds in (-1e4, 1e4)] == [[0.0], [1.0]]


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        pytest.param("left", np.array([0, LEAF, LEAF], np.int32), "does not end", id="a tree that bites its tail"),
        pytest.param("right", np.array([3, LEAF, LEAF], np.int32), "does not end", id="a child beyond the end"),
        pytest.param("feature", np.array([2, LEAF, LEAF], np.int32), "feature", id="a feature that there is not"),
        pytest.param("feature", np.array([-7, LEAF, LEAF], np.int32), "feature", id="a feature below the first"),
        pytest.param("root", np.array([3], np.int32), "begins nowhere", id="a root beyond the end"),
        pytest.param("value", np.array([0.0, np.inf, 3.0]), "no number", id="an infinite leaf"),
        pytest.param("threshold", np.array([np.nan, 0.0, 0.0]), "no number", id="a question that has no answer"),
        pytest.param("value", np.array([0.0, 1.0]), "differ in length", id="a column cut short"),
        pytest.param("value", np.zeros(3, np.float32), "should hold float64", id="another type"),
        pytest.param("root", np.zeros((1, 1), np.int32), "in one row", id="another shape"),
        pytest.param("intercept", np.zeros(0), "lack", id="no intercept"),
        pytest.param("intercept", np.zeros(1, complex), "should hold float64", id="an intercept of another kind"),
        pytest.param("root", np.zeros(5000, np.int32), "more than 4096 trees", id="more trees than anybody grows"),
    ],
)
def test_arrays_that_are_no_trees_are_refused(column: str, values: np.ndarray, message: str) -> None:
    with pytest.raises(TreesError, match=message):
        Trees.of_arrays(stump().arrays() | {column: values}, 2)


@pytest.mark.parametrize(("depth", "refused"), [(64, False), (65, True)])
def test_a_tree_that_goes_on_and_on_is_refused(depth: int, refused: bool) -> None:
    inner = np.arange(depth + 1) < depth
    child = np.where(inner, np.arange(1, depth + 2), LEAF).astype(np.int32)
    feature = np.where(inner, 0, LEAF).astype(np.int32)
    zeros = np.zeros(depth + 1)
    arrays = replace(stump(), feature=feature, threshold=zeros, left=child, right=child, value=zeros).arrays()
    if refused:
        with pytest.raises(TreesError, match="deeper than 64"):
            Trees.of_arrays(arrays, 2)
    else:
        assert Trees.of_arrays(arrays, 2).log_odds(np.zeros((1, 2), np.float32)).tolist() == [-1.0]


def test_a_missing_column_is_named() -> None:
    arrays = stump().arrays()
    del arrays["left"]
    with pytest.raises(TreesError, match="left"):
        Trees.of_arrays(arrays, 2)


def test_an_intercept_that_is_no_number_is_refused() -> None:
    with pytest.raises(TreesError, match="no number"):
        Trees.of_arrays(replace(stump(), intercept=float("nan")).arrays(), 2)
