"""What every metric must keep on any input: hypothesis looks for maps and fixations that break it."""
import math
from typing import Any

import numpy as np
import pytest

hypothesis = pytest.importorskip("hypothesis", reason="the property tests need hypothesis, which is not installed")
from hypothesis import assume, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from hypothesis.extra import numpy as arrays  # noqa: E402
from scipy.stats import mannwhitneyu, pearsonr  # noqa: E402

from saliency_playground.metrics import mit  # noqa: E402
from saliency_playground.metrics import tuebingen as metrics  # noqa: E402

settings.register_profile("steady", max_examples=100, deadline=None, derandomize=True)
settings.load_profile("steady")

SHAPES = arrays.array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=12)
WEIGHTS = st.floats(1e-6, 1e6)


@st.composite
def ranked_maps(draw):
    "A map of whole numbers, with few ties or many, and pixels looked at on it, repeats included: map, x, y."
    levels = draw(arrays.arrays(int, draw(SHAPES), elements=st.integers(0, draw(st.sampled_from([1, 4, 1000])))))
    return levels.astype(float), *draw(places(levels.shape))


@st.composite
def places(draw, shape):
    "Between 1 and 20 pixels of a map: x, y."
    pixels = np.array(draw(st.lists(st.integers(0, shape[0] * shape[1] - 1), min_size=1, max_size=20)))
    return pixels % shape[1], pixels // shape[1]


@st.composite
def pairs(draw, elements=WEIGHTS):
    "Two maps of one size."
    shape = draw(SHAPES)
    return draw(arrays.arrays(float, shape, elements=elements)), draw(arrays.arrays(float, shape, elements=elements))


def mann_whitney(positives, negatives):
    return mannwhitneyu(positives, negatives).statistic / (len(positives) * len(negatives))


@given(ranked_maps(), st.data())
def test_aucs_are_the_mann_whitney_statistic(world, data):
    values, x, y = world
    positives, own = values[y, x], y * values.shape[1] + x
    assert metrics.auc(values, x, y) == pytest.approx(mann_whitney(positives, values.ravel()), abs=1e-12)
    other_x, other_y = data.draw(places(values.shape))
    assert metrics.sauc(values, x, y, other_x,
                        other_y) == pytest.approx(mann_whitney(positives, values[other_y, other_x]), abs=1e-12)
    unfixated = np.delete(values, own)
    if unfixated.size:
        expected = mann_whitney(positives, unfixated)
        assert metrics.auc(values, x, y, negatives="unfixated") == pytest.approx(expected, abs=1e-12)
    else:
        assert math.isnan(metrics.auc(values, x, y, negatives="unfixated"))


@given(ranked_maps())
def test_judd_is_the_mann_whitney_statistic_and_its_triangles_where_nothing_is_tied(world):
    values, x, y = world
    values = np.argsort(np.argsort(values, axis=None)).reshape(values.shape)
    own = np.unique(y * values.shape[1] + x)
    unfixated = np.delete(values, own)
    assume(unfixated.size)
    triangles = np.mean(unfixated > values.ravel()[own].min()) / (2 * own.size)
    expected = mann_whitney(values.ravel()[own], unfixated) + triangles
    assert mit.auc_judd(values, x, y) == pytest.approx(expected, abs=1e-12)


@given(ranked_maps(),
       st.sampled_from([np.exp2, np.cbrt, lambda v: v**3, lambda v: 7 * v - 1e4, lambda v: -1 / (v + 1)]), st.data())
def test_order_is_all_that_aucs_see(world, monotone, data):
    values, x, y = world
    if monotone is np.exp2:
        values = np.minimum(values, 900)                                          # 2**1000 is as far as a float goes
    other = data.draw(places(values.shape))
    bent = monotone(values)
    assert metrics.auc(bent, x, y) == metrics.auc(values, x, y)
    assert metrics.auc(-bent, x, y) == pytest.approx(1 - metrics.auc(values, x, y), abs=1e-12)
    assert metrics.sauc(bent, x, y, *other) == metrics.sauc(values, x, y, *other)
    np.testing.assert_equal(mit.auc_judd(bent, x, y), mit.auc_judd(values, x, y))


@given(pairs())
def test_kl_is_never_below_minus_eps_a_pixel(maps):
    p, q = maps  # sum q ln(q / (p + eps)) >= -ln(1 + n eps), whatever p and q; 1e-14 for the sum's own rounding
    assert metrics.kl_div(p, q) >= -p.size * metrics.EPS - 1e-14
    assert abs(metrics.kl_div(3 * q, q)) <= 2 * p.size * metrics.EPS + 1e-14
    assert metrics.kl_div(p, q) <= -math.log(metrics.EPS) + 1e-9


@given(pairs(st.one_of(st.just(0.0), WEIGHTS)))
def test_sim_is_a_share_and_symmetric(maps):
    p, q = maps
    assume(p.any() and q.any())
    assert 0 <= metrics.sim(p, q) <= 1
    assert metrics.sim(p, q) == pytest.approx(metrics.sim(q, p), abs=1e-12)
    assert metrics.sim(q, q) == pytest.approx(1, abs=1e-12)
    stretched = metrics.sim(p, q, minmax=True)
    assert 0 <= stretched <= 1 or (math.isnan(stretched) and min(np.ptp(p), np.ptp(q)) == 0)


