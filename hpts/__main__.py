"""`python -m hpts`: the command line."""

from hpts.cli import main

if __name__ == "__main__":
    main()
