"""The HPTS client for Python: `Client` and `AsyncClient` for the API, batches of accruals, and the
direct producer to Kafka.
"""

from hpts_client.client import AsyncClient, Client
from hpts_client.connections import Connection, NoConnection, connection
from hpts_client.errors import ClientError, FieldFault, Refused, Stalled, Unreachable
from hpts_client.exchange import Credentials, Patience, Submission
from hpts_client.streams import AsyncJournalStream, JournalStream
from hpts_client.transport import Certificate

__all__ = [
    "AsyncClient",
    "AsyncJournalStream",
    "Certificate",
    "Client",
    "ClientError",
    "Connection",
    "Credentials",
    "FieldFault",
    "JournalStream",
    "NoConnection",
    "Patience",
    "Refused",
    "Stalled",
    "Submission",
    "Unreachable",
    "connection",
]
