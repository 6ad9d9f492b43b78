"""The first lines of every process that Argon starts for itself: it is run as a file, and needs nothing but Python.

In, on the command line: the module whose ``main`` is wanted, folders where Argon's dependencies are, and arguments for
that module. Out: a call of it. Argon comes from the folder of this file, whatever else has its name, and no file of
the working folder or of a script's folder is taken for one of the standard library's.
"""

import sys


def main() -> None:
    """Runs ``main`` of the module that is asked for, with the other arguments."""
    if not sys.flags.safe_path:
        del sys.path[0]  # this folder
    import os.path
    from importlib import import_module
    from importlib.util import module_from_spec, spec_from_file_location

    module, places = sys.argv[1:3]
    del sys.argv[1:3]
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    sys.path += [place for place in places.split(os.pathsep) if place and place not in sys.path]
    spec = spec_from_file_location("argon", os.path.join(package, "__init__.py"), submodule_search_locations=[package])
    assert spec is not None
    assert spec.loader is not None
    sys.modules["argon"] = argon = module_from_spec(spec)
    spec.loader.exec_module(argon)
    del sys.modules["__main__"].__file__  # a process that a task spawns must not run this
    import_module(module).main()


if __name__ == "__main__":
    main()
