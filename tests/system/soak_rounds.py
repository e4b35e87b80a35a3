"""The rounds of tests/soak_cluster: each one run with several faults, judged by `holdfast exercise` from outside.

Between two faults everything is held twice again, unless the round says otherwise.
"""
import os
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time

from cluster import Cluster, HOLDFAST, die_with_parent, expect, run, survives
from mid_transaction import every_step

HELD = int(os.environ.get("HOLDFAST_SOAK_CALLS", "2000"))  # calls that stand
RATE = 50  # new ones a second
SLOWER_WHILE_GROWING = 1.5  # what is aimed at


class Skipped(Exception):
    """This machine does not allow it."""


def settled(cluster):
    cluster.wait_for(lambda: cluster.ready() and cluster.protected()
                     and all(m["state"] in ("active", "down") for m in cluster.members()), 90,
                     "cluster in which everything is held twice")


def nodes(cluster, role):
    return sorted(m["name"] for m in cluster.members() if m["role"] == role and m["state"] == "active")


def series(fault, faults, seconds_each, **options):
    def all_of_them(cluster):
        for _ in range(faults):
            settled(cluster)
            fault(cluster)
        settled(cluster)
        return f"{faults} faults"

    window = faults * seconds_each
    return survives(all_of_them, calls=HELD, rate=RATE, window=window, extra=window * RATE, **options)


def kills():
    """kill -9 of a random container"""
    return series(lambda c: c.kill_and_wait(random.choice(nodes(c, "container"))), 10, 9)


