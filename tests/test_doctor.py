"""The doctor finds each fault that is planted in a copy of real data, and says nothing of sound ones.

The data are fifty photographs of OSIE with the fixations of fifteen people, at half their size; see
`../shared/data/osie50`. The tests are skipped where they are not there.
"""
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from saliency_playground import create, maps
from saliency_playground.checkup.doctor import doctor

OSIE = Path(__file__).resolve().parents[2] / "shared" / "data" / "osie50"
WIDTH, HEIGHT = 400, 300
pytestmark = pytest.mark.skipif(not OSIE.is_dir(), reason="the real data are not here")


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    "A folder with the images at half size and the table of fixations; nothing is wrong with it."
    folder = tmp_path_factory.mktemp("sound")
    (folder / "images").mkdir()
    for path in sorted((OSIE / "images").iterdir()):
        Image.open(path).resize((WIDTH, HEIGHT)).save(folder / "images" / f"{path.stem}.png")
    table = pd.read_csv(OSIE / "fixations.csv")
    table[["x", "y"]] = (table[["x", "y"]] / 2).round(2)
    table["image_id"] = table.image_id.astype(str).str.removesuffix(".jpg")
    table.to_csv(folder / "fixations.csv", index=False)
    return folder


def checked(folder, **options):
    "The kinds of all findings that somebody should look at."
    dataset = create("dataset", "csv_indexed", index_csv=folder / "fixations.csv", **options)
    return {finding.kind: finding for finding in doctor(dataset, quiet=True).findings if finding.severity != "note"}


def of_observer(table, change):
    "Change the rows of one observer."
    who = table.observer == table.observer.unique()[3]
    table.loc[who, ["x", "y"]] = change(table.loc[who, ["x", "y"]]).to_numpy()
    return table


def plant(table, x=lambda x, y: x, y=lambda x, y: y):
    "Change all coordinates."
    return table.assign(x=x(table.x, table.y).round(4), y=y(table.x, table.y).round(4))


def some(table, every):
    "Every so manyth row."
    return np.arange(len(table)) % every == 3


def with_zeros(table):
    table.loc[some(table, 7), ["x", "y"]] = 0
    return table


def with_crosses(table):
    first = ~table.duplicated(["image_id", "observer"])
    table.loc[first, "x"], table.loc[first, "y"] = WIDTH / 2, HEIGHT / 2
    return table


def shifted(table):
    ids = list(table.image_id.unique())
    return table.assign(image_id=table.image_id.map(dict(zip(ids, ids[1:] + ids[:1], strict=True))))


def strays(xy):
    rng = np.random.default_rng(0)
    return pd.DataFrame({"x": rng.uniform(0, WIDTH, len(xy)), "y": rng.uniform(0, HEIGHT, len(xy))})


def samples(table):
    return table.loc[table.index.repeat(12)]


def twin(table):
    return pd.concat([table, table[table.observer == table.observer.unique()[0]].assign(observer="twin")])


def copied(table):
    ids = table.image_id.unique()
    return pd.concat([table[table.image_id != ids[1]], table[table.image_id == ids[0]].assign(image_id=ids[1])])


def in_two_cases(table):
    return table.assign(observer=[f"{'sS'[i % 2]}{label}" for i, label in enumerate(table.observer)])


