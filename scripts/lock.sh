#!/usr/bin/env bash
# Remakes requirements/*.txt: newest versions, hashes, every Python from 3.11 on, and no address of any registry.
# Needs uv on the PATH (`make lock` takes the one in .venv).
set -euo pipefail
cd "$(dirname "$0")/.."

# Whatever registry this machine uses must not show in the files.
unset PIP_FIND_LINKS UV_FIND_LINKS

compile() {
    local out="requirements/$1.txt"
    shift
    uv pip compile pyproject.toml "$@" --quiet --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command "make lock" \
        --upgrade --output-file "$out"
}

compile dev --group dev
# The smaller sets are parts of the tested one.
compile runtime --constraints requirements/dev.txt
uv pip compile --group pyproject.toml:build --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
    --custom-compile-command "make lock" --constraints requirements/dev.txt --output-file requirements/build.txt
uv pip compile --group pyproject.toml:node --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
    --custom-compile-command "make lock" --upgrade --output-file requirements/node.txt
