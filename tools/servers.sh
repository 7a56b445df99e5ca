#!/usr/bin/env bash
# Makes sure that the programs which the tests and benchmarks start for themselves are here: as root by apt, otherwise
# by printing the exact command. Rule: no service of the system is started; a test runs servers of its own.
# Usage: tools/servers.sh [command=package ...]   further programs that must be on the PATH
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/python.sh

has_postgresql() {
    # The programs alone are not enough: initdb needs the templates that are installed beside them.
    local folder
    for folder in /usr/lib/postgresql/*/bin "$(dirname "$(command -v initdb || echo /nowhere/initdb)")"; do
        if [ -x "$folder/initdb" ] && [ -x "$folder/postgres" ] && [ -x "$folder/pg_config" ] \
            && [ -f "$("$folder/pg_config" --sharedir)/postgres.bki" ]; then
            return 0
        fi
    done
    return 1
}

has_command() {
    PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v "$1" >/dev/null
}

missing=()
has_postgresql || missing+=(postgresql)
has_command mariadbd || missing+=(mariadb-server)
has_command redis-server || missing+=(redis-server)
has_command curl || missing+=(curl)
has_command sqlite3 || missing+=(sqlite3)
has_command chromium || has_command chromium-browser || has_command google-chrome || missing+=(chromium)
for wanted in "$@"; do
    has_command "${wanted%%=*}" || missing+=("${wanted##*=}")
done
[ "${#missing[@]}" -eq 0 ] || apt_install "${missing[@]}"

# GeoJSON is tested on the extension itself, whose package has the server's version in its name.
for folder in /usr/lib/postgresql/*/bin "$(dirname "$(command -v initdb || echo /nowhere/initdb)")"; do
    if [ -x "$folder/initdb" ] && [ -x "$folder/pg_config" ]; then
        version=$("$folder/pg_config" --version | sed 's/^PostgreSQL \([0-9]*\).*/\1/')
        [ -f "$("$folder/pg_config" --sharedir)/extension/postgis.control" ] || apt_install "postgresql-$version-postgis-3"
        break
    fi
done
