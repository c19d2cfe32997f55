"""`python -m hpts.reference`: write every page that is made from the code, in the checkout."""

import sys
from pathlib import Path

from hpts.reference.pages import texts

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Write them; 0."""
    for name, text in texts().items():
        path = ROOT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(f"written: {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
