#!/usr/bin/env bash
# A function whose globals have no "__builtins__" runs, and yet what it calls in C cannot import.
#
# Expected: types.FunctionType gives a function the builtins of its maker when its globals name none, so that all it
# does works: built-in functions, import statements, and C functions that import something lazily.
#
# What happens: built-in functions and import statements work. A C function that imports takes the __import__ of the
# globals of the frame that runs, and does not find one there. pickle says that it cannot import the module of a class
# that is loaded; time.strptime and datetime.strptime raise a bare KeyError. The same calls in pure Python succeed.
#
# Where it matters: whoever makes functions anew in a namespace of their own: serialisers, notebooks, template and plugin
# systems. Put builtins into the namespace, as cloudpickle does.
#
# Seen: Python 3.11.7, 3.12.1 and 3.13.0, cloudpickle 3.1.2, Linux:
#   len: 3; import: ok; pickle.dumps: PicklingError; pickle._dumps: ok; time.strptime: KeyError
#   the same by cloudpickle: len: 3; import: ok; pickle.dumps: ok; pickle._dumps: ok; time.strptime: ok
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check cloudpickle==3.1.2

cat >"$folder/show.py" <<'PROGRAM'
import pickle
import time
import types

import cloudpickle


class Point:
    pass


def attempt(call, *arguments):
    try:
        call(*arguments)
    except Exception as error:
        return type(error).__name__
    return "ok"


def show():
    import json

    assert json.dumps(1) == "1"
    tries = [attempt(pickle.dumps, Point), attempt(pickle._dumps, Point), attempt(time.strptime, "2020", "%Y")]
    return "len: {}; import: ok; pickle.dumps: {}; pickle._dumps: {}; time.strptime: {}".format(len("abc"), *tries)


names = {"Point": Point, "pickle": pickle, "time": time, "attempt": types.FunctionType(attempt.__code__, {})}
print(types.FunctionType(show.__code__, names)())
print("the same by cloudpickle:", pickle.loads(cloudpickle.dumps(types.FunctionType(show.__code__, names)))())
PROGRAM

"$folder/venv/bin/python" --version
seen=$("$folder/venv/bin/python" "$folder/show.py")
echo "$seen"
[ "$seen" = "len: 3; import: ok; pickle.dumps: PicklingError; pickle._dumps: ok; time.strptime: KeyError
the same by cloudpickle: len: 3; import: ok; pickle.dumps: ok; pickle._dumps: ok; time.strptime: ok" ] || {
    echo "The behaviour has changed: C functions import in a function without builtins." >&2
    exit 1
}
