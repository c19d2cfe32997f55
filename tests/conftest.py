"""Fixtures that tests of several folders share."""

from tests.local_servers import bare_servers_dir, kafka, postgres, server_dir
from tests.local_stack import collector, stack, stack_dir

__all__ = ["bare_servers_dir", "collector", "kafka", "postgres", "server_dir", "stack", "stack_dir"]
