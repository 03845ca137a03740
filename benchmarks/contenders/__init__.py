"""The libraries that compete, one a file. Each prepares one pass of one layer as a call without arguments.

`prepare(pass_name, layer, arrays, threads)` returns that call; None where the library cannot compute the pass. The call
allocates its result, as users' calls do, and returns it.
"""
