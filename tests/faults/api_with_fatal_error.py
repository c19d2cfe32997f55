"""The API process as it is, but that SIGUSR1 makes librdkafka's producer fail for good.

The error is raised by librdkafka's own test hook inside the real client, so what follows is what
follows a real one: `python -m tests.faults.api_with_fatal_error`.
"""

import ctypes
import gc
import signal
import sys
from pathlib import Path

import confluent_kafka

from hpts.local.api import main

OUT_OF_ORDER_SEQUENCE_NUMBER = 45


def librdkafka() -> ctypes.CDLL:
    """The library that the binding has loaded; the wheel keeps it beside the package."""
    beside = Path(confluent_kafka.__file__).parents[1] / "confluent_kafka.libs"
    [path] = beside.glob("librdkafka*.so*")
    return ctypes.CDLL(str(path))


def fail_for_good(producer: confluent_kafka.Producer) -> None:
    """Set a fatal error on this producer."""
    raise_fatal_error = librdkafka().rd_kafka_test_fatal_error
    raise_fatal_error.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p]
    # The handle is the first member after the object's head.
    handle = ctypes.c_void_p.from_address(id(producer) + object.__basicsize__).value
    raise_fatal_error(handle, OUT_OF_ORDER_SEQUENCE_NUMBER, b"a test's fatal error")


def fail(_signal: int, _frame: object) -> None:
    """Let the only producer of this process fail."""
    for found in gc.get_objects():
        if type(found) is confluent_kafka.Producer:
            fail_for_good(found)


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, fail)
    sys.exit(main())
