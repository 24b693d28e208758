"""Weights by formula: every entry of a state dict decided by its key and shape, as in
`../shared/reference/parity/README.md`.

Whoever computes the same weights can compare outputs without exchanging a file.
"""
import zlib

import numpy as np

def formula_array(key: str, shape: tuple[int, ...]) -> np.ndarray:
    "The value of one entry, float32 (int64 for num_batches_tracked)."
    shape, leaf = tuple(shape), key.rpartition(".")[2]
    if leaf == "num_batches_tracked":
        return np.zeros(shape, dtype=np.int64)
    z = np.random.default_rng(zlib.crc32(key.encode())).standard_normal(shape)
    if leaf in ("running_mean", "bias"):
        values = 0.1 * z
    elif leaf == "running_var":
        values = 1 + 0.3 * np.abs(z)
    elif leaf == "sigma":
        values = 8 + 0.5 * np.tanh(z)
    elif leaf == "center_bias_weight" or (leaf == "weight" and len(shape) == 1):
        values = 1 + 0.1 * z
    elif leaf == "weight":
        values = z * np.sqrt(2 / np.prod(shape[1:]))
    else:
        values = 0.1 * z
    return np.asarray(values, dtype=np.float32)


def fill(net):
    "Loads the formula's values into a torch module, strictly, and returns it in eval mode."
    import torch
    net.load_state_dict({key: torch.from_numpy(formula_array(key, value.shape))
                         for key, value in net.state_dict().items()}, strict=True)
    return net.eval()


MSDB_PREFIX = {"clip": "features.backbone.feature_extractors.CLIP.features.1",
               "dinov2": "features.backbone.feature_extractors.DINOv2.features.1"}


def msdb_array(key: str, shape: tuple[int, ...]) -> np.ndarray:
    "`formula_array` by the complete official key, with rules for what DeepGaze MSDB adds."
    leaf, z = key.rpartition(".")[2], np.random.default_rng(zlib.crc32(key.encode())).standard_normal(shape)
    if leaf == "dataset_sigmas":
        values = 0.8 + 0.2 * np.tanh(z)
    elif leaf == "dataset_center_bias_weights":
        values = 1 + 0.2 * z
    elif leaf == "dataset_priority_scalings":
        values = 0.5 + 0.3 * z
    elif leaf in ("pixel_per_dva_weights", "size_weights", "cls_token", "pos_embed"):
        values = 0.5 * z
    elif leaf == "gamma":
        values = 0.3 + 0.1 * z
    elif ".layer" in key and key.endswith(".bn3.weight"):
        values = 0.25 * (1 + 0.1 * z)
    else:
        return formula_array(key, shape)
    return np.asarray(values, dtype=np.float32)


def official_key(name: str) -> str:
    "What a tensor of our DeepGaze MSDB is called in the official one."
    part, _, rest = name.partition(".")
    return rest if part == "head" else f"{MSDB_PREFIX[part]}.{rest}"


def fill_msdb(kind: str):
    "A DeepGaze MSDB, full or tiny, with the formula's values, tensor by tensor: at full size it takes 1.3 GB."
    import torch

    from saliency_playground.deepgaze import msdb
    with torch.device("meta"):
        net = msdb.deepgaze_msdb(kind).requires_grad_(False)
    net.to_empty(device="cpu")
    for name, tensor in net.state_dict().items():
        tensor.copy_(torch.from_numpy(msdb_array(official_key(name), tuple(tensor.shape))))
    return net.eval()
