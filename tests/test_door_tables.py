"""Tables as people really have them: each is read to the painted points, refused with what is wrong, or spoken of.

Four painted images, five invented observers, 120 fixations with one decimal; every case below is a distortion of that
table, made by formula.
"""
import csv
import gzip
import io
import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from PIL import Image

from saliency_playground.checkup.doctor import doctor
from saliency_playground.cli.init import init
from saliency_playground.datasets.checks import dataset_findings
from saliency_playground.datasets.csv_indexed import CsvIndexed
from saliency_playground.datasets.folder import Folder
from saliency_playground.errors import PlaygroundError

SIZES = {"p01": (160, 120), "p02": (108, 144), "p03": (192, 112), "p04": (160, 120)}                # width, height
HEAD = ["image_id", "observer", "x", "y", "t", "duration"]


def recording(seed=3):
    "Three things to look at on each image; everybody looks six times."
    rng, rows = np.random.default_rng(seed), []
    for name, (width, height) in SIZES.items():
        things = rng.uniform((0.15, 0.15), (0.85, 0.6), (3, 2)) * (width, height)
        for k in range(5):
            t = 0
            for _ in range(6):
                x, y = np.clip(things[rng.integers(3)] + rng.normal(0, 4, 2), 3, (width - 4, height - 4)).round(1)
                duration = int(rng.integers(120, 420))
                rows.append([name, f"s{k + 1}", float(x), float(y), t, duration])
                t += duration + 40
    return rows


ROWS = recording()


def text(rows=None, head=HEAD, separator=",", ends="\n", **how):
    "The table as text."
    file = io.StringIO()
    writer = csv.writer(file, delimiter=separator, lineterminator=ends, **how)
    writer.writerows([*([head] if head else []), *(ROWS if rows is None else rows)])
    return file.getvalue()


def each(change):
    "The rows, each changed by its number."
    return [change(list(row), i) for i, row in enumerate(ROWS)]


def comma(value):
    "A number with a decimal comma."
    return str(value).replace(".", ",") if isinstance(value, float) else value


def moved(change, only=None):
    "The rows with x, y = change(x, y, width, height), of all or of one observer."
    return [[*row[:2], *(np.round(change(row[2], row[3], *SIZES[row[0]]), 4).tolist() if only in (None, row[1])
                         else row[2:4]), *row[4:]] for row in ROWS]


def lay(folder: Path, content, file="fix.csv", names=None):
    "The images (called otherwise, if names says so) and the table."
    (folder / "images").mkdir()
    for name, (width, height) in SIZES.items():
        noise = np.random.default_rng(width + height + int(name[1:])).integers(90, 130, (height, width, 3), np.uint8)
        Image.fromarray(noise).save(folder / "images" / f"{(names or {}).get(name, name)}.png")
    (folder / file).write_bytes(content if isinstance(content, bytes) else content.encode())


def opened(folder, content, names=None, **options):
    "The points of each image as they are read, and all that is said."
    lay(folder, content, names=names)
    dataset = CsvIndexed(folder / "fix.csv", **options)
    said = [f"{finding.severity}: {finding}" for finding in dataset_findings(dataset)]
    back = {other: name for name, other in (names or {}).items()}
    points = {back.get(dataset.ids[i], Path(dataset.ids[i]).stem.lower()): dataset[i].fixations
              for i in range(len(dataset))}
    return points, said


def check_points(points, rows=None):
    "Each image has exactly the painted points."
    wanted = ROWS if rows is None else rows
    assert sorted(points) == sorted({row[0] for row in wanted})
    for name, found in points.items():
        right = sorted([row[2], row[3]] for row in wanted if row[0] == name)
        assert len(found) == len(right), name
        close = np.array(sorted(zip(found.x.round(1), found.y.round(1), strict=True)))          # painted to a tenth
        assert np.abs(close - right).max() < 1e-9, name


