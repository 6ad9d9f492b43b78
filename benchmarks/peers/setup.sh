#!/bin/sh
# Installs the systems that Argon is compared with.
#
#   benchmarks/peers/setup.sh ENVIRONMENT
#
# The Python ones go into the virtual environment named. The servers, gearmand and redis-server, are installed by apt-get
# where they are missing, with sudo if need be; without apt-get or the right to use it they are left out, and the
# benchmarks then say so. The services that these packages bring are not left running: the benchmarks start servers of
# their own.
set -eu

if [ $# -ne 1 ] || [ ! -x "$1/bin/python" ]; then
    echo "usage: $0 ENVIRONMENT, an existing virtual environment" >&2
    exit 2
fi
environment=$1
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
PATH=$PATH:/usr/local/sbin:/usr/sbin

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

install() {
    as_root apt-get update -qq &&
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

missing=
command -v gearmand >/dev/null || missing="gearman-job-server"
command -v redis-server >/dev/null || missing="$missing redis-server"
if [ -n "$missing" ]; then
    # shellcheck disable=SC2086  # a list of names
    if command -v apt-get >/dev/null && install $missing; then
        if [ -d /run/systemd/system ]; then
            # shellcheck disable=SC2086  # the services have the packages' names
            as_root systemctl disable --now --quiet $missing || echo "stop these services yourself: $missing" >&2
        fi
    else
        echo "could not install with apt-get, and is not measured: $missing" >&2
    fi
fi

"$environment/bin/python" -m pip install -qq --no-input -r "$here/requirements.txt"
