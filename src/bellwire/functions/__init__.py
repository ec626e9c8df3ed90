"""Lambda-compatible functions in warm, isolated processes.

The node's side: `pool` (what the node uses), `environments` (those of one function), `scheduler`
(their decisions), `environment` (one process that runs a function), `kinds` (which runtime is run
how), `process`, `temporary`, `variables`, `statistics`. Python: `python_environment`, `forks`; in
the function's process, standard library only, `fork_server`, `worker`, `handler`, `encoder`,
`context`, `output`, `records`, `private_tmp`, `boto`; both `frames`, `launch`, `documents`. Any
other runtime: `runtime_environment`, `runtime_api`, `programs`, `launcher`, and for Node.js the
files in `node/`. The log: `log_line`, `reports`, `levels`, `journal`, `tail`, `log_store`,
`log_files`. Asynchronous events: `asynchronous`, `backlog`. Callers of Invoke: `request`.

This module imports nothing: a function's process starts through it.
"""
