#!/usr/bin/env bash
# What mypyc has compiled forgets the cause of an exception: "raise X from Y" raises X, and "from None" hides nothing.
#
# Expected: the __cause__ of the exception that arrives is Y, and its __suppress_context__ is true, as the interpreter
# has it; or else mypyc refuses to compile the statement.
#
# What happens: __cause__ is None and __suppress_context__ is false in both cases. Y is only the __context__, where it is
# the exception that was handled; a cause from elsewhere is lost. mypy --strict finds nothing.
#
# Where it matters: code that looks at __cause__ to tell one failure from another, and tracebacks that people read, in a
# package that is compiled for some platforms and not for others.
#
# Seen: mypy 2.4.1 with Python 3.11.7, Linux, gcc:
#   interpreted: chained KeyError True; hidden NoneType True
#   compiled: chained NoneType False; hidden NoneType False
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check mypy==2.4.1 setuptools==80.9.0

cat >"$folder/raising.py" <<'PROGRAM'
def chained() -> None:
    try:
        raise KeyError("first")
    except KeyError as error:
        raise ValueError("second") from error


def hidden() -> None:
    try:
        raise KeyError("first")
    except KeyError:
        raise ValueError("second") from None
PROGRAM
cat >"$folder/show.py" <<'PROGRAM'
import raising

seen = []
for call in (raising.chained, raising.hidden):
    try:
        call()
    except ValueError as error:
        seen.append(f"{call.__name__} {type(error.__cause__).__name__} {error.__suppress_context__}")
print("; ".join(seen))
PROGRAM

cd "$folder"
venv/bin/python --version
venv/bin/mypy --version
venv/bin/mypy --strict raising.py
interpreted=$(venv/bin/python show.py)
venv/bin/mypyc raising.py >build.log 2>&1 || { cat build.log; exit 1; }
compiled=$(venv/bin/python show.py)
echo "interpreted: $interpreted"
echo "compiled: $compiled"
[ "$interpreted" = "chained KeyError True; hidden NoneType True" ] &&
    [ "$compiled" = "chained NoneType False; hidden NoneType False" ] || {
    echo "The behaviour has changed: the cause of an exception is not lost as it was." >&2
    exit 1
}
