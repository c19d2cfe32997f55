"""What the tests of partners share."""

from pathlib import Path
from typing import Any

import pytest

from tests.security.partner_sockets import Partners


@pytest.fixture(scope="session")
def partners(stack: dict[str, Any], stack_dir: Path) -> Partners:
    """Whoever could ask the session's stack; `front` has a certificate, and is its proxy."""
    known = Partners(stack, stack_dir)
    known.named("front")
    return known
