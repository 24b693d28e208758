"""Every measure of `scanpaths` against values of other implementations, on made-up pairs and on 50 real images.

The values were made with the public code of the field; where that computes something else than the definition, the
difference is named here, with the pairs on which it shows.
"""
import json
import math

import numpy as np
import pandas as pd
import pytest
from conftest import OSIE50, ROOT

from saliency_playground import scanpaths
from saliency_playground.models.wta_ior import peaks_with_inhibition
from saliency_playground.scanpaths import distances, strings
from saliency_playground.scanpaths.alignments import as_path

FIXTURE = ROOT.parent / "shared" / "reference" / "scanpath_fixture.json"
if not FIXTURE.exists():
    pytest.skip(f"needs {FIXTURE}, which does not ship with the project",
                allow_module_level=True)
KNOWN = json.loads(FIXTURE.read_text(encoding="utf-8"))
SIZE = tuple(KNOWN["parameters"]["size_height_width"])
PAIRS = KNOWN["pairs"]
SECONDS = scanpaths.Simplification(angle=45, amplitude=100, duration=300)


def numbers(value) -> np.ndarray:
    "A value of the fixture as floats: null and false are not defined."
    if isinstance(value, dict):
        value = list(value.values())
    values = np.atleast_1d(np.array(value, dtype=object))
    return np.array([math.nan if one is None or one is False else float(one) for one in values])


def agree(ours, reference, relative=1e-9) -> bool:
    return np.allclose(np.atleast_1d(np.asarray(ours, float)), numbers(reference), rtol=relative, atol=1e-9,
                       equal_nan=True)


def tuned(a, b, norm):
    return [scanpaths.time_delay(b, a, k, norm) for k in (1, 2, 3)]


def matches(a, b, **options):
    "ScanMatch with the constants of the fixture, by its names."
    return [scanpaths.scanmatch(a, b, SIZE, **constants, **options) for constants in (
        {}, {"bin_ms": 50}, {"grid": (12, 8)}, {"grid": (12, 8), "bin_ms": 100}, {"worth": (3.5, -0.5)})]


# name in the fixture -> ours; a is the human path and b the model's
OURS = {
    "multimatch_gaze": lambda a, b: scanpaths.multimatch(a, b, SIZE),
    "multimatch_gaze_swapped": lambda a, b: scanpaths.multimatch(b, a, SIZE),
    "multimatch_gaze_grouping_TDir45_TDur0p3_TAmp100": lambda a, b: scanpaths.multimatch(a, b, SIZE, SECONDS),
    "multimatch_own": lambda a, b: scanpaths.multimatch(a, b, SIZE),
    "scanmatch_gazeparser": matches,
    "scanmatch_own": matches,
    "sed_vame": lambda a, b: [scanpaths.string_edit(a, b, SIZE, n) for n in (4, 5, 10)],
    "sed_fixatons_n4_transpositions": lambda a, b: scanpaths.string_edit(a, b, SIZE, 4),
    "sed_own_clipped": lambda a, b: [scanpaths.string_edit(a, b, SIZE, n) for n in (4, 5, 10)],
    "sed_own_clipped_n4_osa": lambda a, b: scanpaths.string_edit(a, b, SIZE, 4),
    "tde_fixatons_mean": lambda a, b: tuned(a, b, 2),
    "tde_fixatons_hausdorff_k3": lambda a, b: scanpaths.time_delay(b, a, 3, worst=True),
    "tde_vame_mean": lambda a, b: tuned(a, b, 1),
    "tde_own_l2": lambda a, b: tuned(a, b, 2),
    "stde_fixatons": lambda a, b: scanpaths.scaled_time_delay(b, a, SIZE),
    "stde_fixatons_swapped": lambda a, b: scanpaths.scaled_time_delay(a, b, SIZE),
    "stde_vame": lambda a, b: scanpaths.scaled_time_delay(b, a, SIZE, norm=1),
    "stde_own_l2": lambda a, b: scanpaths.scaled_time_delay(b, a, SIZE),
    "stde_own_l1": lambda a, b: scanpaths.scaled_time_delay(b, a, SIZE, norm=1),
    "dtw_own": scanpaths.dtw,
    "dtw_fastdtw_radius1": scanpaths.dtw,
    "hausdorff_scipy": scanpaths.hausdorff,
    "hausdorff_eyefeatures": scanpaths.hausdorff,
    "frechet_discrete_ramin": scanpaths.frechet,
    "frechet_discrete_own": scanpaths.frechet,
    "frechet_eyefeatures_squared": lambda a, b: scanpaths.frechet(a, b) ** 2,
    "mannan_d_own": lambda a, b: scanpaths.mannan(a, b, SIZE),
    "mannan_d2_eyefeatures": lambda a, b: scanpaths.mannan(a, b, SIZE) ** 2,
    "eyeanalysis_own": scanpaths.eyeanalysis,
    "eyeanalysis_eyefeatures_squared": lambda a, b: nearest_squares(a, b),
    "rqa_cross_own_r60_L2": lambda a, b: scanpaths.recurrence(a, b, SIZE, 60 / math.hypot(*SIZE)),
    "rqa_cross_fixatons_r60_L2_REC_DET_LAM_CORM": lambda a, b: scanpaths.recurrence(a, b, SIZE),
}
ROUNDED = {"frechet_discrete_ramin": 2e-6, "hausdorff_scipy": 2e-6}             # that code casts to float32


