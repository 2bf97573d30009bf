"""`python -m pytest_prodstatus`: the command `prodstatus`, if its script is not on the path."""

from pytest_prodstatus.cli.main import main

if __name__ == "__main__":
    main()
