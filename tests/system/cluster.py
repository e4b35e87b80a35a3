"""What the system tests share: a cluster of real processes on ports of its own, and its console.

    with Cluster(containers=3) as cluster:
        cluster.signal("container-1", signal.SIGKILL)
        cluster.wait_for(lambda: cluster.member("container-1")["state"] == "active", 10, "a rejoin")

Nothing outlives the test: the launcher dies with it, and the nodes die with the launcher.
"""
import atexit
import ctypes
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("HOLDFAST_BUILD", SOURCE / "build" / "release"))
HOLDFAST = pathlib.Path(os.environ.get("HOLDFAST", BUILD / "holdfast"))


class Failed(Exception):
    """An expectation did not come true."""


def test(function):
    """Runs the test and ends the process; its result is the one line that the test prints."""
    began = time.monotonic()
    try:
        print(f"{function() or 'as expected'} ({time.monotonic() - began:.1f} s)")
    except Failed as failure:
        print(f"FAILED: {failure}")
        sys.exit(1)


def expect(condition, what):
    if not condition:
        raise Failed(what)


def free_port():
    """A port of 127.0.0.1 that is free for UDP and for TCP."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp, \
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            port = tcp.getsockname()[1]
            try:
                udp.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def scratch_directory():
    """Of this test; tests/run gives one and shows it when the test fails."""
    if "HOLDFAST_TEST_DIR" in os.environ:
        return pathlib.Path(os.environ["HOLDFAST_TEST_DIR"])
    directory = pathlib.Path(tempfile.mkdtemp(prefix="holdfast-test-"))
    os.environ["HOLDFAST_TEST_DIR"] = str(directory)
    return directory


def die_with_parent():
    parent = os.getppid()
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if parent == 1:
        os._exit(1)


def run(*arguments, time_out=60):
    """holdfast ARGUMENTS; the completed process, output as text."""
    return subprocess.run([str(HOLDFAST), *map(str, arguments)], capture_output=True, text=True,
                          timeout=time_out, preexec_fn=die_with_parent)


def alive(pid):
    """Running or stopped; a zombie is gone."""
    try:
        status = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rsplit(")", 1)[1].split()[0] not in "ZX"


ETCD = pathlib.Path("/usr/bin/etcd")


class Etcd:
    """A real etcd of one member on ports of its own; it dies with the test."""

    def __init__(self):
        if not ETCD.exists():
            print(f"there is no {ETCD}")
            sys.exit(77)
        self.port = free_port()
        url, peer = f"http://127.0.0.1:{self.port}", f"http://127.0.0.1:{free_port()}"
        self.process = subprocess.Popen(
            [ETCD, "--data-dir", scratch_directory() / "etcd", "--listen-client-urls", url,
             "--advertise-client-urls", url, "--listen-peer-urls", peer,
             "--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}"],
            stdout=open(scratch_directory() / "etcd.log", "wb"), stderr=subprocess.STDOUT,
            preexec_fn=die_with_parent)
        self.config = f'[ledger]\nbackend = "etcd"\netcd = ["127.0.0.1:{self.port}"]\n'

    def stop(self):
        os.kill(self.process.pid, signal.SIGSTOP)

    def resume(self):
        os.kill(self.process.pid, signal.SIGCONT)


class Cluster:
    def __init__(self, containers=3, proxies=2, config="", ready_within=30, coordinators=1):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="cluster-", dir=scratch_directory()))
        self.state = self.directory / "state"
        self.sip = f"127.0.0.1:{free_port()}"
        self.coordinators = coordinators
        first = self.free_ports(coordinators)
        self.consoles = [f"127.0.0.1:{first + i}" for i in range(coordinators)]
        self.console = self.consoles[0]
        self.ready_within = ready_within
        self.arguments = [str(HOLDFAST), "launch", "--sip", self.sip, "--console", self.console,
                          "--coordinator", "127.0.0.1:0", "--state", str(self.state),
                          "--containers", str(containers), "--proxies", str(proxies),
                          "--coordinators", str(coordinators)]
        if config:
            file = self.directory / "holdfast.toml"
            file.write_text(config)
            self.arguments += ["--config", str(file)]
        self.launcher = None
        os.environ["HOLDFAST_TOKEN_FILE"] = str(self.state / "console.token")  # of `run`

    @staticmethod
    def free_ports(count):
        """The first of some in a row: coordinators have consoles side by side."""
        while True:
            first = free_port()
            sockets = []
            try:
                for i in range(1, count):
                    sockets.append(socket.create_server(("127.0.0.1", first + i)))
                return first
            except OSError:
                continue
            finally:
                for s in sockets:
                    s.close()

    # ---- life

    def start(self):
        with open(self.directory / "launch.log", "ab") as log:
            self.launcher = subprocess.Popen(self.arguments, stdout=log, stderr=log,
                                             stdin=subprocess.DEVNULL, preexec_fn=die_with_parent)
        atexit.register(self.stop)
        self.wait_for(self.ready, self.ready_within, "ready after launch")
        return self

    def stop(self):
        if self.launcher and self.launcher.poll() is None:
            self.launcher.terminate()
            try:
                self.launcher.wait(10)
            except subprocess.TimeoutExpired:
                self.launcher.kill()
                self.launcher.wait()
        return self.launcher and self.launcher.returncode

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def output(self):
        return (self.directory / "launch.log").read_text()

    def log(self, node):
        return (self.state / "log" / f"{node}.log").read_text(errors="replace")

    # ---- console

    def http(self, path, method="GET", headers=None, time_out=5):
        """(status, body as text); status 0 when there was no answer."""
        request = urllib.request.Request(f"http://{self.console}{path}", method=method,
                                         headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=time_out) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(errors="replace")
        except OSError:
            return 0, ""

    def get(self, path):
        status, body = self.http(path)
        expect(status == 200, f"GET {path} was answered {status}: {body.strip()}")
        return json.loads(body)

    def ready(self):
        expect(self.launcher.poll() is None, f"the launcher has ended:\n{self.output()}")
        return self.http("/readyz")[0] == 200

    def members(self):
        return self.get("/api/v1/members")

    def shards(self):
        return self.get("/api/v1/shards")

    def status(self):
        return self.get("/api/v1/status")

    def member(self, name):
        found = [m for m in self.members() if m["name"] == name]
        expect(found, f"there is no member {name}")
        return found[0]

    def standing(self, time_out=0.3):
        """The coordinator that coordinates, by its own word and the newest view; None: none does.

        From then on its console is the one that is asked.
        """
        found = None
        for console in self.consoles:
            try:
                with urllib.request.urlopen(f"http://{console}/api/v1/status", timeout=time_out) as a:
                    status = json.loads(a.read())
            except (OSError, ValueError):
                continue
            if status["coordinates"] and (not found or status["view"] > found[0]):
                found = status["view"], status["coordinator"]
        if found:
            self.console = self.consoles[int(found[1].split("-")[-1]) - 1]
        return found and found[1]

    def busiest(self, role="container"):
        """The active member of a role that holds most sessions."""
        some = [m for m in self.members() if m["role"] == role and m["state"] == "active"]
        expect(some, f"there is no active {role}")
        return max(some, key=lambda m: m["sessions"] or 0)["name"]

    def protected(self):
        """Every shard has an owner and a copy that is in sync."""
        return not any(s["unprotected"] or not s["owner"] for s in self.shards())

    # ---- faults

    def signal(self, name, what):
        """To the process of a node; its PID."""
        pid = self.member(name)["pid"]
        os.kill(pid, what)
        return pid

    def kill_and_wait(self, name):
        """kill -9, and until another process stands in its place."""
        pid = self.signal(name, signal.SIGKILL)
        self.wait_for(lambda: self.member(name)["pid"] != pid and self.member(name)["state"] == "active", 60,
                      f"return of {name}")

    # ---- waiting and load

    @staticmethod
    def wait_for(condition, within, what):
        deadline = time.monotonic() + within
        while not condition():
            expect(time.monotonic() < deadline, f"no {what} within {within} s")
            time.sleep(0.05)

    def exercise(self, *arguments, user="", transport="", time_out=240):
        """holdfast exercise against this cluster: the process, and its result as JSON.

        `user`: somebody who answers by himself, as "answer" does; else callees register.
        """
        file = self.directory / f"exercise-{time.monotonic_ns()}.json"
        target = f"sip:{user}@{self.sip}" if user else f"sip:{self.sip}"
        target += f";transport={transport}" if transport else ""
        process = run("exercise", target, "--json", file, *arguments, time_out=time_out)
        return process, json.loads(file.read_text()) if file.exists() else {}


# ---- the oracle's verdict ----------------------------------------------------------------------

def judged(process, result, calls):
    """Nothing was lost or violated in a run of `calls` calls, and it was no empty run."""
    text = f"exercise ended with {process.returncode}:\n{process.stdout[-3000:]}{process.stderr[-1000:]}"
    expect(process.returncode == 0, text)
    expect(result["stable_at_fault"] >= calls, f"only {result['stable_at_fault']} calls were stable")
    expect(result["lost"] == 0 and not result["violations"], text)
    return result


def survives(fault, calls=400, config="", extra=80, containers=3, rate=100, window=2, before=None,
             arguments=(), transport="", coordinators=1, judge=None):
    """Calls are up, `fault(cluster)` happens while new ones arrive: nothing stable may be lost.

    The fault is done by this process, at the moment at which exercise runs its fault command. Every
    call is probed once within `window` seconds of that. `before(cluster)` prepares the cluster,
    `judge(result)` expects more of the verdict and says what it saw.
    """
    with Cluster(config=config, containers=containers, coordinators=coordinators) as cluster:
        if before:
            before(cluster)
        pipe = cluster.directory / "fault"
        os.mkfifo(pipe)
        outcome, struck, over = {}, threading.Event(), threading.Event()

        def strike():
            pipe.read_bytes()  # returns when exercise says that it is time
            try:
                outcome["told"] = fault(cluster)
            except Exception as problem:  # of the other thread: shown by the test
                outcome["problem"] = problem
            struck.set()
            over.wait()  # what this thread has started dies with it

        thread = threading.Thread(target=strike, daemon=True)
        thread.start()
        process, result = cluster.exercise("--calls", calls, "--rate", rate, "--hold", 4, "--probe",
                                           "mix", "--probe-window", window, "--extra-calls", extra,
                                           "--fault-command", f"echo now > {pipe}", *arguments,
                                           transport=transport, time_out=600)
        in_time = struck.wait(60)
        over.set()
        expect(in_time, "the calls were over before the fault was")
        expect("problem" not in outcome, f"the fault failed: {outcome.get('problem')}")
        judged(process, result, calls)
        seen = ", " + judge(result) if judge else ""
        gap = result["gap_ms"]
        return (f"{calls} calls, {outcome.get('told') or 'fault done'}: 0 lost, "
                f"gap p50 {gap['p50']:.0f} p99 {gap['p99']:.0f} max {gap['max']:.0f} ms{seen}")


def sipp(*arguments, time_out=120):
    """SIPp without a terminal; its statistics screen as text, and its exit code."""
    done = subprocess.run(["sipp", *map(str, arguments), "-i", "127.0.0.1", "-nostdin"],
                          capture_output=True, text=True, errors="replace", timeout=time_out,
                          preexec_fn=die_with_parent, cwd=scratch_directory())
    return done.returncode, done.stdout


def sipp_figure(screen, label):
    """The last cumulative value of a row of SIPp's statistics."""
    rows = [line for line in screen.splitlines() if line.strip().startswith(label)]
    expect(rows, f"SIPp printed no '{label}':\n{screen[-2000:]}")
    return int(rows[-1].split("|")[-1].split()[0])


