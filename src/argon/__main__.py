"""``python -m argon`` is the ``argon`` command."""

from argon.cli.main import main

if __name__ == "__main__":
    main()
