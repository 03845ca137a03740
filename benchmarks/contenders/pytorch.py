"""PyTorch, through its operators without autograd, so that only the wanted gradient is computed."""

from functools import partial

import torch

NAME = "PyTorch"


def prepare(pass_name, layer, arrays, threads):
    """Return the pass as a call without arguments."""
    torch.set_num_threads(threads)
    aten = torch.ops.aten
    I, G = torch.from_numpy(arrays.I), torch.from_numpy(arrays.G)
    if pass_name.startswith("max"):
        window = layer.kernel, layer.stride, layer.padding, (1, 1), layer.ceil_mode
        if pass_name == "max_forward":
            return _without_autograd(aten.max_pool2d.default, I, *window)
        if pass_name == "max_training":
            return partial(_train, G, I, *window)
        _, winners = aten.max_pool2d_with_indices.default(I, *window)  # kept from going forward, not timed
        return _without_autograd(aten.max_pool2d_with_indices_backward.default, G, I, *window, winners)
    if pass_name.startswith("avg"):
        window = layer.kernel, layer.stride, layer.padding, layer.ceil_mode, True, None
        if pass_name == "avg_forward":
            return _without_autograd(aten.avg_pool2d.default, I, *window)
        return _without_autograd(aten.avg_pool2d_backward.default, G, I, *window)
    F, B = torch.from_numpy(arrays.F), torch.from_numpy(arrays.B)
    slide = layer.stride, layer.padding, layer.dilation, False, (0, 0), layer.groups
    if pass_name == "forward":
        return _without_autograd(aten.convolution.default, I, F, B, *slide)
    wanted = pass_name == "grad_input", pass_name == "grad_filters", False
    return _without_autograd(aten.convolution_backward.default, G, I, F, None, *slide, wanted, pick=wanted.index(True))


def _without_autograd(operator, *arguments, pick=None):
    """Return a call; `pick` chooses among the results of an operator that has several."""

    @torch.no_grad()
    def call():
        result = operator(*arguments)
        return result if pick is None else result[pick]

    return call


@torch.no_grad()
def _train(G, I, *window):
    """Pool as a training step does: forward, keeping the winners, and later backward."""
    aten = torch.ops.aten
    _, winners = aten.max_pool2d_with_indices.default(I, *window)
    return aten.max_pool2d_with_indices_backward.default(G, I, *window, winners)
