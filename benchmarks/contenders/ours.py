"""lectcode, through its public functions: argument checks and allocation are part of the time."""

from functools import partial

import lectcode

NAME = "lectcode"


def prepare(pass_name, layer, arrays, algorithm="auto"):
    """Return the pass as a call without arguments."""
    I, G = arrays.I, arrays.G
    if pass_name.startswith("max"):
        window = layer.kernel, layer.stride, layer.padding, 1, layer.ceil_mode
        if pass_name == "max_forward":
            return partial(lectcode.max_pool2d, I, *window)
        if pass_name == "max_training":
            return partial(_train, G, I, *window)
        if pass_name == "max_backward_from_input":
            return partial(lectcode.max_pool2d_backward, G, I, *window)
        _, winners = lectcode.max_pool2d(I, *window, return_winners=True)  # kept from going forward, not timed
        return partial(lectcode.max_pool2d_backward, G, I, *window, winners)
    if pass_name.startswith("avg"):
        window = layer.kernel, layer.stride, layer.padding, layer.ceil_mode
        if pass_name == "avg_forward":
            return partial(lectcode.avg_pool2d, I, *window)
        return partial(lectcode.avg_pool2d_backward, G, I, *window)
    slide = {key: getattr(layer, key) for key in ("stride", "padding", "dilation", "groups")}
    slide["algorithm"] = algorithm
    if pass_name == "forward":
        return partial(lectcode.conv2d, I, arrays.F, arrays.B, **slide)
    if pass_name == "grad_input":
        return partial(lectcode.conv2d_grad_input, G, arrays.F, layer.size, **slide)
    return partial(lectcode.conv2d_grad_filters, G, I, layer.kernel, **slide)


def _train(G, I, *window):
    """Pool as a training step does: forward, keeping the winners, and later backward."""
    _, winners = lectcode.max_pool2d(I, *window, return_winners=True)
    return lectcode.max_pool2d_backward(G, I, *window, winners)
