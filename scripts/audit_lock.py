"""Compare this environment with its lock; what is otherwise is named, and ends with status 1."""

import sys

from kohorte.study.packages import find_faults

if __name__ == "__main__":
    faults = list(find_faults("envs/requirements.txt"))
    print(*faults or ["the environment is the locked one"], sep="\n")
    sys.exit(bool(faults))
