"""MSI-Net beside its authors' graph.

Stored outputs for weights by a formula, a SavedModel of the published size, a Hugging Face of our own.
"""
import hashlib
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from conftest import ROOT
from formula import fill, formula_array
from msi_net_graph import save

PARITY = ROOT.parent / "shared" / "reference" / "parity" / "msi_net.npz"
torch = pytest.importorskip("torch", reason="needs the torch extra")
import torch.nn.functional as F  # noqa: E402

from saliency_playground.models import msi_net, msi_net_base  # noqa: E402

@pytest.fixture(scope="module")
def stored():
    "Two photographs and what the graph gives for them; they are not part of the project."
    if not PARITY.is_file():
        pytest.skip(f"needs the stored outputs in {PARITY}, which do not ship with the project")
    with np.load(PARITY) as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def state():
    return {key: torch.from_numpy(formula_array(key, shape)) for key, shape in msi_net_base.array_shapes().items()}


@pytest.fixture(scope="module")
def net():
    return fill(msi_net.MSINet())


def batch(image, **layout):
    return torch.tensor(image).permute(2, 0, 1)[None].float().contiguous(**layout)


def test_the_formula_is_the_one_of_the_stored_outputs(state):
    assert (np.allclose(state["conv1_1.bias"][:2], [0.024945565, -0.070023455], rtol=1e-6)
            and abs(state["conv1_1.bias"].double().sum() - 0.109129) < 1e-6)
    assert sum(value.numel() for value in state.values()) == 24_934_209
    assert abs(sum(float(value.double().abs().sum()) for value in state.values()) - 4.065786e5) < 1


@pytest.mark.parametrize("number", [0, 1])
def test_every_stored_array(stored, net, number):
    with torch.inference_mode():
        features = msi_net.encode(net, batch(stored[f"image_{number}"]))
        around = msi_net.aspp(net, features)
        raw = msi_net.decode(net, around)
        made = msi_net.normalize_range(raw)
    for name, ours, largest, mean in [
            ("encoder_channel_mean", features[0].mean((1, 2)), 1e-3, 1e-4),
            ("encoder_channel_std", features[0].std((1, 2), correction=0), 1e-3, 1e-4),
            ("aspp_channel_mean", around[0].mean((1, 2)), 1e-3, 1e-4), ("raw", raw[0], 5e-3, 5e-4),
            ("map", made[0], 2e-5, 5e-6)]:
        off = np.abs(ours.numpy() - stored[f"{name}_{number}"])
        assert off.max() < largest and off.mean() < mean, name


def half_pixel(x):
    return F.interpolate(x, scale_factor=2, mode="bilinear")


def corners(x):
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)


def early(x):
    return F.max_pool2d(F.pad(x, (1, 0, 1, 0)), 2, stride=1)


@pytest.mark.parametrize("name,value,largest,mean", [
    ("upsample_twofold", half_pixel, 0.27, 0.065), ("upsample_twofold", corners, 0.30, 0.046),
    ("MEANS", msi_net.MEANS[::-1], 0.28, 0.07),
    ("max_pool_same", early, 0.49, 0.08)])
def test_a_slip_is_caught(stored, net, monkeypatch, name, value, largest, mean):
    "Each gives the difference that the authors' graph shows when it is changed in this way."
    monkeypatch.setattr(msi_net, name, value)
    with torch.inference_mode():
        off = [np.abs(net(batch(stored[f"image_{number}"]))[0].numpy() - stored[f"map_{number}"]) for number in (0, 1)]
    assert abs(max(one.max() for one in off) - largest) < 0.006 and abs(max(one.mean() for one in off) - mean) < 0.006


def test_biases_count(stored, state):
    net = msi_net.MSINet().eval().requires_grad_(False)
    net.load_state_dict({key: value * (not key.endswith("bias")) for key, value in state.items()})
    with torch.inference_mode():
        off = np.abs(net(batch(stored["image_0"]))[0].numpy() - stored["map_0"])
    assert 0.003 < off.max() < 0.01 and off.mean() > 5e-4


@pytest.mark.parametrize("layout", [False, True])
def test_the_adapter(stored, state, tmp_path, layout):
    "A picture of the frame's own size: the stored map, made to sum to 1."
    torch.save(state, tmp_path / "msi_net.pt")
    model = msi_net.MSINetModel(weights_path=tmp_path / "msi_net.pt", channels_last=layout)
    for number in (0, 1):
        expected = stored[f"map_{number}"] / stored[f"map_{number}"].sum(dtype=float)
        off = np.abs(model(stored[f"image_{number}"]).values - expected) / expected.max()
        assert off.max() < 2e-5 and off.mean() < 5e-6


