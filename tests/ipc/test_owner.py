"""What a local cluster knows of its owner, through a descriptor that is inherited."""

from __future__ import annotations

import os
import subprocess
import sys

from argon.ipc.owner import Owner, read_owner, share


def test_what_is_shared_is_read_by_any_number_of_processes() -> None:
    owner = Owner("token", {"workers": None}, ["-O"], ["/a"], ["a.py"], b"key", bytes(3 << 20))
    fd = share(owner)
    code = f"from argon.ipc.owner import read_owner; print(len(read_owner({fd}).script))"
    try:
        for _ in range(2):
            done = subprocess.run([sys.executable, "-c", code], pass_fds=(fd,), stdout=subprocess.PIPE, check=True)
            assert int(done.stdout) == 3 << 20
        assert read_owner(fd) == owner
    finally:
        os.close(fd)


def test_it_is_not_inherited_unless_it_is_passed_on() -> None:
    fd = share(Owner("token", {}, [], [], [], b"key"))
    try:
        assert not os.get_inheritable(fd)
    finally:
        os.close(fd)
