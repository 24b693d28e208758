"""The whole path on real fixations: 50 images of OSIE, 15 observers."""
import re

import numpy as np
import pandas as pd
from conftest import command
from scipy.ndimage import gaussian_filter

CONFIG = """
experiment: osie50
datasets:
  - {{name: csv_indexed, as: osie50, index_csv: "{root}/fixations.csv", index_base: 1, sigma_px: 24}}
models: [uniform, center_bias, blur_baseline, spectral_residual]
heatmaps_png: {{enabled: true, overlay: true}}
"""
METRICS = ["AUC", "sAUC", "NSS", "IG", "LL", "CC", "KL", "SIM", "AUC_Judd"]


def test_baselines(scratch, osie50):
    (scratch / "osie50.yaml").write_text(CONFIG.format(root=osie50.as_posix()), encoding="utf-8")
    first = command("run", "--config", "osie50.yaml")
    assert "computed 200 predictions and 200 metric rows" in first.stdout

    means = {}
    for model in ["uniform", "center_bias", "blur_baseline", "spectral_residual"]:
        table = pd.read_csv(f"outputs/osie50/osie50__{model}.csv", dtype={"image_id": str})
        assert list(table.columns) == ["dataset", "model", "image_id", *METRICS, "error"] and len(table) == 50
        assert table.error.isna().all()
        assert table[["CC", "KL", "SIM"]].notna().all(axis=None)
        # the two densities
        assert table.LL.notna().all() == table.IG.notna().all() == (model in ("uniform", "center_bias"))
        means[model] = table[METRICS].mean()
    uniform = pd.read_csv("outputs/osie50/osie50__uniform.csv")
    assert (uniform.AUC == 0.5).all()
    assert np.allclose(uniform.LL, 0, atol=1e-6)       # float32 of -log(800·600)
    assert 0.45 < means["center_bias"].sAUC < 0.55
    # OSIE's published orientation for a fitted center bias: AUC .73, NSS .83, CC .30, SIM .38, LL .53 bit
    for metric, expected, near in [("AUC", 0.7315, 0.03), ("NSS", 0.833, 0.15), ("CC", 0.304, 0.06),
                                   ("SIM", 0.376, 0.06), ("LL", 0.525, 0.25)]:
        assert abs(means["center_bias"][metric] - expected) < near, metric
    assert means["spectral_residual"].sAUC > 0.55 > means["center_bias"].sAUC             # it looks at the picture

    summary = pd.read_csv("outputs/osie50/ALL_SUMMARY.csv")
    assert len(summary) == 4 * len(METRICS) and summary.definition.notna().all()
    assert len(list(scratch.glob("outputs/osie50/heatmaps/osie50/*/*.png"))) == 400

    again = command("run", "--config", "osie50.yaml")
    assert "computed 0 predictions and 0 metric rows" in again.stdout
    assert float(re.search(r"in ([\d.]+) s", again.stdout)[1]) < 30  # seen: under 1 s; speed is not tested here


def test_limit_keeps_the_others(scratch, osie50):
    "sAUC's other images are all of the dataset, not those that `limit_images` leaves."
    (scratch / "osie50.yaml").write_text(CONFIG.format(root=osie50.as_posix()), encoding="utf-8")
    one = ["run", "--config", "osie50.yaml", "--set", "models=[spectral_residual]", "--set",
           "heatmaps_png.enabled=false", "--set", "metrics=[sAUC]"]
    command(*one, "--set", "output_dir=all")
    command(*one, "--set", "output_dir=five", "--set", "limit_images=5")
    everything, five = (pd.read_csv(f"{folder}/osie50__spectral_residual.csv") for folder in ("all", "five"))
    assert len(five) == 5 and (five.sAUC == everything.sAUC[:5]).all()


def test_ceilings_and_a_leak(scratch, osie50):
    "Uniform < center bias < single observer < gold standard, and a model that has the ground truth is told above gold."
    source = (f'{{name: csv_indexed, as: osie50, index_csv: "{osie50.as_posix()}/fixations.csv", index_base: 1, '
              f'sigma_px: 24}}')
    points = pd.read_csv(osie50 / "fixations.csv", dtype={"image_id": str})
    (scratch / "leak").mkdir()
    for image_id in points.image_id.unique()[:15]:
        seen = points[points.image_id == image_id]
        counts = np.zeros((600, 800))
        inside = seen.x.between(1, 800, inclusive="left") & seen.y.between(1, 600, inclusive="left")
        np.add.at(counts, (seen.y[inside].astype(int) - 1, seen.x[inside].astype(int) - 1), 1)
        np.save(scratch / "leak" / f"{image_id}.npy", gaussian_filter(counts, 12, mode="constant"))
    (scratch / "ceilings.yaml").write_text(f"""
datasets: [{source}]
models: [uniform, center_bias_crossval, spectral_residual, single_observer, gold_standard, gold_standard_upper,
         {{name: precomputed, as: leak, path: leak, kind: map}}]
preset: tuebingen
limit_images: 15
""", encoding="utf-8")
    command("run", "--config", "ceilings.yaml")
    means = pd.read_csv("outputs/ceilings/ALL_SUMMARY.csv").pivot(index="model", columns="metric", values="mean")
    ladder = means.loc[["uniform", "center_bias_crossval", "single_observer", "gold_standard", "gold_standard_upper"]]
    assert (ladder.AUC.is_monotonic_increasing and ladder.IG.is_monotonic_increasing
            and ladder.LL.is_monotonic_increasing)
    # the orientation figures for OSIE: gold standard AUC .929 and 2.06 bit over the center bias, NSS 3.53; single
    # observer AUC .853; here
    # 15 images and fitted bandwidths
    assert abs(means.AUC["gold_standard"] - 0.929) < 0.02 and abs(means.IG["gold_standard"] - 2.06) < 0.5
    assert abs(means.AUC["single_observer"] - 0.853) < 0.04 and 0.4 < means.sAUC["center_bias_crossval"] < 0.55
    told = command("report", "outputs/ceilings").stdout
    assert "leak is above the gold standard" in " ".join(told.split()) and "spectral_residual is above" not in told
    assert "computed 0 predictions and 0 metric rows" in command("run", "--config", "ceilings.yaml").stdout
