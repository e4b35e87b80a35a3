"""Instructions per message, as callgrind counts them: two runs of each, their difference divided by
the difference in rounds, so that the start of the process does not count."""
import os
import re
import subprocess
import sys
import tempfile

binary = sys.argv[1]
names = subprocess.run([binary, "--benchmark_list_tests"], capture_output=True, text=True,
                       check=True).stdout.split()


def count(name, rounds):
    with tempfile.TemporaryDirectory() as d:
        out = subprocess.run(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={d}/out", binary,
             f"--benchmark_filter=^{name}/"],
            env={**os.environ, "ROUNDS": str(rounds)}, capture_output=True, text=True, check=True)
    return int(re.search(r"Collected : (\d+)", out.stderr).group(1))


for name in names:
    print(f"{name:22} {(count(name, 1100) - count(name, 100)) / 1000:8.0f} instructions", flush=True)