TABLES = {                                   # fault -> (the table with it, words of which one must be in a finding)
    "y counts from the bottom": (lambda t: plant(t, y=lambda x, y: HEIGHT - 1 - y), "content upside"),
    "x counts from the right": (lambda t: plant(t, x=lambda x, y: WIDTH - 1 - x), "mirrored"),
    "x and y exchanged": (lambda t: plant(t, lambda x, y: y, lambda x, y: x), "swap"),
    "shares": (lambda t: plant(t, lambda x, y: x / WIDTH, lambda x, y: y / HEIGHT), "share"),
    "percent": (lambda t: plant(t, lambda x, y: 100 * x / WIDTH, lambda x, y: 100 * y / HEIGHT), "percent"),
    "from the centre": (lambda t: plant(t, lambda x, y: x - WIDTH / 2, lambda x, y: y - HEIGHT / 2), "middle centre"),
    "PsychoPy's norm": (lambda t: plant(t, lambda x, y: 2 * x / WIDTH - 1, lambda x, y: 1 - 2 * y / HEIGHT), "norm"),
    "on the screen": (lambda t: plant(t, lambda x, y: x + 440, lambda x, y: y + 362), "screen"),
    "at twice the scale": (lambda t: plant(t, lambda x, y: 2 * x, lambda x, y: 2 * y), "twice"),
    "lost as 0, 0": (with_zeros, "lost"),
    "rows twice": (lambda t: pd.concat([t, t.iloc[: len(t) // 3]]), "twice"),
    "samples": (samples, "sample"),
    "images shifted by one": (shifted, "content"),
    "durations in seconds": (lambda t: t.assign(duration=t.duration / 1000), "durations-seconds"),
    "labels in two cases": (in_two_cases, "case capital"),
    "labels missing": (lambda t: t.assign(observer=t.observer.where(t.observer.isin(t.observer.unique()[3:]), "")),
                       "label"),
    "one observer in shares": (lambda t: of_observer(t, lambda xy: xy / [WIDTH, HEIGHT]), "share"),
    "one observer upside down": (lambda t: of_observer(t, lambda xy: xy * [1, -1] + [0, HEIGHT - 1]), "observer"),
    "one observer looks anywhere": (lambda t: of_observer(t, strays), "odd-observer"),
    "one observer twice": (twin, "copied-observers"),
    "fixations of another image": (copied, "copied-fixations"),
    "the fixation cross": (with_crosses, "first-fixations"),
    "rows lost of an image": (lambda t: t[(t.image_id != t.image_id[0]) | (np.arange(len(t)) < 4)], "few-fixations"),
}


@pytest.mark.parametrize("fault", TABLES)
def test_a_fault_of_the_table_is_found(fault, sound, tmp_path):
    change, words = TABLES[fault]
    table = pd.read_csv(sound / "fixations.csv", dtype={"image_id": str})
    change(table).to_csv(tmp_path / "fixations.csv", index=False)
    found = checked(tmp_path, images_dir=sound / "images")
    said = "\n".join(f"{kind}: {finding}" for kind, finding in found.items())
    assert any(word in said for word in words.split()), said


def duplicate(images):
    shutil.copy(images[0], images[1])


def nearly_duplicate(images):
    Image.open(images[0]).transpose(Image.Transpose.FLIP_LEFT_RIGHT).crop((4, 3, WIDTH - 4, HEIGHT - 3)).resize(
        (WIDTH, HEIGHT)).convert("L").convert("RGB").save(images[1])


def letterbox(images):
    for path in images:
        sheet = Image.new("RGB", (WIDTH, HEIGHT), (126, 126, 126))
        sheet.paste(Image.open(path).resize((WIDTH, HEIGHT - 80)), (0, 40))
        sheet.save(path)


def thumbnails(images):
    Image.open(images[0]).resize((24, 18)).save(images[0])


IMAGES = {"a torn file": (lambda images: images[2].write_bytes(images[2].read_bytes()[:5000]), "unreadable"),
          "an image twice": (duplicate, "duplicates"), "nearly twice": (nearly_duplicate, "near-duplicates"),
          "a letterbox": (letterbox, "bars"), "a thumbnail": (thumbnails, "tiny"),
          "a plain image": (lambda images: Image.new("RGB", (WIDTH, HEIGHT), "gray").save(images[0]), "plain")}


@pytest.mark.parametrize("fault", IMAGES)
def test_a_fault_of_the_images_is_found(fault, sound, tmp_path):
    change, kind = IMAGES[fault]
    shutil.copytree(sound / "images", tmp_path / "images")
    change(sorted((tmp_path / "images").iterdir()))
    shutil.copy(sound / "fixations.csv", tmp_path)
    assert kind in checked(tmp_path)


def write_maps(sound, folder, sigma, change):
    "The dataset as folders, with the maps of a blur, changed."
    dataset = create("dataset", "csv_indexed", index_csv=sound / "fixations.csv")
    (folder / "gt_maps").mkdir(parents=True)
    (folder / "fixations").mkdir()
    shutil.copytree(sound / "images", folder / "images")
    truths = [maps.density(*(lambda f: (f.x, f.y))(dataset[i].fixations), (HEIGHT, WIDTH), sigma(i)) for i in range(50)]
    for i, truth in enumerate(change(truths)):
        values = np.round(255 * truth / truth.max()).astype(np.uint8)
        Image.fromarray(values).save(folder / "gt_maps" / f"{dataset.ids[i]}.png")
        points = dataset[i].fixations
        pd.DataFrame({"x": points.x, "y": points.y, "observer": points.observer}).to_csv(
            folder / "fixations" / f"{dataset.ids[i]}.csv", index=False)
    return {finding.kind for finding in doctor(create("dataset", "folder", root=folder), quiet=True).findings
            if finding.severity != "note"}


MAPS = {"sound maps": (lambda i: 12, lambda truths: truths, None),
        "upside down": (lambda i: 12, lambda truths: [truth[::-1] for truth in truths], "maps-turned"),
        "of other images": (lambda i: 12, lambda truths: [*truths[:40], *truths[41:], truths[40]], "maps-exchanged"),
        "of two blurs": (lambda i: 6 if i % 2 else 24, lambda truths: truths, "map-blur-varies")}


@pytest.mark.parametrize("fault", MAPS)
def test_a_fault_of_the_maps_is_found(fault, sound, tmp_path):
    sigma, change, kind = MAPS[fault]
    found = write_maps(sound, tmp_path, sigma, change)
    assert found == set() if kind is None else kind in found


def test_nothing_is_said_of_sound_data(sound):
    assert checked(sound) == {} and checked(sound, px_per_dva=12) == {}


def test_nothing_is_said_of_real_data_at_full_size():
    dataset = create("dataset", "csv_indexed", index_csv=OSIE / "fixations.csv", images_dir=OSIE / "images")
    assert doctor(dataset, quiet=True).severity in ("", "note")


def test_few_false_alarms(sound):
    "Random subsets of sound data, from six images by two people on; `benchmarks/false_alarms.py` draws many more."
    rng, table = np.random.default_rng(0), pd.read_csv(sound / "fixations.csv", dtype={"image_id": str})
    alarms = []
    for _ in range(8):
        ids, observers = (rng.choice(table[name].unique(), int(rng.integers(least, most)), replace=False)
                          for name, least, most in (("image_id", 6, 30), ("observer", 2, 15)))
        part = sound / "part.csv"
        table[table.image_id.isin(ids) & table.observer.isin(observers)].to_csv(part, index=False)
        dataset = create("dataset", "csv_indexed", index_csv=part)
        alarms += [str(finding) for finding in doctor(dataset, quiet=True).findings if finding.severity != "note"]
    assert alarms == []
