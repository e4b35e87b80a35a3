"""A capture to datagrams, and a datagram to a SIP message, as plainly as it can be done."""
import dataclasses
import re
import shutil
import signal
import struct
import subprocess
import time

PROXY_V2 = b"\r\n\r\n\0\r\nQUIT\n"
COMPACT = {"v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length",
           "c": "content-type", "k": "supported", "s": "subject", "e": "content-encoding", "o": "event",
           "r": "refer-to", "b": "referred-by", "x": "session-expires", "u": "allow-events"}


@dataclasses.dataclass(frozen=True)
class Datagram:
    at: float  # seconds
    source: tuple  # (address, port)
    to: tuple
    data: bytes


def read_capture(path):
    """The IPv4 UDP datagrams of a pcap file; no fragments (loopback has an MTU of 64 kB)."""
    with open(path, "rb") as file:
        head = file.read(24)
        order = "<" if head[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
        fraction = 1e9 if head[:4] in (b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d") else 1e6
        assert struct.unpack(order + "I", head[20:24])[0] == 1, "not an Ethernet capture"
        while len(record := file.read(16)) == 16:
            seconds, part, size, _ = struct.unpack(order + "IIII", record)
            frame = file.read(size)
            if frame[12:14] != b"\x08\x00" or frame[23] != 17:
                continue
            ip = 14 + 4 * (frame[14] & 15)
            sport, dport, length = struct.unpack("!HHH", frame[ip:ip + 6])
            dotted = [".".join(map(str, frame[at:at + 4])) for at in (26, 30)]
            yield Datagram(seconds + part / fraction, (dotted[0], sport), (dotted[1], dport),
                           frame[ip + 8:ip + length])


class Capture:
    """with Capture(file, port): what passes loopback from or to that UDP port."""

    def __init__(self, file, port):
        self.file, self.port, self.process = file, port, None

    @staticmethod
    def possible():
        """None, or why not."""
        if not shutil.which("tcpdump"):
            return "there is no tcpdump"
        tried = subprocess.run(["tcpdump", "-i", "lo", "-d", "udp"], capture_output=True, text=True)
        return None if tried.returncode == 0 else tried.stderr.strip()

    def __enter__(self):
        self.process = subprocess.Popen(
            ["tcpdump", "-i", "lo", "-n", "-U", "-B", "65536", "-s", "0", "-w", str(self.file), "-Z", "root",
             f"udp port {self.port}"], stderr=subprocess.PIPE, text=True)
        while "listening on" not in (line := self.process.stderr.readline()):
            if not line:
                raise OSError("tcpdump does not listen")
        return self

    def __exit__(self, *_):
        time.sleep(0.3)  # what is on its way to the file
        self.process.send_signal(signal.SIGINT)
        told = self.process.communicate(timeout=20)[1]
        self.lost = int((re.search(r"(\d+) packets? dropped by kernel", told) or [0, 0])[1])


class Message:
    """One SIP message; header values unfolded, by lower-case name, lists taken apart for Via and co."""

    LISTS = ("via", "route", "record-route", "contact")

    def __init__(self, datagram):
        self.datagram, self.at = datagram, datagram.at
        self.source, self.to_address = datagram.source, datagram.to
        text = datagram.data.decode("utf-8", "surrogateescape")
        head, _, self.body = text.partition("\r\n\r\n")
        lines = re.sub(r"\r\n[ \t]+", " ", head).split("\r\n")
        self.start = lines[0]
        self.headers = {}
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            name = name.strip().lower()
            name = COMPACT.get(name, name)
            if not colon:
                self.headers.setdefault("", []).append(line)
                continue
            values = split(value) if name in self.LISTS else [value.strip()]
            self.headers.setdefault(name, []).extend(values)
        self.request = not self.start.startswith("SIP/2.0 ")
        words = self.start.split(" ", 2)
        self.method = words[0] if self.request else None
        self.uri = words[1] if self.request and len(words) == 3 else None
        self.status = int(words[1]) if not self.request and words[1].isdigit() else 0
        number, _, self.cseq_method = self.one("cseq").partition(" ")
        self.cseq_method = self.cseq_method.strip()
        self.cseq = int(number) if number.isdigit() else -1
        self.call_id = self.one("call-id")
        self.from_tag, self.to_tag = param(self.one("from"), "tag"), param(self.one("to"), "tag")
        self.vias = self.headers.get("via", [])
        self.branch = param(self.vias[0], "branch") if self.vias else None
        self.transaction = (self.branch, self.cseq_method)

    def one(self, name):
        return self.headers.get(name, [""])[0]

    def __str__(self):
        return f"{self.start[:60]} ({self.cseq} {self.cseq_method}, Call-ID {self.call_id[:40]})"


def split(value):
    """A comma list; commas in quotes and <> do not count."""
    parts = re.findall(r'(?:[^,"<]|"(?:[^"\\]|\\.)*"|<[^>]*>)+', value)
    return [p.strip() for p in parts]


def param(value, name):
    """A parameter of a header value, outside <>; None: not there, "": without a value."""
    outside = re.sub(r'"(?:[^"\\]|\\.)*"|<[^>]*>', "", value)
    found = re.search(rf";\s*{name}\s*(?:=\s*([^;,\s]*))?\s*(?=;|,|$)", outside, re.I)
    return None if not found else found.group(1) or ""


def without(via, *names):
    for name in names:
        via = re.sub(rf"\s*;\s*{name}\s*(=[^;]*)?(?=;|$)", "", via, flags=re.I)
    return re.sub(r"\s+", " ", via).strip()


def address(value):
    """The URI of a name-addr."""
    found = re.search(r"<([^>]*)>", value)
    return found.group(1) if found else value.split(";")[0].strip()


def messages(datagrams):
    """SIP messages in order; keep-alives and what dispatcher and proxies say to each other left out."""
    for d in datagrams:
        if d.data.strip(b"\r\n\0 ") and not d.data.startswith(PROXY_V2):
            yield Message(d)
