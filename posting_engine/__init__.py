"""The single writer: reads the command log, decides, and posts in one transaction per batch."""

import os

# numpy is here for columns of integers alone. Its linear algebra would start a thread with buffers
# of its own for each core as soon as it is imported, so this must stand before all imports.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
