"""A proxy before the broker that keeps a member of a group from its coordinator, and from nothing
else: what it fetches and writes passes.

Requests of the group protocol never arrive. A heartbeat is answered by the proxy, as by a
coordinator that is no longer in charge and does not know it: the member believes itself alive for
as long as that lasts, which is longer than any session.
"""

import socket
import struct
import threading
from contextlib import suppress

from tests.faults.fault_proxy import FaultProxy

JOIN_GROUP, HEARTBEAT, LEAVE_GROUP, SYNC_GROUP = 11, 12, 13, 14
FIRST_FLEXIBLE = {JOIN_GROUP: 6, HEARTBEAT: 4, LEAVE_GROUP: 4, SYNC_GROUP: 4}
