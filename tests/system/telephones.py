"""What the tests with programs of others as telephones share: what they do on the line, and how that is judged.

A telephone has `name`, `address` and `program`, and does `call`, `answer`, `hold`, `resume`, `transfer`
and `hang_up`. It says `state()`: "idle", "ringing" or "up", and `messages()`: every SIP message that it
saw, oldest first. The cluster is asked by itself.
"""
import contextlib
import os
import re
import signal
import subprocess

from cluster import Cluster, die_with_parent, expect, scratch_directory

DOMAIN = "holdfast.example"  # of everybody's address; the cluster is the proxy to which it leads
T1 = 0.2  # s; a call is remembered for 64*T1 after its end, so that repetitions find their answer
CONFIG = f"[timers]\nt1_ms = {T1 * 1000:.0f}\n"
WITHIN = 15  # seconds for one step on a loaded machine
DIRECTION = re.compile(r"^a=(sendrecv|sendonly|recvonly|inactive)\s*$", re.MULTILINE)


class Message:
    """A SIP message, as a telephone saw it."""

    def __init__(self, incoming, text):
        self.incoming = incoming
        self.text = text.replace("\r", "")
        self.first = self.text.split("\n", 1)[0]
        self.status = int(self.first.split()[1]) if self.first.startswith("SIP/2.0 ") else 0
        self.method = self.field("CSeq").split()[-1]

    def field(self, name):
        found = re.search(rf"^(?:{name})\s*:\s*(.*)$", self.text, re.IGNORECASE | re.MULTILINE)
        return found.group(1).strip() if found else ""

    def direction(self):
        """Of the media in its SDP; None without SDP."""
        found = DIRECTION.search(self.text)
        return found.group(1) if found else "sendrecv" if "\nm=" in self.text else None


class Telephone:
    """A process in a directory that is also its home; nothing of it lies elsewhere or outlives the test."""

    def __init__(self, cluster, user):
        self.name = user
        self.address = f"sip:{user}@{DOMAIN}"
        self.directory = scratch_directory() / f"{self.program}-{user}"
        self.directory.mkdir()
        self.process = None
        self.read = 0  # messages that were dealt with

    def run(self, *command, **more):
        home = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
        home["HOME"] = str(self.directory)
        self.process = subprocess.Popen(list(map(str, command)), cwd=self.directory, preexec_fn=die_with_parent,
                                        env=home, stderr=subprocess.STDOUT, **more)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process:
            self.process.kill()
            self.process.wait()

    def new_messages(self):
        """Since `dealt_with`."""
        return self.messages()[self.read:]

    def dealt_with(self):
        self.read = len(self.messages())

    def saw(self, incoming, method, status=0, direction=()):
        """Such a message is among the new ones."""
        return any(m.incoming == incoming and m.method == method and m.status == status
                   and (not direction or m.direction() in direction) for m in self.new_messages())


def wait_for(condition, what, within=WITHIN):
    Cluster.wait_for(condition, within, what)


def are(state, *telephones):
    for telephone in telephones:
        wait_for(lambda: telephone.state() == state, f"{state} {telephone.name}")


def nobody_was_refused(*telephones):
    """All that was asked was granted. A BYE may come once more to a telephone that has left: when two cross each
    other, and after a failover when the answer to the first one died with the container."""
    for telephone in telephones:
        messages = telephone.messages()
        left = set()
        for m in messages:
            call_id = m.field("Call-ID|i")
            again = m.method == "BYE" and m.status == 481 and not m.incoming and call_id in left
            expect(m.status < 300 or again, f"{telephone.name} {'heard' if m.incoming else 'said'}:\n{m.text}")
            if m.method == "BYE" and not m.incoming:
                left.add(call_id)


# ---- what the cluster says ---------------------------------------------------------------------


def calls(cluster):
    """Those that stand: without registrations, and without what waits for repetitions only."""
    return [row for row in cluster.get("/api/v1/calls")["rows"]
            if row["application"] != "registrar" and row["stable"] and not row["ending"]]


def call_of(cluster, *telephones):
    """The call between these, when it is the only one that stands; else None."""
    rows = calls(cluster)
    if len(rows) != 1:
        return None
    people = rows[0]["caller"] + " " + rows[0]["callee"]
    return rows[0] if all(t.name in people for t in telephones) else None


def stands(cluster, *telephones):
    """Both say so, and the cluster: its row of the call."""
    are("up", *telephones)
    rows = []
    wait_for(lambda: rows.append(call_of(cluster, *telephones)) or rows[-1], "one stable call at the cluster")
    return rows[-1]


