"""onnxruntime: a model of one node, its filters constant, as inference has them. It computes float32, forward."""

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

NAME = "onnxruntime"
OPERATORS = {"forward": "Conv", "max_forward": "MaxPool", "avg_forward": "AveragePool"}


def prepare(pass_name, layer, arrays, threads):
    """Return the pass as a call without arguments; None if it is not computed."""
    if pass_name not in OPERATORS or arrays.I.dtype != np.float32:
        return None
    session = onnxruntime.InferenceSession(
        _model(pass_name, layer, arrays).SerializeToString(), _options(threads), providers=["CPUExecutionProvider"]
    )
    return lambda: session.run(None, {"I": arrays.I})[0]


def _options(threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    # A thread that spins between two calls takes the processor from whoever is timed next.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return options


def _model(pass_name, layer, arrays):
    attributes = {"kernel_shape": layer.kernel, "strides": layer.stride, "pads": layer.padding * 2}
    constants = {}
    if pass_name == "forward":
        attributes |= {"dilations": layer.dilation, "group": layer.groups}
        constants = {"F": arrays.F, "B": arrays.B}
    else:
        attributes["ceil_mode"] = int(layer.ceil_mode)
        if pass_name == "avg_forward":
            attributes["count_include_pad"] = 1
    node = helper.make_node(OPERATORS[pass_name], ["I", *constants], ["O"], **attributes)
    graph = helper.make_graph(
        [node],
        "layer",
        [helper.make_tensor_value_info("I", TensorProto.FLOAT, arrays.I.shape)],
        [helper.make_tensor_value_info("O", TensorProto.FLOAT, arrays.G.shape)],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
