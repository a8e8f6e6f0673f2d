#!/usr/bin/env python3
"""Sets the book up and runs it. Needs Python 3.11 or later and nothing else.

python run.py lab            opens the book in JupyterLab; further arguments go to JupyterLab
python run.py test           checks style and types, executes every chapter, runs every test
python run.py book [05 ...]  executes all chapters, or those that begin so, and saves them
python run.py export [05 ..] writes chapters as pages; --pdf, --slides, --student: see the README
python run.py claims         runs chapters and tests under other arithmetics and seeds (hours)
python run.py bench          measures the speed of what the book computes with
python run.py pins           writes the versions in use to constraints.txt

The first call makes the folder .venv and installs the tested versions into it; later calls find it
ready. Chapters are opened as copies in the folder work/, so that your changes stay yours.
"""

# An old Python must be able to read this file, Python 2 included: what it does is in tools/.
import sys

OLDEST_PYTHON = (3, 11)


def main(arguments=None):
    if sys.version_info < OLDEST_PYTHON:
        versions = OLDEST_PYTHON + tuple(sys.version_info[:2])
        sys.exit(
            "run.py: this book needs Python {}.{} or later; this is {}.{}. "
            "If you have a newer one, call it by its name: python3.12 run.py lab".format(*versions)
        )
    from tools import commands

    return commands.main(arguments, description=__doc__)


if __name__ == "__main__":
    sys.exit(main())
