#!/usr/bin/env bash
# A slice that mypyc has compiled calls what stands in its bounds twice.
#
# Expected: data[begin() : end()] calls begin() once and end() once, as the interpreter does.
#
# What happens: compiled, each is called twice where data is a memoryview, a bytearray or an object of a class of one's
# own, and the values of the second calls count. If the calls change something (they read the next number of a stream,
# or take from an iterator), the slice is another one. Of bytes, str, list and tuple it is right. Neither mypyc nor
# mypy says anything.
#
# Where it matters: parsers that cut a buffer without a copy, as in view[at : at + read_length()]. They are what one
# compiles, and what one tests interpreted. Bounds that are names or numbers are safe.
#
# Source: transform_index_expr in mypyc/irbuild/expression.py first asks try_gen_slice_op, which has the bounds
# evaluated before it finds that it has no operation for the type; then they are evaluated again for a slice object.
# Seen: mypy 2.4.1 with Python 3.11.7, 3.12.1 and 3.13.0, Linux, gcc:
#   interpreted: memoryview b'ab' bytearray b'ab' own 0:2 bytes b'ab'
#   compiled: memoryview b'cdef' bytearray b'cdef' own 2:6 bytes b'ab'
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check mypy==2.4.1 setuptools==80.9.0

cat >"$folder/cut.py" <<'PROGRAM'
from collections.abc import Iterator


class Own:
    def __getitem__(self, bounds: slice) -> bytes:
        return f"{bounds.start}:{bounds.stop}".encode()


def cut_memoryview(data: memoryview, places: Iterator[int]) -> memoryview:
    return data[next(places) : next(places)]


def cut_bytearray(data: bytearray, places: Iterator[int]) -> bytearray:
    return data[next(places) : next(places)]


def cut_own(data: Own, places: Iterator[int]) -> bytes:
    return data[next(places) : next(places)]


def cut_bytes(data: bytes, places: Iterator[int]) -> bytes:
    return data[next(places) : next(places)]
PROGRAM
cat >"$folder/show.py" <<'PROGRAM'
import cut

data = b"abcdef"
cuts = {
    "memoryview": bytes(cut.cut_memoryview(memoryview(data), iter((0, 2, 2, 6)))),
    "bytearray": bytes(cut.cut_bytearray(bytearray(data), iter((0, 2, 2, 6)))),
    "own": cut.cut_own(cut.Own(), iter((0, 2, 2, 6))).decode(),
    "bytes": cut.cut_bytes(data, iter((0, 2, 2, 6))),
}
print(*(f"{what} {result}" for what, result in cuts.items()))
PROGRAM

cd "$folder"
venv/bin/python --version
venv/bin/mypy --version
venv/bin/mypy --strict cut.py
interpreted=$(venv/bin/python show.py)
venv/bin/mypyc cut.py >build.log 2>&1 || { cat build.log; exit 1; }
compiled=$(venv/bin/python show.py)
echo "interpreted: $interpreted"
echo "compiled: $compiled"
[ "$interpreted" = "memoryview b'ab' bytearray b'ab' own 0:2 bytes b'ab'" ] &&
    [ "$compiled" = "memoryview b'cdef' bytearray b'cdef' own 2:6 bytes b'ab'" ] || {
    echo "The behaviour has changed: the bounds of a compiled slice are not called twice as they were." >&2
    exit 1
}
