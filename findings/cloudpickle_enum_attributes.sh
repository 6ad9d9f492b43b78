#!/usr/bin/env bash
# A member of an enum that has attributes of its own arrives without them when cloudpickle sends it by value.
#
# Expected: an enum of the script, whose __init__ or __new__ gives each member attributes (the standard library's
# documentation does that with planets), is the same enum in the process that loads it, or cannot be sent.
#
# What happens: the enum is made anew from names and values alone, without its __init__ and __new__. It loads, its
# members have their values, and their attributes are gone: AttributeError where the first is asked for. A method of the
# enum that uses one fails as late. With pickle, in a module that both can import, all is there.
#
# Where it matters: dask, Ray, joblib and all others that send functions and classes of a script or a notebook.
#
# Seen: cloudpickle 3.1.2 with Python 3.11.7, 3.12.1 and 3.13.0, Linux:
#   value (5.97, 6.37); mass: AttributeError
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check cloudpickle==3.1.2

cat >"$folder/send.py" <<'PROGRAM'
import enum
import sys

import cloudpickle


class Planet(enum.Enum):
    EARTH = (5.97, 6.37)

    def __init__(self, mass, radius):
        self.mass = mass
        self.radius = radius


assert Planet.EARTH.mass == 5.97
sys.stdout.buffer.write(cloudpickle.dumps(Planet.EARTH))
PROGRAM
cat >"$folder/load.py" <<'PROGRAM'
import pickle
import sys

earth = pickle.load(sys.stdin.buffer)
try:
    mass = earth.mass
except AttributeError as error:
    mass = type(error).__name__
print(f"value {earth.value}; mass: {mass}")
PROGRAM

cd "$folder"
venv/bin/python --version
seen=$(venv/bin/python send.py | venv/bin/python load.py)
echo "$seen"
[ "$seen" = "value (5.97, 6.37); mass: AttributeError" ] || {
    echo "The behaviour has changed: attributes of an enum's members arrive." >&2
    exit 1
}