NUMBERED = {"image_id": 1, "observer": 2, "x": 3, "y": 4, "t": 5, "duration": 6}
NOTE = [*HEAD, "note"]
READ = {
    "UTF-16 LE without a mark": text(separator="\t").encode("utf-16-le"),
    "UTF-16 BE": b"\xfe\xff" + text(separator=";").encode("utf-16-be"), "UTF-32": text().encode("utf-32"),
    "line ends of an old Mac": text(ends="\r"), "CRLF and a mark": b"\xef\xbb\xbf" + text(ends="\r\n").encode(),
    "two marks": b"\xef\xbb\xbf" * 2 + text().encode(), "the end of a DOS file": text() + "\x1a",
    "bars": text(separator="|"),
    "all quoted": text(quoting=csv.QUOTE_ALL),
    "decimal commas in quotes": text(each(lambda row, i: list(map(comma, row))), quoting=csv.QUOTE_ALL),
    "decimal commas after tabs": text(each(lambda row, i: list(map(comma, row))), separator="\t"),
    "a separator ends all rows": text().replace("\n", ",\n"),
    "a separator ends rows, not the names": "\n".join([text().split("\n")[0], *(
        line + "," for line in text().split("\n")[1:-1])]),
    "empty rows of a spreadsheet": text(separator=";") + ";;;;;\n" * 9 + "\n",
    "a row number without a name": "\n".join(f"{i or ''},{line}" for i, line in enumerate(text().split("\n")[:-1])),
    "notes with commas and line ends": text(each(lambda row, i: [*row, 'a "b", then\nc; d']), NOTE),
    "comments above": "# lab 3; by ann\n# today\n" + text(), "percent signs above": "% lab 3\n\n" + text(separator=";"),
    "capitals and spaces in names": text(head=[f" {name.upper()} " for name in HEAD]),
    "powers of ten": text(each(lambda row, i: [*row[:2], f"{row[2]:.6e}", f"{row[3]:.6E}", *row[4:]])),
    "Windows paths": text(each(lambda row, i: [f"C:\\my stimuli\\{row[0]}.PNG", *row[1:]])),
    "addresses": text(each(lambda row, i: [f"https://example.org/a/{row[0]}.png", *row[1:]])),
    "capitals": text(each(lambda row, i: [row[0].upper(), *row[1:]])),
    "time backwards": text(list(reversed(ROWS))),
    "numbers as labels": text(each(lambda row, i: [row[0], row[1][1:], *row[2:]])),
}


@pytest.mark.parametrize("case", READ)
def test_read_without_a_word(case, tmp_path):
    points, said = opened(tmp_path, READ[case])
    check_points(points)
    assert said == []


@pytest.mark.parametrize("names,write", [
    ("{:03}", str), ("{:03}", "{}.0".format), ("{:012}", str), ("{}", "{:03}".format), ("{}", "{}.0".format)])
def test_names_whose_zeros_a_spreadsheet_took(names, write, tmp_path):
    rows = each(lambda row, i: [write(int(row[0][1:])), *row[1:]])
    check_points(opened(tmp_path, text(rows), {name: names.format(int(name[1:])) for name in SIZES})[0])


def test_names_of_numbers_that_two_files_fit(tmp_path):
    names = dict(zip(SIZES, ("01", "001", "a", "b"), strict=True))
    lay(tmp_path, text(each(lambda row, i: ["1", *row[1:]])), names=names)
    with pytest.raises(PlaygroundError, match="both fit"):
        CsvIndexed(tmp_path / "fix.csv")


@pytest.mark.parametrize("above", ["", "a,b,c,d,e,f\n"])
def test_columns_by_number(above, tmp_path):
    "With and without a line of names, the first row is there."
    check_points(opened(tmp_path, above + text(head=None), columns=NUMBERED)[0])