def nearest_squares(a, b) -> float:
    "EyeAnalysis with squared distances, as eyefeatures has it; ours are not squared."
    squares = distances.distances(as_path(a), as_path(b)) ** 2
    return (squares.min(axis=1).sum() + squares.min(axis=0).sum()) / max(squares.shape)


# Where a public port is not the definition: name -> the pairs on which it shows, and why.
DEVIATIONS = {
    "scanmatch_gazeparser": (set(PAIRS) - {"three_repeated"}, "with a gap below 0 the port takes the largest number of "
                             "its table, and its row of gaps starts one gap too late; without gaps it is equal"),
    "hausdorff_scipy": ({"cell_edges"}, "coordinates are cast to float32, where the paths are a thousandth apart"),
    "frechet_discrete_ramin": ({"cell_edges"}, "coordinates are cast to float32, as before"),
    "sed_vame": ({"off_grid"}, "letters outside the image alias with others"),
    "sed_fixatons_n4_transpositions": ({"three_repeated", "off_grid"}, "unrestricted transpositions; aliases"),
    "rqa_cross_fixatons_r60_L2_REC_DET_LAM_CORM": (
        {"real_1030_0_1", "real_other", "identical", "reversed", "shifted", "one_one", "off_grid", "cell_edges",
         "simplify"},
        "all dots of a line count, broken or not"),
}


@pytest.mark.parametrize("name", OURS)
def test_pairs(name):
    "Each measure on 15 pairs, within the tolerance of the fixture; a port deviates exactly where it is known to."
    differ = set()
    for pair, known in PAIRS.items():
        ours, reference = OURS[name](known["a"], known["b"]), known["scores"][name]
        if name.startswith("rqa_cross_own"):
            assert agree(ours[0] * reference["n"]**2 / 100, reference["C"])
            reference = [reference[column] for column in ("REC", "DET", "LAM", "CORM")]
        if not agree(ours, reference, ROUNDED.get(name, 1e-9)):
            differ.add(pair)
    assert differ == DEVIATIONS.get(name, (set(),))[0]


def test_the_port_of_scanmatch_is_equal_without_gaps():
    for known in PAIRS.values():
        assert agree(matches(known["a"], known["b"])[:4], numbers(known["scores"]["scanmatch_gazeparser"])[:4])
    assert PAIRS["identical"]["scores"]["scanmatch_gazeparser"]["16x12_gap"] < 0.99


def test_recurrence_of_a_path_with_itself():
    for known in PAIRS.values():
        for side, reference in zip("ab", known["scores"]["rqa_auto_own_r60_L2"], strict=True):
            assert agree(scanpaths.self_recurrence(known[side], SIZE),
                         [reference[column] for column in ("REC", "DET", "LAM", "CORM")])


