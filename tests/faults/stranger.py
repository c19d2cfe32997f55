"""`python -m tests.faults.stranger BOOTSTRAP PARTITION SECONDS`: writes to the commands topic in a
transaction, says so, and never ends it.
"""

import sys
import time
from uuid import uuid4

from confluent_kafka import Producer

from schemas.topics import COMMANDS


def main(bootstrap: str, partition_id: int, timeout_s: int) -> None:
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "transactional.id": f"stranger-{uuid4()}",
            "transaction.timeout.ms": timeout_s * 1000,
        }
    )
    producer.init_transactions(20)
    producer.begin_transaction()
    producer.produce(COMMANDS, b"not signed", b"key", partition_id)
    assert producer.flush(10) == 0
    print("open", flush=True)
    time.sleep(600)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
