"""Is anybody else using the machine? The system counts the processor time of all, and of this process."""

import os
import time

import psutil

SUSPICIOUS = 0.1  # cores that others keep busy during a row
LOAD = 0.5


class Others:
    """The processor time of everybody else: other processes, the system's own work, other tenants of the machine."""

    def __enter__(self):
        self._process = psutil.Process()
        self._begin = time.perf_counter(), *self._spent()
        return self

    def __exit__(self, *_):
        begin, everybody, own = self._begin
        everybody, own = (now - before for now, before in zip(self._spent(), (everybody, own), strict=True))
        self.cores = max(0.0, everybody - own) / (time.perf_counter() - begin)

    def _spent(self):
        total, own = psutil.cpu_times(), self._process.cpu_times()
        # iowait is idle too; guests are counted in user
        idle = (getattr(total, name, 0.0) for name in ("idle", "iowait", "guest", "guest_nice"))
        return sum(total) - sum(idle), own.user + own.system


def load():
    """Return the load average of the last minute; 0 where the system has none."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


def warning(cores, load_before):
    """Return what to say of a run on a busy machine; None of one on a quiet machine."""
    disturbed = sum(others > SUSPICIOUS for others in cores)
    reasons = []
    if load_before > LOAD:
        reasons.append(f"the load average was {load_before:.1f} before the run")
    if disturbed > len(cores) / 20:
        reasons.append(f"beside {disturbed} of {len(cores)} rows others used more than {SUSPICIOUS} cores")
    return "This machine is busy: " + "; ".join(reasons) + ". Do not trust these times." if reasons else None
