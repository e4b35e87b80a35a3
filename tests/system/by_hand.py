"""A SIP user agent whose every message a test writes and reads itself."""
import re
import socket
import time

from cluster import expect


def header(text, name):
    return re.search(rf"(?mi)^{name}: *(.*?)\r?$", text).group(1)


class End:
    """A SIP user agent by hand, over UDP or TCP."""

    def __init__(self, cluster, name, tcp=False, contact_more=""):
        self.cluster, self.name, self.tcp, self.contact_more = cluster, name, tcp, contact_more
        self.cseq, self.data = 0, b""
        self.connect()

    def connect(self):
        host, port = self.cluster.sip.split(":")
        self.s = socket.socket(socket.AF_INET, socket.SOCK_STREAM if self.tcp else socket.SOCK_DGRAM)
        self.s.bind(("127.0.0.1", 0))
        self.s.connect((host, int(port)))
        self.s.settimeout(30)
        self.data = b""
        over = ";transport=tcp" if self.tcp else ""
        self.contact = f"<sip:{self.name}@127.0.0.1:{self.s.getsockname()[1]}{over}>{self.contact_more}"

    def via(self):
        return f"SIP/2.0/{'TCP' if self.tcp else 'UDP'} 127.0.0.1:{self.s.getsockname()[1]};rport"

    def say(self, start, headers):
        text = "".join(f"{name}: {value}\r\n" for name, value in headers)
        self.s.sendall(f"{start}\r\n{text}Content-Length: 0\r\n\r\n".encode())

    def request(self, method, uri, to, call):
        self.cseq += method not in ("ACK",)
        self.say(f"{method} {uri} SIP/2.0", [
            ("Via", f"{self.via()};branch=z9hG4bK{self.name}{call}{method}{self.cseq}"), ("Max-Forwards", "70"),
            ("From", f"<sip:{self.name}@{self.cluster.sip}>;tag={self.name}{call}"), ("To", to), ("Call-ID", call),
            ("CSeq", f"{self.cseq} {method}"), ("Contact", self.contact), ("Expires", "60"), ("Supported", "gruu")])

    def answer(self, asked, status):
        to = header(asked, "To") + ("" if ";tag=" in header(asked, "To") else ";tag=callee")
        self.say(f"SIP/2.0 {status}", [
            ("Via", re.search(r"(?mi)^Via: *(.*?)\r?$", asked).group(1)), ("From", header(asked, "From")), ("To", to),
            ("Call-ID", header(asked, "Call-ID")), ("CSeq", header(asked, "CSeq")), ("Contact", self.contact)])

    def hear(self):
        while b"\r\n\r\n" not in self.data:
            part = self.s.recv(65536)
            expect(part, f"{self.name}: the connection was closed")
            self.data += part
        head, _, self.data = self.data.partition(b"\r\n\r\n")
        length = int(re.search(rb"(?mi)^Content-Length: *(\d+)", head).group(1))
        while len(self.data) < length:
            self.data += self.s.recv(65536)
        self.data = self.data[length:]
        return head.decode() + "\r\n"

    def waits_for(self, *starts):
        """The next message that begins so; what else comes is passed over."""
        while not (text := self.hear()).startswith(starts):
            pass
        return text

    def register(self, call=None):
        """The 200; under a Call-ID of its own unless one is given."""
        self.request("REGISTER", f"sip:{self.cluster.sip}", f"<sip:{self.name}@{self.cluster.sip}>",
                     call or f"register-{self.name}-{time.monotonic_ns()}")
        return self.waits_for("SIP/2.0 200")
