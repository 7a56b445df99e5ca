#!/usr/bin/env bash
# Makes .venv hold exactly what the lock says. Does nothing when it already does.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/python.sh

LOCKED=(requirements-build.lock requirements-dev.lock tools/setup.sh)
PROJECT=(pyproject.toml)

# A stamp in .venv holds the fingerprint of the files that it was made from.
fingerprint() {
    cat -- "$@" | cksum
}

is_current() { # stamp, files ...
    [ -x .venv/bin/python ] && [ -f ".venv/$1" ] && [ "$(cat ".venv/$1")" = "$(fingerprint "${@:2}")" ]
}

is_ready() {
    is_current .locked "${LOCKED[@]}" && is_current .project "${PROJECT[@]}"
}

install() {
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input "$@" </dev/null
}

is_ready && exit 0
mkdir -p .venv
if command -v flock >/dev/null; then
    exec 9>.venv/.lock
    flock 9
    is_ready && exit 0
fi

if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    python="$(find_python)"
    ensure_venv_module "$python"
    echo "Making .venv with $python ..." >&2
    rm -f .venv/.locked .venv/.project
    "$python" -m venv .venv
fi
if ! is_current .locked "${LOCKED[@]}"; then
    echo "Installing what the lock says ..." >&2
    rm -f .venv/.locked
    install --require-hashes -r requirements-build.lock
    # Without build isolation: a package that must be built is built with the locked tools above.
    install --require-hashes --no-build-isolation -r requirements-dev.lock
    fingerprint "${LOCKED[@]}" >.venv/.locked
fi
install --no-deps --no-build-isolation --editable .
fingerprint "${PROJECT[@]}" >.venv/.project