def sipp_retransmissions(screen):
    """Of every message of the scenario, both ways, on the last screen."""
    last = screen.rsplit("Messages  Retrans", 1)[-1]
    total = 0
    for line in last.splitlines():
        for arrow in ("---------->", "<----------"):
            if arrow not in line:
                continue
            name, figures = line.split(arrow)
            words = figures.split() if name.strip() else figures.split()[1:]  # a callee names it behind
            numbers = [int(word) for word in words if word.isdigit()]
            total += numbers[1] if len(numbers) > 1 else 0
    return total


def b2bua_to(port, transport=""):
    """A configuration whose calls all go to one address of this machine."""
    target = f"sip:127.0.0.1:{port};transport={transport}" if transport else f"127.0.0.1:{port}"
    return ('[[application]]\nname = "registrar"\napplication = "registrar"\nmethods = ["REGISTER"]\n'
            '[[application]]\nname = "calls"\napplication = "b2bua"\n'
            f'settings = {{ target = "{target}" }}\n')


SIPP = SOURCE / "tests" / "system" / "sipp"


class Callee:
    """SIPp as callee in the background: its built-in uas, or a scenario of ours. `over`: its -t."""

    def __init__(self, port, scenario=None, over="u1"):
        what = ["-sf", str(SIPP / scenario)] if scenario else ["-sn", "uas"]
        self.screen = scratch_directory() / f"callee-{port}.log"
        self.process = subprocess.Popen(
            ["sipp", *what, "-i", "127.0.0.1", "-p", str(port), "-t", over, "-nostdin"],
            stdout=open(self.screen, "wb"), stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            preexec_fn=die_with_parent, cwd=scratch_directory())

    def end(self):
        """Ends it; its last statistics screen."""
        self.process.send_signal(signal.SIGUSR1)  # SIPp's own way: finish what is open, then end
        try:
            self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        return self.screen.read_text(errors="replace")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
