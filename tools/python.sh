# Finds a Python that is new enough, and makes sure that it can make virtual environments.
# Sourced by the other scripts. Rule: nothing is installed unless we are root; otherwise the exact command is printed.

MINIMUM="3.11"

apt_install() {
    # $@: packages. Asks nothing, and starts no service even where a package would like to.
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        echo "Missing: $*. Install with:" >&2
        echo "    sudo apt-get update && sudo apt-get install --no-install-recommends $*" >&2
        return 1
    fi
    echo "Installing $* ..." >&2
    local guard=/usr/sbin/policy-rc.d made_guard=""
    if [ ! -e "$guard" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$guard" && chmod 755 "$guard" && made_guard=yes
    fi
    local outcome=0
    {
        export DEBIAN_FRONTEND=noninteractive
        apt-get -qq -o DPkg::Lock::Timeout=300 update \
            && apt-get -qq -y -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 install --no-install-recommends "$@"
    } </dev/null >&2 || outcome=$?
    if [ -n "$made_guard" ]; then rm -f "$guard"; fi
    return "$outcome"
}

new_enough() {
    "$1" -c "import sys; sys.exit(sys.version_info < (${MINIMUM/./, }))" >/dev/null 2>&1
}

find_python() {
    local candidate
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        if new_enough "$candidate"; then
            "$candidate" -c "import sys; print(sys.executable)"
            return
        fi
    done
    echo "Reflector needs Python $MINIMUM or newer; set PYTHON=/path/to/python3 if it stands elsewhere." >&2
    return 1
}

ensure_venv_module() {
    # $1: the interpreter. Debian ships venv without ensurepip, in a package of its own.
    "$1" -c "import venv, ensurepip" >/dev/null 2>&1 && return
    local version
    version="$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
    if [ "$1" = /usr/bin/python3 ]; then apt_install python3-venv; else apt_install "python$version-venv"; fi
}