def rolling():
    """every node restarted in turn: containers drained first, then proxies, dispatcher, coordinator"""
    def all_nodes(cluster):
        for name in nodes(cluster, "container"):
            settled(cluster)
            done = run("drain", name, "--console", cluster.console, time_out=120)
            expect(done.returncode == 0, f"drain {name}: {done.stderr}")
            cluster.kill_and_wait(name)
        for role in ("proxy", "dispatcher"):
            for name in nodes(cluster, role):
                cluster.kill_and_wait(name)
        pid = cluster.signal("coordinator-1", signal.SIGKILL)
        cluster.wait_for(lambda: cluster.http("/readyz")[0] == 200
                         and cluster.member("coordinator-1")["pid"] != pid, 60, "coordinator")
        settled(cluster)
        return "every node restarted"

    return survives(all_nodes, calls=HELD // 2, rate=RATE, window=60, extra=60 * RATE)


class Unsupervised:
    """Containers that no launcher can kill: a wrong suspicion has to be harmless by the lease alone."""
    NAMES = ("container-8", "container-9")

    def __init__(self, cluster, names=NAMES, start=True):
        self.cluster, self.processes = cluster, {}
        for name in names if start else ():
            self.start(name)

    def end(self, name):
        self.processes[name].terminate()
        self.processes[name].wait(10)
        self.cluster.wait_for(lambda: self.cluster.member(name)["state"] == "down", 20, f"{name} down")

    def start(self, name):
        log = open(self.cluster.directory / f"{name}.log", "ab")
        self.processes[name] = subprocess.Popen(
            [str(HOLDFAST), "node", name, "--config", str(self.cluster.state / "effective.toml")],
            stdout=log, stderr=log, stdin=subprocess.DEVNULL, preexec_fn=die_with_parent)
        self.cluster.wait_for(lambda: any(m["name"] == name and m["state"] == "active"
                                          and m["pid"] == self.processes[name].pid
                                          for m in self.cluster.members()), 60, f"{name} active")

    def sleep_and_wake(self, cluster):
        name = random.choice(self.NAMES)
        process = self.processes[name]
        process.send_signal(signal.SIGSTOP)
        cluster.wait_for(lambda: cluster.member(name)["state"] == "down", 10, f"fencing of {name}")
        cluster.wait_for(cluster.protected, 60, "copies of everything")
        process.send_signal(signal.SIGCONT)
        cluster.wait_for(lambda: process.poll() is not None, 10, f"end of the zombie {name}")
        self.start(name)


def sleeps():
    """SIGSTOP, fenced by its lease, later SIGCONT, of a container without launcher"""
    rest = {}
    return series(lambda c: rest["of"].sleep_and_wake(c), 5, 12,
                  before=lambda c: rest.update(of=Unsupervised(c)))


# ---- partitions --------------------------------------------------------------------------------


def in_namespace(name):
    """Runs one round again where the loopback interface is ours alone, and returns its last line."""
    if not shutil.which("nft") or not shutil.which("ip"):
        raise Skipped("ip and nft are needed to cut links")
    space = f"holdfast-{os.getpid()}"
    if subprocess.run(["ip", "netns", "add", space], capture_output=True).returncode != 0:
        raise Skipped("network namespaces are not allowed here")
    try:
        subprocess.run(["ip", "-n", space, "link", "set", "lo", "up"], check=True)
        code = f"import soak_rounds; print(soak_rounds.{name}())"
        done = subprocess.run(["ip", "netns", "exec", space, sys.executable, "-c", code],
                              cwd=os.path.dirname(__file__), capture_output=True, text=True)
        expect(done.returncode == 0, done.stdout[-1000:] + done.stderr[-1500:])
        return done.stdout.strip().splitlines()[-1]
    finally:
        subprocess.run(["ip", "netns", "delete", space])


def ports_of(pid):
    """(TCP, UDP) ports of 127.0.0.1 that a process uses."""
    found = {}
    for kind in ("t", "u"):
        listing = subprocess.run(["ss", f"-{kind}npaH"], capture_output=True, text=True).stdout
        found[kind] = sorted({line.split()[3].rsplit(":", 1)[1] for line in listing.splitlines()
                              if f"pid={pid}," in line})
    return found["t"], found["u"]


def cut(cluster, a, b, both_ways):
    """Rules that drop what a says to b, and the reverse if both_ways."""
    (tcp_a, udp_a), (tcp_b, udp_b) = (ports_of(cluster.member(n)["pid"]) for n in (a, b))
    rules = []
    for from_tcp, from_udp, to_tcp, to_udp in [(tcp_a, udp_a, tcp_b, udp_b)] + (
            [(tcp_b, udp_b, tcp_a, udp_a)] if both_ways else []):
        for kind, source, target in (("tcp", from_tcp, to_tcp), ("udp", from_udp, to_udp)):
            rules.append(f"{kind} sport {{ {', '.join(source)} }} {kind} dport "
                         f"{{ {', '.join(target)} }} drop")
    script = ("table inet holdfast {\nchain cut {\ntype filter hook input priority 0;\n"
              + "\n".join(rules) + "\n}\n}\n")
    subprocess.run(["nft", "-f", "-"], input=script, text=True, check=True)


def heal():
    subprocess.run(["nft", "delete", "table", "inet", "holdfast"], check=False)


def partition(cluster):
    container = cluster.busiest()
    other = random.choice([n for n in nodes(cluster, "container") if n != container])
    peer = random.choice(["coordinator-1", other, random.choice(nodes(cluster, "proxy"))])
    pair = [container, peer]
    random.shuffle(pair)
    cut(cluster, *pair, both_ways=random.random() < 0.5)
    time.sleep(random.choice([1, 3]))
    heal()


def partitions_inside():
    return series(partition, 6, 10)


def partitions():
    """container cut from coordinator, replica or proxy for 1 or 3 s, one way or both"""
    return in_namespace("partitions_inside")


# ---- growth ------------------------------------------------------------------------------------


class Crowd:
    """Calls that stand while others come and go."""

    def __init__(self, cluster, calls):
        held = threading.Thread(target=cluster.exercise, daemon=True, kwargs={"time_out": 900}, args=(
            "--calls", calls, "--rate", 100, "--hold", 0.1, "--settle", 800, "--fault-command", "true"))
        held.start()
        cluster.wait_for(lambda: cluster.status()["sessions"] >= calls, 120, f"{calls} calls that stand")


def busy_while(cluster, what):
    """p99 of BYE and of INVITE to 180, in ms, of calls that come and go for 5 s; `what` begins after 1.5 s."""
    done = []
    thread = threading.Thread(target=lambda: done.extend(cluster.exercise(
        "--calls", 400, "--rate", 80, "--hold", 1, "--probe", "mix")))
    thread.start()
    time.sleep(1.5)
    what()  # by the thread that stays: a process dies with the one that has started it
    thread.join()
    process, result = done
    expect(process.returncode == 0, process.stdout[-2000:])
    return result["sdd_ms"]["p99"], result["srd_ms"]["p99"]


def growth():
    """response times while a container bootstraps under calls that stand, against those just before, in turn"""
    bye, invite = [], []
    with Cluster(containers=3) as cluster:
        Crowd(cluster, HELD)
        time.sleep(15)
        for _ in range(6):
            settled(cluster)
            before = busy_while(cluster, lambda: None)
            newcomer = Unsupervised(cluster, ("container-9",), start=False)
            during = busy_while(cluster, lambda: newcomer.start("container-9"))
            bye.append(during[0] / before[0])
            invite.append(during[1] / before[1])
            settled(cluster)
            drained = run("drain", "container-9", "--console", cluster.console, time_out=120)
            expect(drained.returncode == 0, f"drain container-9: {drained.stdout}{drained.stderr}")
            newcomer.end("container-9")
    said = (f"p99 of BYE {statistics.median(bye):.2f} times that before (of six the most {max(bye):.2f}), of INVITE "
            f"{statistics.median(invite):.2f} ({max(invite):.2f})")
    expect(max(statistics.median(bye), statistics.median(invite)) <= SLOWER_WHILE_GROWING, said)
    return said


# ---- class transaction --------------------------------------------------------------------------


def steps():
    """in class transaction, a container killed at each step of INVITE, 180, CANCEL, 200 and ACK, re-INVITE, BYE"""
    calls, held, spoilt = every_step(rounds=2)
    return f"{calls} calls, {held} sessions hit, {spoilt} calls spoilt"


# name -> what it does, how often by default, faults in each run
ROUNDS = {
    "kills": (kills, 10, 10),
    "sleeps": (sleeps, 20, 5),
    "rolling": (rolling, 3, 7),
    "partitions": (partitions, 5, 6),
    "growth": (growth, 2, 6),
    "steps": (steps, 8, 12),
}
