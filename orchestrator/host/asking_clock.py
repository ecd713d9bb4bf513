"""`python -m orchestrator.host.asking_clock`: whether the clock is kept, for hands whose sandbox lets nobody near it."""

import sys

from orchestrator.host.clock import kept_by_the_kernel

if __name__ == "__main__":
    sys.stdout.write({True: "yes", False: "no", None: "the kernel does not let this program ask"}[kept_by_the_kernel()])