def test_paths_padded_with_corners_are_not_ours():
    "What the scripts of the field make of paths that are too short for MultiMatch; ours are NaN."
    seen = 0
    for known in PAIRS.values():
        if (reference := known["scores"].get("multimatch_gaze_padded_1_1_1")) is None:
            continue
        padded = [(known[side] + [[1, 1, 1]] * 2)[:max(3, len(known[side]))] for side in "ab"]
        assert agree(scanpaths.multimatch(*padded, SIZE), reference)
        assert np.isnan(scanpaths.multimatch(known["a"], known["b"], SIZE)).all()
        seen += 1
    assert seen == 4


def test_strings_of_a_grid():
    for name, known in PAIRS.items():
        words = ["".join(chr(ord("a") + row * 5 + column)
                         for column, row in strings.grid_cells(known[side], SIZE, (5, 5))) for side in "ab"]
        assert (words == known["scores"]["sed_strings_n5"]) == (name != "off_grid")


# ---- on real images ----

@pytest.fixture(scope="module")
def osie():
    "image id -> the paths of its 15 observers, 0-based pixels and ms."
    if not OSIE50.is_dir():
        pytest.skip(f"needs the 50 OSIE images in {OSIE50}, which do not ship with the project")
    table = pd.read_csv(OSIE50 / "fixations.csv", dtype={"image_id": str})
    table[["x", "y"]] -= 1
    return {image: [path[["x", "y", "duration"]].to_numpy(float) for _, path in rows.groupby("observer")]
            for image, rows in table.groupby("image_id")}


COLUMNS = {"scanmatch_16x12": "scanmatch", "scanmatch_16x12_50ms": "scanmatch_time", "sed_n5": "string_edit",
           "dtw_px": "dtw", "eyeanalysis_px": "eyeanalysis", "mannan_d": "mannan",
           "stde_fixatons": "scaled_time_delay", "stde_l2": "scaled_time_delay"}
MEASURES = ("multimatch", "scanmatch", "scanmatch_time", "string_edit", "scaled_time_delay", "dtw", "eyeanalysis",
            "mannan")


def column_of(found, name):
    "The table of a column of the fixture."
    return found[COLUMNS.get(name, name)]


@pytest.mark.parametrize("image", KNOWN["ceilings"])
def test_people_and_chance(osie, image):
    "Means over ordered pairs, best of the others and another image, as the field computes them."
    known = KNOWN["ceilings"][image]
    people, others = osie[image], osie[str(known["chance_image"])]
    own = scanpaths.compare_pairs(people, people, SIZE, MEASURES)
    chance = scanpaths.compare_pairs(others, people, SIZE, MEASURES)
    for k, name in enumerate(known["columns"]):
        up = name.startswith(("mm", "scan", "stde"))
        pairs, across = scanpaths.without_self(column_of(own, name)), column_of(chance, name)
        got = {"mean_of_ordered_pairs": scanpaths.pair_mean(pairs),
               "mean_of_unordered_pairs": scanpaths.pair_mean(pairs[np.tril_indices(len(pairs), -1)]),
               "best_human_per_prediction_then_mean": scanpaths.best_of(pairs, up, 14),
               "chance_mean_of_pairs": scanpaths.pair_mean(across),
               "chance_best_human_then_mean": scanpaths.best_of(across, up, 15),
               "largest_asymmetry": np.nanmax(np.abs(pairs - pairs.T))}
        for row, value in got.items():
            assert agree(value, known[row][k]), (name, row, value, known[row][k])


