"""`python -m gradatim` is the command line."""

from gradatim.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
