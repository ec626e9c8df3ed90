"""Lambda-compatible Python functions in warm, isolated worker processes.

The node's side: `pool` (what the node uses), `scheduler` (its decisions), `process` (one
environment), `variables`. The worker's side, standard library only: `worker`, `handler`,
`encoder`, `context`, `output`, `boto`. Both: `frames`, `launch`, `documents`.

This module imports nothing: a function's process starts through it.
"""