REFUSED = {
    "no names": (text(head=None), r"no names.*\{image_id: 1, x: 3, y: 4\}"),
    "a title above": ("My study\n\n" + text(), "line 3: the names of the columns stand here"),
    "a comment below": (text() + "# by ann\n", "line 122: .*comment"),
    "decimal commas between commas": ("\n".join(",".join(map(str, map(comma, row))) for row in [HEAD, *ROWS]),
                                      "line 2: 8 values.*decimal commas"),
    "R's row names": ("\n".join(f"{i},{line}" if i else line for i, line in enumerate(text().split("\n")[:-1])),
                      r"line 2: 7 values.*row\.names"),
    "a row that was cut": ("\n".join(line.rpartition(",")[0] if i == 17 else line
                                     for i, line in enumerate(text().split("\n"))), "line 18: 5 values in 6.*cut"),
    "names once more": (text(ROWS[:60]) + text(ROWS[60:]), "line 62: x is 'x'.*names of the columns"),
    "thousands in the times": (text(each(lambda row, i: [*row[:4], f"{row[4]:,}", row[5]])), r"thousands\?.*t is '1,"),
    "other names": (text(head=["Bild", "Versuchsperson", "x", "y", "Zeit", "Dauer"]),
                    "columns: {image_id: 'Bild', observer: 'Versuchsperson', t: 'Zeit', duration: 'Dauer'}"),
    "units in names": (text(head=["image_id", "observer", "x [px]", "y [px]", "t [ms]", "duration [ms]"]),
                       r"x: 'x \[px\]', y: 'y \[px\]'"),
    "one image under two names": (text(each(lambda row, i: [row[0] + ".png" * (i % 2), *row[1:]])), "both p01.png"),
    "names that became dates": (text(each(lambda row, i: [f"{int(row[0][1:]):02}.Jan", *row[1:]])), "dates"),
    "observers in the names": (text(each(lambda row, i: [f"{row[1]}_{row[0]}", *row[2:]]), ["image_id", *HEAD[2:]]),
                               "column `observer`"),
    "another ending": (text(each(lambda row, i: [row[0] + ".bmp", *row[1:]])), "endings differ"),
    "a packed file": (gzip.compress(text().encode()), "gzip archive.*unpack"),
    "a Feather file": (b"ARROW1\0\0" + b"\0" * 99, "Feather"), "a file of SPSS": (b"$FL2@(#) SPSS", "SPSS"),
    "a pickle": (b"\x80\x05\x95" + b"\0" * 40, "pickle"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_a_cure(case, tmp_path):
    content, words = REFUSED[case]
    lay(tmp_path, content)
    with pytest.raises(PlaygroundError) as caught:
        CsvIndexed(tmp_path / "fix.csv")
    assert re.search(words, str(caught.value), re.DOTALL), str(caught.value)


def flagged(name, word, other, every=7):
    "A column that says something else in every seventh row."
    return text(each(lambda row, i: [*row, other if i % every == 0 else word]), [*HEAD, name])


def sampled(rate):
    "A row a sample."
    noise = np.random.default_rng(1)
    rows = [[*row[:2], *(row[2:4] + noise.normal(0, 0.3, 2)).round(2), round(row[4] + 1000 * k / rate, 2)]
            for row in ROWS for k in range(int(row[5] * rate / 1000))]
    return text(rows, HEAD[:5])


SAID = {
    "false": (flagged("valid", "True", "False"), "column valid is not used.*false in 18"),
    "0": (flagged("FPOGV", 1, 0), "FPOGV.*0 in 18"), "blinks": (flagged("Blink", 0, 1), "Blink.*1 in 18"),
    "saccades": (flagged("Eye movement type", "Fixation", "Saccade"), "18 of 120 rows are no fixations: saccade"),
    "both eyes": (text([[*row, eye] for row in ROWS for eye in "LR"], [*HEAD, "eye"]), "both eyes"),
    "labels 1 and 1.0": (text(each(lambda row, i: [row[0], row[1][1:] + ".0" * (i % 2), *row[2:]])),
                         "'1' and '1.0'|'1.0' and '1'"),
    "labels sub-01 and sub_1": (text(each(lambda row, i: [row[0], ("sub-0", "sub_")[i % 2] + row[1][1:], *row[2:]])),
                                "'sub-01' and 'sub_1'|'sub_1' and 'sub-01'"),
    "an observer a row": (text(each(lambda row, i: [row[0], i, *row[2:]])), "120 people for 120 fixations"),
    "each row twice": (text([row for row in ROWS for _ in "ab"]), "120 of 240 rows are there twice"),
    "seconds": (text(each(lambda row, i: [*row[:4], row[4] / 1000, row[5] / 1000])), "in seconds"),
    "microseconds": (text(each(lambda row, i: [*row[:4], row[4] * 1000, row[5] * 1000])), "in microseconds"),
    "50 a second": (sampled(50), "samples of a tracker"), "240 a second": (sampled(240), "samples of a tracker"),
    "nothing but 0, 0": (text(moved(lambda x, y, w, h: (0 * x, 0 * y))), "error: 120 of 120 fixations lie at exactly"),
    "a quarter the size": (text(moved(lambda x, y, w, h: (x / 4, y / 4))), "`scale: 4`"),
    "three times the size": (text(moved(lambda x, y, w, h: (3 * x, 3 * y))), r"`scale: 0\.3333`"),
    "degrees": (text(moved(lambda x, y, w, h: ((x - w / 2) / 30, (h / 2 - y) / 30))), "degrees"),
    "a screen that was filled": (text(moved(lambda x, y, w, h: (x * 1024 / w, y * 768 / h))), r"screen: \[1024, 768\]"),
    "the same for all images": (text([[name, *row[1:]] for name in SIZES for row in ROWS[:30]]),
                                "4 of 4 images have exactly the fixations of another"),
}


@pytest.mark.parametrize("case", SAID)
def test_said(case, tmp_path):
    content, words = SAID[case]
    said = opened(tmp_path, content)[1]
    assert any(re.search(words, line) for line in said), said


OWN = {
    "shares": (lambda x, y, w, h: (x / w, y / h), {"unit": "share"}),
    "shares, y up": (lambda x, y, w, h: (x / w, 1 - y / h), {"unit": "share", "origin": "bottom-left"}),
    "percent": (lambda x, y, w, h: (100 * x / w, 100 * y / h), {"unit": "percent"}),
    "norm": (lambda x, y, w, h: (2 * x / w - 1, 1 - 2 * y / h), {"unit": "norm"}),
    "norm, y down": (lambda x, y, w, h: (2 * x / w - 1, 2 * y / h - 1), {"unit": "norm", "origin": "centre-y-down"}),
    "from the middle": (lambda x, y, w, h: (x - w / 2, h / 2 - y), {"origin": "centre"}),
    "upside down": (lambda x, y, w, h: (x, h - y - (y == np.floor(y))), {"origin": "bottom-left"}),
    "exchanged": (lambda x, y, w, h: (y, x), {"swap_xy": True}),
    "half": (lambda x, y, w, h: (x / 2, y / 2), {"scale": 2}),
    "a third": (lambda x, y, w, h: (x / 3, y / 3), {"scale": 3}),
    "a screen": (lambda x, y, w, h: (x + (1024 - w) / 2, y + (768 - h) / 2),
                 {"screen": [1024, 768], "shown": "centre"}),
}


@pytest.mark.parametrize("case", OWN)
def test_one_observer_who_counts_in_another_way(case, tmp_path):
    "The observer is named, and the option that is named reads the painted points, without another word."
    change, options = OWN[case]
    content = text(moved(change, "s3"))
    lay(tmp_path, content)
    findings = dataset_findings(CsvIndexed(tmp_path / "fix.csv"))
    own = [dict(finding.options) for finding in findings if "s3" in str(finding)]
    assert {"by_observer": {"s3": options}} in own, [str(finding) for finding in findings]
    mended = CsvIndexed(tmp_path / "fix.csv", by_observer={"s3": options})
    check_points({mended.ids[i]: mended[i].fixations for i in range(len(mended))})
    assert dataset_findings(mended) == []


def test_two_observers_who_count_in_two_other_ways(tmp_path):
    "What the checkup gathers reads both, also where one of them was mended before."
    up, share = OWN["upside down"], OWN["shares"]
    first = {tuple(row[:2]) + (row[4],): row for row in moved(up[0], "s2")}
    lay(tmp_path, text([first[(*row[:2], row[4])] if row[1] == "s2" else row for row in moved(share[0], "s4")]))
    table = tmp_path / "fix.csv"
    wanted = {"by_observer": {"s2": up[1], "s4": share[1]}}
    assert doctor(CsvIndexed(table)).options == wanted
    assert doctor(CsvIndexed(table, by_observer={"s4": share[1]})).options == wanted
    said = {finding.kind for finding in doctor(CsvIndexed(table)).findings}
    assert "odd-observer" not in said                      # whom another finding explains is not odd once more
    mended = CsvIndexed(table, by_observer=wanted["by_observer"])
    check_points({mended.ids[i]: mended[i].fixations for i in range(len(mended))})


def test_two_observers_who_count_in_the_same_other_way(tmp_path):
    "`init` offers one line for both, which reads the painted points; `doctor --fix` writes it without references."
    change, options = OWN["a screen"]
    first = {tuple(row[:2]) + (row[4],): row for row in moved(change, "s2")}
    rows = [first[(*row[:2], row[4])] if row[1] == "s2" else row for row in moved(change, "s4")]
    lay(tmp_path, text(rows))
    CliRunner().invoke(init, [str(tmp_path / "fix.csv"), "--out", str(tmp_path / "a.yaml")])
    (line,) = [line for line in (tmp_path / "a.yaml").read_text("utf-8").splitlines() if "# by_observer: {" in line]
    own = yaml.safe_load(line.strip(" #"))
    assert own == {"by_observer": {"s2": options, "s4": options}} and "&" not in line
    mended = CsvIndexed(tmp_path / "fix.csv", **own)
    check_points({mended.ids[i]: mended[i].fixations for i in range(len(mended))})
    assert "&" not in yaml.safe_dump(doctor(CsvIndexed(tmp_path / "fix.csv")).options)


def test_an_observer_called_by_a_number(tmp_path):
    "The number is said to be a person's, in every finding."
    rows = [(image, who.removeprefix("s"), *rest) for image, who, *rest in moved(OWN["shares"][0], "s3")]
    said = opened(tmp_path, text(rows))[1]
    assert any(line.startswith("warning: observer 3: 24 of 24 fixations") for line in said), said


def test_an_observer_whose_image_lay_elsewhere(tmp_path):
    said = opened(tmp_path, text(moved(lambda x, y, w, h: (x + 0.2 * w, y + 0.15 * h), "s3")))[1]
    words = "s3: 24 fixations agree with the others' only if they are moved"
    assert len(said) <= 2 and any(words in line for line in said)


def test_by_observer_names_somebody_who_is_not_there(tmp_path):
    said = opened(tmp_path, text(), by_observer={"s9": {"unit": "share"}})[1]
    assert any("by_observer" in line and "s9" in line for line in said), said


def test_a_blur_wider_than_the_images(tmp_path):
    assert any("sigma_px: 500" in line for line in opened(tmp_path, text(), sigma_px=500)[1])


def test_one_table_for_each_image_that_speaks_of_all(tmp_path):
    lay(tmp_path, text())
    (tmp_path / "fixations").mkdir()
    for name in SIZES:
        (tmp_path / "fixations" / f"{name}.csv").write_text(text())
    found = [finding for finding in dataset_findings(Folder(tmp_path)) if finding.kind == "several-images"]
    assert found and found[0].severity == "error" and "csv_indexed" in found[0].cure
