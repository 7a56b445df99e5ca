#!/usr/bin/env bash
# Makes .venv hold exactly what the lock says. Does nothing when it already does.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/python.sh

STAMP=.venv/.ready
LOCKS="requirements-build.lock requirements-dev.lock"

fingerprint() {
    cat $LOCKS pyproject.toml tools/setup.sh | cksum
}

is_ready() {
    [ -x .venv/bin/python ] && [ -f "$STAMP" ] && [ "$(cat "$STAMP")" = "$(fingerprint)" ]
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
    "$python" -m venv .venv
fi
echo "Installing what the lock says ..." >&2
rm -f "$STAMP"
install --require-hashes -r requirements-build.lock
# Without build isolation: a package that must be built is built with the locked tools above.
install --require-hashes --no-build-isolation -r requirements-dev.lock
install --no-deps --no-build-isolation --editable .
fingerprint >"$STAMP"