def test_fifty_images(osie):
    "The table of chance, people, one good path and best, means of 50 images, that notebook `compare` prints."
    known = KNOWN["osie50_all"]
    images = sorted(osie)
    rows = {row: [] for row in ("chance", "mean", "medoid", "best")}
    for image, following in zip(images, images[1:] + images[:1], strict=True):
        own = scanpaths.compare_pairs(osie[image], osie[image], SIZE, MEASURES)
        chance = scanpaths.compare_pairs(osie[following], osie[image], SIZE, MEASURES)
        values = {row: [] for row in rows}
        for name in known["columns"]:
            up = name.startswith(("mm", "scan", "stde"))
            pairs = scanpaths.without_self(column_of(own, name))
            means = np.nanmean(pairs, axis=1)
            values["mean"].append(scanpaths.pair_mean(pairs))
            values["medoid"].append(means.max() if up else means.min())
            values["best"].append(scanpaths.best_of(pairs, up, 14))
            values["chance"].append(scanpaths.pair_mean(column_of(chance, name)))
        for row in rows:
            rows[row].append(values[row])
    for row in ("mean", "medoid", "best"):
        assert agree(np.mean(rows[row], axis=0), known[row]), row
    assert np.allclose(np.mean(rows["chance"], axis=0), known["chance"], rtol=0.01)  # there a third of the pairs


@pytest.mark.parametrize("image", KNOWN["sequence_score"])
def test_sequence_scores(osie, image):
    "Clusters, letters and the scores on them."
    known, people = KNOWN["sequence_score"][image], osie[image]
    clusters = scanpaths.fixation_clusters(people)
    assert agree(clusters.bandwidth, known["bandwidth"])
    points, tries = np.concatenate(people)[:, :2], known["estimate_bandwidth"] * np.array(strings.FACTORS)
    assert agree([strings._crossings(people, strings.Clusters(strings.mean_shift(points, width), width))
                  for width in tries], known["rates"])
    assert agree(tries[np.argmax(known["rates"])], known["bandwidth"])
    assert np.allclose(clusters.centres, known["centers"], atol=1e-6)                  # written with 6 digits
    assert [strings.cluster_letters(path, clusters).tolist() for path in people] == known["strings"]
    found = scanpaths.compare_pairs(people, people, SIZE, ["sequence_score", "sequence_score_time",
                                                           "fixation_edit_distance"])
    rows = {"ss": "sequence_score", "ss_time": "sequence_score_time", "fed": "fixation_edit_distance"}
    means = {"ss_mean_pairs": "ss", "ss_time_50ms_mean_pairs": "ss_time", "fed_mean_pairs": "fed"}
    for short, name in rows.items():
        assert agree(found[name][0], known[f"{short}_first_row"], 2e-6)
    for key, short in means.items():
        assert agree(scanpaths.pair_mean(scanpaths.without_self(found[rows[short]])), known[key], 2e-6)
    for short, up in (("ss", True), ("fed", False)):
        best = scanpaths.best_of(scanpaths.without_self(found[rows[short]]), up, 14)
        assert agree(best, known[f"{short}_best_of_others"], 2e-6)


@pytest.mark.parametrize("image", KNOWN["subsmatch_own"])
def test_subsmatch(osie, image):
    known, people = KNOWN["subsmatch_own"][image], osie[image]
    edges = scanpaths.quantile_edges(people, known["letters"])
    assert agree(edges, known["edges"])
    assert [np.searchsorted(edges, path[:, 0], side="right").tolist() for path in people[:3]] == known["strings"]
    for other in (1, 2):
        assert agree(scanpaths.subsmatch(people[0], people[other], edges, known["window"]), known[f"distance_0{other}"])


def test_winner_takes_all():
    "The highest pixel, then the highest outside a disc around it, and so on; of equal ones the first row by row."
    known = KNOWN["wta_ior"]
    found = peaks_with_inhibition(np.array(known["map"], float), len(known["path_xy"]), known["radius"])
    assert np.asarray(found)[:, :2].tolist() == known["path_xy"]


# ---- next fixations ----

def bell(x, y, sigma_x, sigma_y):
    "A Gaussian on pixel centres, divided by its sum over the image."
    rows, columns = np.mgrid[:SIZE[0], :SIZE[1]]
    values = np.exp(-(((columns - x) / sigma_x)**2 + ((rows - y) / sigma_y)**2) / 2)
    return values / values.sum()


