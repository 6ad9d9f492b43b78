"""What a node passes to its worker, and what it need not load for that."""

from __future__ import annotations

import subprocess
import sys

import msgspec

from argon.ipc.worker_config import WorkerConfig


def test_config_through_json_is_the_same() -> None:
    config = WorkerConfig(3, 4, 5, 6, "node-1", ["/a", "/b"], 1 << 20)
    assert msgspec.json.decode(msgspec.json.encode(config), type=WorkerConfig) == config


def test_cluster_and_node_load_nothing_that_pickles() -> None:
    code = "import sys, argon.cluster.cluster, argon.node.node; print('argon.call.payload' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert run.stdout.strip() == "False"
