"""Medians of CPU time as a table of ratios, and the verdict on what is aimed at."""
import json
import sys

AIMS = {"route": 5.0, "decode": 2.0, "write": 2.0}
median = {}
for run in json.load(sys.stdin)["benchmarks"]:
    if run["aggregate_name"] == "median":
        median[run["run_name"]] = (run["cpu_time"], run["allocations"])

print(f"{'':22} {'ns':>7} {'allocations':>12}")
for name, (ns, allocations) in median.items():
    print(f"{name:22} {ns:7.0f} {allocations:12.0f}")
print()
failed = False
for what, aim in AIMS.items():
    ours = median[f"holdfast_{what}"][0]
    ratios = {other: median[f"{other}_{what}"][0] / ours for other in ("osip", "sofia")}
    fine = min(ratios.values()) >= aim
    failed = failed or not fine
    print(f"{what:8} faster than oSIP {ratios['osip']:5.1f}x, than Sofia-SIP {ratios['sofia']:5.1f}x, "
          f"aim {aim:.0f}x: {'yes' if fine else 'NO'}")
for name in ("holdfast_route", "holdfast_route_checked", "holdfast_decode"):
    if median[name][1] != 0:
        print(f"{name} allocates")
        failed = True
sys.exit(failed)
