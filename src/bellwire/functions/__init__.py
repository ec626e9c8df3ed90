"""Lambda-compatible functions in warm, isolated processes.

The node's side: `pool` (what the node uses), `scheduler` (its decisions), `environment` (one
process that runs a function), `kinds` (which runtime is run how), `process`, `variables`. Python:
`python_environment`, and in the worker, standard library only, `worker`, `handler`, `encoder`,
`context`, `output`, `boto`; both `frames`, `launch`, `documents`. Any other runtime:
`runtime_environment`, `runtime_api`, `programs`, `launcher`, and for Node.js the files in `node/`.

This module imports nothing: a function's process starts through it.
"""
