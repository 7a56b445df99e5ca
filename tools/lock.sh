#!/usr/bin/env bash
# Writes the locks from pyproject.toml: every version with its hashes, for every supported Python, and no address.
# What is locked stays as it is while the ranges allow; `make lock UPGRADE=1` takes the newest instead.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/python.sh

UV=".cache/lock/bin/uv"
if [ ! -x "$UV" ]; then
    python="$(find_python)"
    ensure_venv_module "$python"
    "$python" -m venv .cache/lock
    .cache/lock/bin/python -m pip install --quiet --disable-pip-version-check "uv>=0.13,<0.14"
fi

compile() {
    "$UV" pip compile --quiet --universal --python-version "$MINIMUM" --generate-hashes --no-header \
        --no-emit-index-url --no-emit-find-links ${UPGRADE:+--upgrade} "$@"
}

# A group keeps to itself with `pyproject.toml:build`; naming the file as well adds the product's own dependencies.
# What is an extra for others is in the container's image.
compile pyproject.toml --all-extras --output-file requirements.lock
compile --group build --output-file requirements-build.lock
compile --group node --output-file requirements-node.lock
compile pyproject.toml --all-extras --group dev --constraint requirements.lock --output-file requirements-dev.lock

if grep -n '://' requirements*.lock; then
    echo "A lock names an address; it must hold names, versions and hashes alone." >&2
    exit 1
fi
