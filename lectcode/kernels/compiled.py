"""How kernels are compiled: `entry` for those that Python calls, `inner` for what only they call, `inlined`.

Each is compiled when it is first called and then kept on disk, and releases the GIL. A first call is mostly compiling,
so the decorators leave out what takes time and serves nobody, each some seventh of the whole: code by which Python or C
could call inner functions, and the search for garbage meanwhile.
"""

import gc
from functools import partial

from numba import config, types
from numba.core.registry import CPUDispatcher


class Compiled(CPUDispatcher):
    """A compiled function with one version for all numbers of a type."""

    def get_call_template(self, args, kws):
        """Find what is compiled for arguments of these types.

        Numba would compile another version for each number that stands in a call between compiled functions, such as
        the 1 in `cut(first, last, 1)`.
        """
        kws = {name: types.unliteral(kind) for name, kind in kws.items()}
        return super().get_call_template(tuple(map(types.unliteral, args)), kws)


class Entry(Compiled):
    """A compiled function that Python calls, and that compiled functions may call too."""

    def compile(self, signature):
        """Compile it, with all that it calls, while nobody searches for garbage.

        The compiler makes objects by the million and needs nearly all of them until it ends.
        """
        searching = gc.isenabled()
        gc.disable()
        try:
            return super().compile(signature)
        finally:
            if searching:
                gc.enable()


class Inner(Compiled):
    """A compiled function that other compiled functions call; to Python it offers no way in."""

    def __call__(self, *arguments, **named):
        """Refuse: Numba would jump to address 0."""
        raise TypeError(f"{self.py_func.__name__} is an inner function: only compiled functions can call it")


def _decorator(dispatcher, **given):

    def compiled(function=None, **options):
        """Return the function as it will be compiled; options are those of Numba's own decorator."""
        if function is None:
            return partial(compiled, **options)
        if config.DISABLE_JIT:
            return function
        options = {"nopython": True, "nogil": True, "boundscheck": None, **given, **options}
        result = dispatcher(function, targetoptions=options)
        result.enable_caching()
        return result

    return compiled


NO_WAY_IN = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
entry = _decorator(Entry, no_cfunc_wrapper=True)
inner = _decorator(Inner, **NO_WAY_IN)
inlined = _decorator(Inner, **NO_WAY_IN, inline="always")
