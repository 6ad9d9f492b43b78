"""The processes of a run: a cluster, its nodes, its clients, and a proxy before each connection to the cluster.

In: a network, which starts `argon` commands and ends all that descends from it. Out: each process by name, for those
who hurt it, and ways to start it again. The clients and nodes of a stage keep their proxies, whoever comes and goes.
"""

from __future__ import annotations

import random
import re
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from argon.settings import parse_address
from tests.chaos.checker import CLUSTER
from tests.chaos.history import FOLDER_VARIABLE, History, Record
from tests.support.fault_proxy import FaultProxy
from tests.support.network import ProcessNetwork, RunningCommand
from tests.support.waiting import wait_until

NODES = 4
WORKERS = 2
CLIENTS = 4
DRIVER_ENDS_WITHIN_S = 150.0


class StageClosing(Exception):
    """The run is being ended before its time."""


class DriverProcess:
    """A client's process.

    Attributes:
        name: what its tasks and its history call it: its place, and how many have had it before.
        process: it.
    """

    def __init__(self, name: str, process: subprocess.Popen[bytes]) -> None:
        self.name = name
        self.process = process


class Stage:
    """All that runs. Leaving the ``with`` ends it.

    Attributes:
        folder: where every process writes its history.
        history: that of the fault injector.
        cluster: its process.
        nodes: by name.
        drivers: by place.
        proxies: by the name of the node, or the place of the client.
        complaints: what went wrong with processes that nobody had hurt.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder / "history"
        self.folder.mkdir()
        self._errors = folder / "stderr"
        self._errors.mkdir()
        self._rng = random.Random(seed)
        self._begun = 0
        self._exits = ExitStack()
        self._closing = threading.Event()
        self.network = ProcessNetwork(self._errors)
        self.network.environment[FOLDER_VARIABLE] = str(self.folder)
        self.history = History(self.folder)
        self.nodes: dict[str, RunningCommand] = {}
        self.drivers: dict[str, DriverProcess] = {}
        self.proxies: dict[str, FaultProxy] = {}
        self.complaints: list[str] = []

    def __enter__(self) -> Self:
        with ExitStack() as exits:
            exits.enter_context(self.network)
            exits.callback(self._kill_drivers)
            self.cluster = self.network.cluster()
            self.address = self.cluster.address
            for name in self._node_names():
                self.proxies[name] = exits.enter_context(FaultProxy(self.address))
                self.start_node(name)
            for place in self._places():
                self.proxies[place] = exits.enter_context(FaultProxy(self.address))
            for node in self.nodes.values():
                node.wait_ready()
            self._exits = exits.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.history.close()
        self._exits.__exit__(kind, error, at)

    def close(self) -> None:
        """Ends every pause, so that the fault injector can stop at once."""
        self._closing.set()

    def pause(self, seconds: float) -> None:
        """Sleeps.

        Raises:
            StageClosing: the run is being ended.
        """
        if self._closing.wait(seconds):
            raise StageClosing

    @staticmethod
    def _node_names() -> list[str]:
        return [f"node-{number}" for number in range(1, NODES + 1)]

    @staticmethod
    def _places() -> list[str]:
        return [f"client-{number}" for number in range(1, CLIENTS + 1)]

    # ---- the cluster and its nodes -----------------------------------------------------------------------------------

    def start_node(self, name: str) -> None:
        """Starts a node, in the place of the one before; does not wait for it."""
        node = self.network.begin_node(self.proxies[name].address, name, "--workers", str(WORKERS))
        self.history.write(Record("started", time.monotonic(), node=name, pid=node.pid))
        self.nodes[name] = node

    def restart_cluster(self) -> None:
        """Starts a cluster where the one before has listened."""
        self.cluster = self.network.cluster(port=str(parse_address(self.address)[1]))

    def still_running(self, name: str) -> RunningCommand:
        """The process of the cluster or a node; notes it if it has ended without being hurt."""
        command = self.nodes.get(name, self.cluster)
        if not command.running():
            self.complaints.append(f"{name} has ended by itself, with {command.wait()}")
        return command

    def look_for_complaints(self) -> None:
        """Notes who has ended without being hurt, and what was written about exceptions."""
        for name in (CLUSTER, *self.nodes):
            self.still_running(name)
        for file in sorted(self._errors.glob("*.stderr")):
            for found in re.findall(r"^Traceback .*(?:\n .*)*\n(.*)", file.read_text(errors="replace"), re.MULTILINE):
                self.complaints.append(f"{file.name}: an exception: {found}")

    # ---- clients -----------------------------------------------------------------------------------------------------

    def start_drivers(self, seconds: float) -> None:
        """Starts a client at each place, which will stop by itself after so long at the latest."""
        self._ends_at = time.monotonic() + seconds
        for place in self._places():
            self.start_driver(place)

    def start_driver(self, place: str) -> None:
        """Starts a client in the place of the one before."""
        self._begun += 1
        name = f"{place}.{self._begun}"
        seconds = str(max(0.0, self._ends_at - time.monotonic()))
        arguments = [self.proxies[place].address, name, str(self._rng.randrange(1 << 32)), seconds]
        with (self._errors / f"{name}.stderr").open("ab") as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.load", *arguments],
                stdin=subprocess.PIPE,
                stderr=errors,
                env=self.network.environment,
            )
        self.drivers[place] = DriverProcess(name, process)

    def end_drivers(self) -> None:
        """Tells the clients to ask no more, and waits until they have all their answers."""
        for driver in self.drivers.values():
            assert driver.process.stdin is not None
            driver.process.stdin.close()
        wait_until(
            lambda: all(driver.process.poll() is not None for driver in self.drivers.values()), DRIVER_ENDS_WITHIN_S
        )
        for driver in self.drivers.values():
            if driver.process.returncode:
                self.complaints.append(f"{driver.name} has ended with {driver.process.returncode}")
        self.drivers.clear()

    def _kill_drivers(self) -> None:
        for driver in self.drivers.values():
            driver.process.kill()
            driver.process.communicate()  # closes its input, too