def kill_owner(cluster, *telephones):
    """SIGKILL to the container that holds the call of these, as soon as a copy of it is elsewhere."""
    wait_for(cluster.protected, "copy of every shard", 30)
    node = stands(cluster, *telephones)["node"]
    cluster.signal(node, signal.SIGKILL)
    return node


def moved(cluster):
    """How many sessions were taken over from containers that died, by the cluster's own account."""
    return sum(failover["sessions"] for failover in cluster.get("/api/v1/failovers"))


# ---- what is done ------------------------------------------------------------------------------


def registered(cluster, *telephones):
    """All of these, by their own word and the cluster's."""
    for telephone in telephones:
        wait_for(lambda: telephone.saw(True, "REGISTER", 200), f"registration of {telephone.name}")
    rows = [row["callee"] for row in cluster.get("/api/v1/calls")["rows"] if row["application"] == "registrar"]
    for telephone in telephones:
        expect(any(telephone.address in callee for callee in rows), f"no {telephone.address} among {rows}")


def call(cluster, caller, callee):
    for telephone in (caller, callee):
        telephone.dealt_with()
    caller.call(callee.address)
    are("ringing", callee)
    callee.answer()
    stands(cluster, caller, callee)


def hold_and_resume(cluster, holder, other):
    standing = stands(cluster, holder, other)
    for act, offered, answered in ((holder.hold, ("sendonly", "inactive"), ("recvonly", "inactive")),
                                   (holder.resume, ("sendrecv",), ("sendrecv",))):
        holder.dealt_with()
        other.dealt_with()
        act()
        what = f"{act.__name__} by {holder.name}: "
        wait_for(lambda: other.saw(True, "INVITE", direction=offered), what + f"re-INVITE to {other.name}")
        wait_for(lambda: holder.saw(True, "INVITE", 200, answered), what + f"200 to {holder.name}")
        wait_for(lambda: other.saw(True, "ACK"), what + f"ACK to {other.name}")
        expect(stands(cluster, holder, other)["id"] == standing["id"], "it is another call")


def transfer(cluster, transferor, transferee, target):
    for telephone in (transferor, transferee, target):
        telephone.dealt_with()
    transferor.transfer(target.address)
    are("ringing", target)
    target.answer()
    wait_for(lambda: transferor.saw(True, "REFER", 202), f"202 to the REFER of {transferor.name}")
    wait_for(lambda: any(m.incoming and m.first.startswith("NOTIFY ") and "\nSIP/2.0 200" in m.text
                         for m in transferor.new_messages()), f"NOTIFY of success to {transferor.name}")
    are("idle", transferor)
    stands(cluster, transferee, target)


def end(cluster, by, other):
    for telephone in (by, other):
        telephone.dealt_with()
    by.hang_up()
    are("idle", by, other)
    wait_for(lambda: by.saw(True, "BYE", 200), f"200 to the BYE of {by.name}")
    wait_for(lambda: not calls(cluster), "end of all calls at the cluster")


def lives(cluster, alice, bob, carol):
    """Calls of every kind, first undisturbed, then with the container killed that holds them."""
    call(cluster, alice, bob)
    hold_and_resume(cluster, alice, bob)
    hold_and_resume(cluster, bob, alice)
    end(cluster, alice, bob)
    call(cluster, alice, bob)
    end(cluster, bob, alice)
    call(cluster, alice, bob)
    transfer(cluster, alice, bob, carol)
    end(cluster, carol, bob)

    before = moved(cluster)
    call(cluster, alice, bob)
    killed = [kill_owner(cluster, alice, bob)]
    hold_and_resume(cluster, alice, bob)
    hold_and_resume(cluster, bob, alice)
    transfer(cluster, alice, bob, carol)
    killed.append(kill_owner(cluster, bob, carol))
    end(cluster, bob, carol)
    wait_for(lambda: moved(cluster) >= before + 2, "failover of both calls")
    nobody_was_refused(alice, bob, carol)
    return f"4 calls, 4 times hold and resume, 2 transfers, {' and '.join(killed)} killed"


def lives_over(telephone, transports=("udp", "tcp")):
    """The test: three telephones a transport. `telephone(cluster, user, over)` makes one."""
    told = []
    with Cluster(config=CONFIG) as cluster, contextlib.ExitStack() as those_who_stay:
        everybody = []
        for over in transports:
            three = [those_who_stay.enter_context(telephone(cluster, f"{user}-{over}", over))
                     for user in ("alice", "bob", "carol")]
            registered(cluster, *three)
            everybody += three
            told.append(f"over {over}: {lives(cluster, *three)}")
        wait_for(lambda: cluster.status()["sessions"] == len(everybody), "return to the sessions of registrations",
                 WITHIN + 64 * T1)
        expect(cluster.status()["sessions_lost"] == 0, "sessions were lost")
    return "; ".join(told)