@pytest.fixture(scope="module")
def next_fixations(osie):
    "Scores of every fixation of five images by the closed form, as rows: image, observer, order, six scores."
    height, width = SIZE
    middle, pixels = bell((width - 1) / 2, (height - 1) / 2, 0.22 * width, 0.22 * height), height * width
    base = 0.9 * middle + 0.1 / pixels
    rows = []
    for image, observers in KNOWN["next_fixation"]["per_fixation"].items():
        for observer in observers:
            path = osie[image][int(observer)]
            for order, (x, y) in enumerate(path[:, :2]):
                density = base
                if order:
                    density = 0.6 * bell(*path[order - 1, :2], 80, 80) + 0.3 * middle + 0.1 / pixels
                scores = scanpaths.at_fixation(np.log(density), x, y, np.log(base))
                plain = scanpaths.at_fixation(density, x, y, kind="map")
                assert abs(scores.AUC - plain.AUC) < 5 / pixels                   # a logarithm rounds: a few more ties
                assert scores.NSS == pytest.approx(plain.NSS, rel=1e-9)
                coarse = scanpaths.at_fixation(np.floor(20 * density / density.max()), x, y, kind="map")
                rows.append([image, observer, order, scores.LL * math.log(2) - math.log(pixels), scores.IG, plain.NSS,
                             plain.AUC, coarse.NSS, coarse.AUC])
    return pd.DataFrame(rows, columns=["image", "observer", "order", *KNOWN["next_fixation"]["columns"]])


def test_every_next_fixation(next_fixations):
    "LL, IG, NSS and AUC of 676 fixations, each by its own map; equal to pysaliency's, with ties too."
    names = KNOWN["next_fixation"]["columns"]
    reference = np.concatenate([np.array(rows) for observers in KNOWN["next_fixation"]["per_fixation"].values()
                                for rows in observers.values()])
    assert len(next_fixations) == len(reference) == 676
    for k, name in enumerate(names):
        assert agree(next_fixations[name], reference[:, k]), name


def test_means_of_next_fixations(next_fixations):
    "Over fixations, images and paths, with the first fixation and without."
    known = KNOWN["next_fixation"]["aggregates"]
    for which, part in (("all", next_fixations), ("without_first", next_fixations[next_fixations["order"] > 0])):
        groups = {"over_fixations": None, "over_images": part["image"],
                  "over_scanpaths": part["image"] + " " + part["observer"]}
        over_uniform = (part["LL_nats"] + math.log(SIZE[0] * SIZE[1])) / math.log(2)
        for name in (*KNOWN["next_fixation"]["columns"], "IG_over_uniform_bits"):
            values = over_uniform if name == "IG_over_uniform_bits" else part[name]
            assert len(values) == known[name][which]["n"]
            for over, labels in groups.items():
                assert agree(scanpaths.mean_over(values, labels), known[name][which][over]), (name, which, over)
        if which == "all":
            assert agree(scanpaths.mean_over(over_uniform), known["pysaliency_IG_over_uniform"])
            by_image = scanpaths.mean_over(part["LL_nats"], part["image"])
            assert agree(by_image, known["pysaliency_log_likelihood_average_image"])
        else:
            assert agree(scanpaths.mean_over(part["LL_nats"]), known["pysaliency_without_first_LL"])


def test_conditional_auc_is_half_of_one_plus_ours(next_fixations):
    "The area that some papers call AUC never falls below one half."
    known = KNOWN["next_fixation"]["hat_1030_0"]["rows"]
    ours = next_fixations[(next_fixations["image"] == "1030") & (next_fixations["observer"] == "0")]
    for row, reference in zip(ours.itertuples(), known, strict=True):
        pixels = SIZE[0] * SIZE[1]
        assert (1 + row.AUC) / 2 == pytest.approx(reference[0], abs=2 / pixels)
        assert row.NSS * math.sqrt(1 - 1 / pixels) == pytest.approx(reference[1], rel=1e-9)     # they divide by n - 1
        assert row.IG_over_base_bits == pytest.approx(reference[2], abs=1e-8)               # they add an epsilon
