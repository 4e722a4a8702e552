"""`python -m transmissions` is `trans`."""

from transmissions.cli import program

if __name__ == "__main__":
    program()
