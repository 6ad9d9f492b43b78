"""The hot modules one by one, each called as its neighbours call it.

    python -m pytest benchmarks/micro --benchmark-only

What is measured is one call, or one turn of calls after which the module is as it was before. The last number in a name
is how many tasks that handles: a read brings one task, or 64.
"""
