"""`python -m vm` is the command `trapline`."""

from vm.cli import main

if __name__ == "__main__":
    main()