# ---- the graph itself ----

@pytest.fixture(scope="module")
def published(tmp_path_factory):
    "A SavedModel of the published size, constants and signature, its weights by the formula: 100 MB."
    pytest.importorskip("tensorflow", reason="needs the tf extra")
    return save(tmp_path_factory.mktemp("published"))


def test_the_published_size_converts(published, state, tmp_path):
    report = msi_net_base.convert_msi_net(published, tmp_path / "msi_net.pt")
    assert (report["tensors"], report["parameters"], report["width"]) == (46, 24_934_209, 64)
    read = torch.load(tmp_path / "msi_net.pt", weights_only=True)
    assert list(read) == list(state) and all(torch.equal(read[key], state[key]) for key in state)


def test_both_adapters_on_one_file(published, stored):
    from saliency_playground.models.msi_net_tf import MSINetTF
    ours, theirs = msi_net.MSINetModel(weights_path=published), MSINetTF(local_dir=published)
    for number in (0, 1):
        expected = stored[f"map_{number}"] / stored[f"map_{number}"].sum(dtype=float)
        off = np.abs(theirs(stored[f"image_{number}"]).values - expected) / expected.max()
        assert off.max() < 2e-5 and off.mean() < 5e-6
    for picture in (stored["image_0"][:150, :301], np.kron(stored["image_1"], np.ones((3, 2, 1), np.uint8))):
        one, other = ours(picture).values, theirs(picture).values
        assert np.abs(one - other).max() < 2e-5 * other.max()


# ---- Hugging Face, on this machine ----

FILES = {"saved_model.pb": b"\x08\x01", "fingerprint.pb": b"\x08\x02", "keras_metadata.pb": b"",
         "variables/variables.index": b"index",
         "example.jpg": b"not asked for", "README.md": b"not asked for"}
COMMIT = "ab" * 20


class Hub(BaseHTTPRequestHandler):
    "As much of the hub's interface as a snapshot needs."
    asked: list[str] = []

    def do_HEAD(self):
        self.do_GET(body=False)

    def do_GET(self, body=True):
        self.asked.append(self.path)
        if "/tree/" in self.path:
            content = json.dumps([{"type": "file", "path": name, "size": len(data), "oid": "0"}
                                  for name, data in FILES.items()]).encode()
        elif self.path.startswith("/api/models/"):
            content = json.dumps({"id": "them/net", "sha": COMMIT, "private": False, "downloads": 0, "likes": 0,
                                  "tags": [], "siblings": [{"rfilename": name} for name in FILES]}).encode()
        else:
            content = FILES.get(self.path.partition(f"/resolve/{COMMIT}/")[2])
        self.send_response(404 if content is None else 200)
        self.send_header("Content-Length", str(len(content or b"")))
        if content is not None:
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if body and content:
            self.wfile.write(content)

    def log_message(self, *_):
        pass


def test_download_once_then_never_again(tmp_path):
    "What the repository has is fetched, only what is needed of it; afterwards nobody is asked."
    pytest.importorskip("huggingface_hub", reason="needs the tf extra")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    code = "from saliency_playground.models.msi_net_tf import find_saved_model; print(find_saved_model('them/net'))"
    kept = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()
            and not name.startswith(("HF_", "SALIENCY_PLAYGROUND_"))}

    def run(**settings):
        settings = kept | {"HF_ENDPOINT": address, "HF_HOME": str(tmp_path), "HF_HUB_DISABLE_PROGRESS_BARS": "1",
                           "PYTHONUTF8": "1"} | settings
        return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8",
                              env=settings, cwd=ROOT)

    try:
        refused = run(SALIENCY_PLAYGROUND_OFFLINE="1")
        assert (refused.returncode and "SALIENCY_PLAYGROUND_OFFLINE forbids the network" in refused.stderr
                and not Hub.asked)
        first = run()
        assert first.returncode == 0, first.stderr
        folder = first.stdout.strip()
        assert sorted(os.listdir(folder)) == ["fingerprint.pb", "keras_metadata.pb", "saved_model.pb", "variables"]
        assert Hub.asked
        Hub.asked.clear()
        assert (run().stdout == run(HF_HUB_OFFLINE="1").stdout == run(SALIENCY_PLAYGROUND_OFFLINE="1").stdout
                == first.stdout and not Hub.asked)
    finally:
        server.shutdown()
        server.server_close()
    gone = run(HF_HOME=str(tmp_path / "other"))
    assert gone.returncode and "could not be downloaded from Hugging Face" in gone.stderr and "local_dir" in gone.stderr
