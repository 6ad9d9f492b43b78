"""The processes of an Argon network: cluster, node, worker, and the faces that callers use."""
