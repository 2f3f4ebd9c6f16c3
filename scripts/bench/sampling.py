"""libvirt's own Python binding in a long-lived process: one round of statistics for each line of input.

Usage: sampling.py URI. `call` times getAllDomainStats alone, which makes the dictionaries; `named` also asks
each domain for its uuid and name, as JimV's rounds hold them. Answers nanoseconds, domains and values.
"""

import sys
import time

import libvirt

connection = libvirt.open(sys.argv[1])
flags = libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT
for line in sys.stdin:
    begun = time.perf_counter_ns()
    records = connection.getAllDomainStats(0, flags)
    if line.strip() == "named":
        records = [(domain.UUIDString(), domain.name(), values) for domain, values in records]
    ended = time.perf_counter_ns()
    print(ended - begun, len(records), sum(len(record[-1]) for record in records), flush=True)
    del records