@given(pairs(), st.floats(0.1, 10), st.floats(-10, 10))
def test_cc_is_pearsons_and_blind_to_scale_and_offset(maps, scale, offset):
    p, q = maps
    assert -1 <= metrics.cc(p, q) <= 1
    assume(min(p.std() / p.max(), q.std() / q.max()) > 1e-3)                      # flatter maps: rounding decides
    assert metrics.cc(p, q) == pytest.approx(pearsonr(p.ravel(), q.ravel()).statistic, abs=1e-9)
    assert metrics.cc(scale * p + offset, q) == pytest.approx(metrics.cc(p, q), abs=1e-8)
    assert metrics.cc(q, q) == pytest.approx(1, abs=1e-12)


@given(ranked_maps(), st.floats(0.1, 10), st.floats(-10, 10))
def test_nss_is_blind_to_scale_and_offset_and_zero_over_all_pixels(world, scale, offset):
    values, x, y = world
    assert metrics.nss(scale * values + offset, x, y) == pytest.approx(metrics.nss(values, x, y), abs=1e-9)
    rows, columns = np.indices(values.shape).reshape(2, -1)
    assert metrics.nss(values, columns, rows) == pytest.approx(0, abs=1e-9)
    n = values.size
    assert metrics.nss(values, x, y,
                       ddof=1) == pytest.approx(metrics.nss(values, x, y) * math.sqrt(1 - 1 / n), abs=1e-9)
    assert metrics.nss(values, [*x, *x], [*y, *y], repeats=False) == metrics.nss(values, x, y, repeats=False)


@given(pairs(), st.data())
def test_information_gain_is_a_difference_of_likelihoods(maps, data):
    log_p, log_q = (np.log(m / m.sum()) for m in maps)
    x, y = data.draw(places(log_p.shape))
    difference = metrics.log_likelihood(log_p, x, y) - metrics.log_likelihood(log_q, x, y)
    assert metrics.information_gain(log_p, x, y, log_q) == pytest.approx(difference, abs=1e-9)
    assert metrics.information_gain(log_p, x, y, log_p) == 0
    rows, columns = np.indices(log_p.shape).reshape(2, -1)
    assert metrics.log_likelihood(log_p, columns, rows) <= 1e-9  # over all pixels nothing beats the uniform density


@given(st.integers(0, 2**32 - 1), st.floats(6, 20), st.floats(1, 4))
@settings(max_examples=40)
def test_sauc_of_a_center_bias_is_one_half_where_fixations_follow_it(seed, sigma, power):
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:48, :64]
    bias = np.exp(-((columns - 31.5)**2 + (rows - 23.5)**2) / (2 * sigma**2))
    here, elsewhere = (rng.choice(bias.size, 2000, p=bias.ravel() / bias.sum()) for _ in range(2))
    deviation = math.sqrt(4001 / (12 * 2000 * 2000))  # of a Mann-Whitney statistic by chance, 0.009
    score = metrics.sauc(bias**power, here % 64, here // 64, elsewhere % 64, elsewhere // 64)
    assert abs(score - 0.5) < 5 * deviation
    assert metrics.auc(bias**power, here % 64, here // 64) > 0.6                  # which plain AUC takes for insight


@given(ranked_maps(), st.data())
def test_stepped_aucs_stay_between_0_and_1_and_are_exact_where_the_steps_see_all(world, data):
    values, x, y = world
    other = data.draw(places(values.shape))
    assert 0 <= mit.auc_borji(values, x, y, splits=3) <= 1
    assert 0 <= mit.auc_shuffled(values, x, y, *other, splits=3) <= 1
    values %= 5
    values.flat[0], values.flat[-1] = 0, 4                                        # five levels and steps of a quarter
    exact: dict[str, Any] = {"splits": None, "step": 0.25, "repeats": True}
    assert mit.auc_borji(values, x, y, **exact) == pytest.approx(metrics.auc(values, x, y), abs=1e-12)
    assert mit.auc_shuffled(values, x, y, *other,
                            **exact) == pytest.approx(metrics.sauc(values, x, y, *other), abs=1e-12)


@given(pairs(), st.data())
@settings(max_examples=60)
def test_emd_is_a_distance(maps, data):
    pytest.importorskip("ot", reason="EMD needs POT, which is not installed")
    p, q = maps
    other = data.draw(arrays.arrays(float, p.shape, elements=WEIGHTS))
    there = mit.emd(p, q, 1)
    assert there == pytest.approx(mit.emd(q, p, 1), abs=1e-9)
    assert mit.emd(p, 3 * p, 1) == pytest.approx(0, abs=1e-9)
    assert there <= mit.emd(p, other, 1) + mit.emd(other, q, 1) + 1e-9
    place = np.indices(p.shape).reshape(2, -1)
    centres = [place @ m.ravel() / m.sum() for m in (p, q)]
    assert np.linalg.norm(centres[0] - centres[1]) - 1e-9 <= there <= math.hypot(*p.shape)


@given(pairs(), st.data())
def test_the_information_gain_of_2014_cannot_tell_a_map_from_its_stretch(maps, data):
    p, q = maps
    x, y = data.draw(places(p.shape))
    gain = mit.information_gain_mit(p, x, y, q)
    if np.ptp(p) == 0 or np.ptp(q) == 0:
        assert math.isnan(gain)
        return
    assert abs(gain) <= 52 and gain == pytest.approx(-mit.information_gain_mit(q, x, y, p), abs=1e-9)
    assert mit.information_gain_mit(metrics.minmax_scale(p), x, y, q) == pytest.approx(gain, abs=1e-9)
