#!/bin/sh
# Lock every dependency with hashes, for all platforms, without naming an index.
set -eu
uv=$1
export UV_CUSTOM_COMPILE_COMMAND="make lock"
compile() {
    "$uv" pip compile --quiet --universal --generate-hashes \
        --no-emit-index-url --no-emit-find-links "$@"
}
compile pyproject.toml requirements/build.in --output-file requirements/run.txt
compile --group dev --constraint requirements/run.txt --output-file requirements/dev.txt
