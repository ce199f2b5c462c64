"""Runs a command, and prints its wall time and its processor time in seconds.

Usage: measured.py COMMAND [ARGUMENT]...
"""

import resource
import subprocess
import sys
import time

began = time.monotonic()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(time.monotonic() - began, used.ru_utime + used.ru_stime)
