"""MSI-Net's graph as its authors published it, from TensorFlow's own operations, with weights that anybody can make
again.
"""
from pathlib import Path

from formula import formula_array

from saliency_playground.models.msi_net_base import LAYERS
from saliency_playground.models.msi_net_tf import tensorflow

def save(folder: Path) -> Path:
    "A SavedModel with the published size, constants and signature, 100 MB. Returns the folder."
    tf = tensorflow()

    def conv(x, name, relu=True):
        scope, given, made, kernel, dilation = LAYERS[name]
        with tf.name_scope(scope):
            weight = tf.constant(formula_array(f"{name}.weight", (made, given, kernel, kernel)).transpose(2, 3, 1, 0),
                                 name="kernel")
            y = (tf.nn.conv2d(x, weight, 1, "SAME", dilations=dilation)
                 + tf.constant(formula_array(f"{name}.bias", (made,)), name="bias"))
        return tf.nn.relu(y) if relu else y

    class Published(tf.Module):  # type: ignore[name-defined]  # TensorFlow is not followed
        @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32, name="input_1")])
        def serve(self, x):
            x, depths = x - [103.939, 116.779, 123.68], []
            for block, count in enumerate([2, 2, 3, 3, 3], 1):
                for i in range(1, count + 1):
                    x = conv(x, f"conv{block}_{i}")
                x = tf.nn.max_pool2d(x, 2, 2, "VALID") if block < 4 else tf.nn.max_pool2d(x, 2, 1, "SAME")
                if block > 2:
                    depths.append(x)
            x = tf.concat(depths, 3)
            whole = conv(tf.reduce_mean(x, [1, 2], keepdims=True), "aspp_b5")
            whole = tf.broadcast_to(whole, tf.concat([tf.shape(x)[:3], tf.shape(whole)[3:]], 0))
            x = conv(tf.concat([*[conv(x, f"aspp_b{i}") for i in (1, 2, 3, 4)], whole], 3), "aspp_proj")
            for i in (1, 2, 3):
                x = conv(tf.raw_ops.ResizeBilinear(images=x, size=2 * tf.shape(x)[1:3]), f"decoder_conv{i}")
            x = conv(x, "decoder_conv4", relu=False)
            x -= tf.reduce_min(x, [1, 2, 3], keepdims=True)
            return {"layer_from_saved_model": x / (1e-7 + tf.reduce_max(x, [1, 2, 3], keepdims=True))}

    made = Published()
    tf.saved_model.save(made, str(folder), signatures={"serving_default": made.serve})
    return Path(folder)
