"""Calls in lockstep, and a container that is killed at a step of all of them.

    0 s INVITE, 180 | 0.5 s some CANCEL | 1 s 200, ACK | 2 s re-INVITE | 3 s BYE
"""
import random
import threading
import time

from cluster import Cluster, Failed, expect

CALLS = 200  # at once
RING_S, HOLD_S = 1, 2

# Step -> from when to when, after the first INVITE, its messages are under way.
STEPS = {
    "INVITE": (0.0, 0.25),
    "180": (0.25, 0.45),
    "CANCEL": (0.5, 0.6),
    "200 and ACK": (1.0, 1.25),
    "re-INVITE": (2.0, 2.25),
    "BYE": (3.0, 3.25),
}

CONFIG = """
[[application]]
name = "registrar"
application = "registrar"
methods = ["REGISTER"]
[[application]]
name = "calls"
application = "b2bua"
durability = "transaction"
"""


class Watch:
    """The most sessions that a container reports while it has this process."""

    def __init__(self, cluster, name, pid):
        self.most, self.over = 0, threading.Event()
        self.thread = threading.Thread(target=self.look, args=(cluster, name, pid), daemon=True)
        self.thread.start()

    def look(self, cluster, name, pid):
        while not self.over.is_set():
            try:
                member = cluster.member(name)
            except Failed:
                continue
            if member["pid"] != pid:
                return
            self.most = max(self.most, member["sessions"] or 0)
            time.sleep(0.1)

    def end(self):
        self.over.set()
        self.thread.join()
        return self.most


def one(cluster, step, victim):
    """(sessions on the victim, calls that did not end as they should)."""
    pid = cluster.member(victim)["pid"]
    at = random.uniform(*STEPS[step])
    watch = Watch(cluster, victim, pid)
    process, result = cluster.exercise(
        "--calls", CALLS, "--rate", 10000, "--callees", 20, "--ring", RING_S * 1000, "--hold", HOLD_S,
        "--probe", "reinvite", "--cancel-every", 4, "--fault-at", f"{at:.3f}",
        "--fault-command", f"kill -9 {pid}")
    held = watch.end()
    expect("established" in result, f"no verdict: {process.stdout[-1000:]}{process.stderr[-1000:]}")
    wrong = {problem["call_id"] for problem in result["violations"] + result["lost_calls"]}
    spoilt = max(len(wrong), CALLS - result["established"] - result["cancelled"])
    if spoilt:
        print(f"{step}, {victim} killed after {at:.3f} s: {process.stdout[-4000:]}")
    cluster.wait_for(lambda: cluster.ready() and cluster.member(victim)["pid"] != pid
                     and cluster.member(victim)["state"] == "active" and cluster.protected(), 60,
                     f"return of {victim}")
    return held, spoilt


def every_step(rounds, enough=0.999):
    """(calls, sessions on the containers that were killed, calls that did not end as they should)."""
    calls = held = spoilt = 0
    with Cluster(config=CONFIG) as cluster:
        cluster.wait_for(cluster.protected, 30, "copies of everything")
        for _ in range(rounds):
            for step in STEPS:
                on_victim, wrong = one(cluster, step, f"container-{random.randint(1, 3)}")
                calls, held, spoilt = calls + CALLS, held + on_victim, spoilt + wrong
    expect(spoilt <= calls * (1 - enough), f"{spoilt} of {calls} calls did not end as they should")
    return calls, held, spoilt
