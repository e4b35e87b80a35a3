"""The torture messages of RFC 4475 and RFC 5118, and what their manifests ask for."""
import csv
import re

from cluster import SOURCE, expect

TORTURE = SOURCE.parent / "shared" / "torture"
RFC5118 = SOURCE / "tests" / "protocol" / "sip" / "rfc5118"

CONFIG = """
[[application]]
name = "registrar"
application = "registrar"
methods = ["REGISTER"]

[[application]]
name = "answer"
application = "answer"
"""

SERVED = {"unksm2": "400"}  # we are a registrar and an endpoint: what the manifest leaves to choose
ANSWERS = (  # what the manifest expects -> the answer (regular expression); first match counts
    (r"^discard", ""),
    (r"^error 4xx", "4.."),
    (r"^404\|forward .*501", "501"),
    (r"^501 \(endpoint\)", "501"),
    (r"^501 \(400 also", "501|400"),
    (r"^505", "505"),
    (r"^416 or 404", "416|404"),
    (r"^416", "416"),
    (r"^420", "420"),
    (r"^415", "415"),
    (r"^406", "406|400"),
    (r"^401 new challenge", "200|401|405"),
    (r"^483 \(proxy\); process", "200|483"),
    (r"^400 stateless, or RFC 2543", "400|200"),
    (r"^400 or ignore", "400|200"),
    (r"^400 or tolerate", "400|200"),
    (r"^400", "400"),
    (r"^200", "200"),
    (r"^handle REGISTER", "200"),
    (r"^accept", "200|202|404|405|480|481"),  # understood: what the endpoint then thinks is its own
)
HEADERS = {"501": b"Allow", "420": b"Unsupported", "415": b"Accept", "406": b"Warning"}


def rows():
    """(name, bytes, what is expected) of every message."""
    with open(TORTURE / "manifest.tsv", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            if row["suite"] == "rfc4475":
                path = TORTURE / row["file"]
                yield path.stem, path.read_bytes(), row["expected"]
    with open(RFC5118 / "manifest.tsv", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            # All of that RFC's examples are one transaction of one call: here each is one of its own.
            message = (RFC5118 / (row["name"] + ".sip")).read_bytes()
            for shared in (b"z9hG4bKas3-111", b"SSG9559905523997077"):
                expect(shared in message, f"{row['name']} has no {shared.decode()}")
                message = message.replace(shared, shared + row["name"].encode())
            yield row["name"], message, row["expected"]


def wanted(name, message, expected):
    if name in SERVED:
        return SERVED[name]
    if message.startswith(b"SIP/2.0 "):
        return ""  # a response to nothing of ours, well-formed or not
    for pattern, answer in ANSWERS:
        if re.search(pattern, expected):
            return answer
    expect(False, f"{name}: the test does not know what '{expected}' asks for")
