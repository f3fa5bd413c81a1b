"""``python -m headstart`` is the ``headstart`` command, and what ``torchrun -m headstart`` starts in each process."""

from headstart.cli import main

if __name__ == "__main__":
    main()
