"""Weights that anyone can make again from their names: what the parity fixtures were computed with."""
import zlib

import numpy as np


def formula_array(key, shape):
    """The value of one state_dict entry, decided by its key and shape alone."""
    shape = tuple(shape)
    leaf = key.rsplit(".", 1)[-1]
    if leaf == "num_batches_tracked":
        return np.zeros(shape, dtype=np.int64)
    z = np.random.default_rng(zlib.crc32(key.encode("utf-8"))).standard_normal(shape)
    if leaf == "running_mean" or leaf == "bias":
        out = 0.1 * z                                   # BatchNorm, LayerNorm, Bias modules, conv and linear biases
    elif leaf == "running_var":
        out = 1.0 + 0.3 * np.abs(z)
    elif leaf == "sigma":
        out = 8.0 + 0.5 * np.tanh(z)                    # DeepGaze finalizers, shape ()
    elif leaf == "center_bias_weight":
        out = 1.0 + 0.1 * z
    elif leaf == "weight" and len(shape) == 1:
        out = 1.0 + 0.1 * z                             # BatchNorm and LayerNorm scale
    elif leaf == "weight":
        out = z * np.sqrt(2.0 / np.prod(shape[1:]))     # conv and linear, fan_in = prod(shape[1:])
    else:
        out = 0.1 * z                                   # UNISAL: coarse_gaussians_*, rnn.cell_list.0.{a_*,b_*,drop_mask_1}
    return np.asarray(out, dtype=np.float32)


def fill(net):
    "Load every tensor of a torch module from the formula, strictly; returns the module in eval mode."
    import torch
    state = {key: torch.from_numpy(formula_array(key, tensor.shape)) for key, tensor in net.state_dict().items()}
    net.load_state_dict(state, strict=True)
    return net.eval().requires_grad_(False)
