"""What the RFCs forbid, one function each: rule(history) yields (message, what is wrong).

Only what `element` sends is judged; what it received is what it is held to.
"""
import collections

from wire import address, messages, param, without

T1, T2 = 0.5, 4.0
SLACK = 0.08  # seconds: a busy machine sends late, never early
DIALOG_FORMING = ("INVITE", "SUBSCRIBE", "REFER")


class Lists(dict):
    """Lists by key; one that is not there is empty, and stays out."""

    def __missing__(self, key):
        return []


class History:
    """Messages of one element in order, with what belongs together."""

    def __init__(self, datagrams, element):
        self.element = element
        self.all = [m for m in messages(datagrams) if element in (m.source, m.to_address)]
        self.end = self.all[-1].at if self.all else 0
        self.sent = [m for m in self.all if m.source == element]
        self.received = [m for m in self.all if m.to_address == element]
        self.requests_to = Lists()  # transaction -> copies of a request
        self.requests_of = Lists()
        self.responses_to = Lists()  # to what we sent
        self.responses_of = Lists()
        for m in self.all:
            ours = m.source == element
            table = ((self.requests_of if ours else self.requests_to) if m.request else
                     (self.responses_of if ours else self.responses_to))
            table.setdefault(m.transaction, []).append(m)

    def request_of(self, response):
        """What a response of ours answers; None: nothing we saw."""
        copies = [r for r in self.requests_to[response.transaction] if r.at <= response.at]
        return copies[-1] if copies else None

    def invite_of(self, ack):
        """The INVITE of ours that an ACK of ours is for."""
        for m in self.sent:
            if m.method == "INVITE" and (m.call_id, m.cseq, m.from_tag) == (ack.call_id, ack.cseq, ack.from_tag):
                return m
        return None


def well_formed(h):
    """RFC 3261 7, 8.1.1, 20: the mandatory fields once, the body as long as it says."""
    for m in h.sent:
        for name in ("from", "to", "call-id", "cseq") + (("max-forwards",) if m.request else ()):
            if len(m.headers.get(name, [])) != 1:
                yield m, f"{len(m.headers.get(name, []))} {name}"
        if "" in m.headers:
            yield m, "a line that is no header field"
        if not m.vias:
            yield m, "no Via"
        if m.request and m.method != m.cseq_method:
            yield m, "CSeq of another method"
        length = m.one("content-length")
        if length and int(length) != len(m.body.encode("utf-8", "surrogateescape")):
            yield m, f"Content-Length {length}, body {len(m.body)}"
        if m.body and not m.one("content-type"):
            yield m, "a body without Content-Type"


def via_of_requests(h):
    """RFC 3261 8.1.1.7: branch with the magic cookie. 18.2.1 is the receiver's."""
    for m in h.sent:
        if m.request and not (m.branch or "").startswith("z9hG4bK"):
            yield m, f"branch {m.branch}"
        if m.request and m.vias and param(m.vias[0], "received") is not None:
            yield m, "received in its own Via"


def tags(h):
    """RFC 3261 8.1.1.3, 8.2.6.2: From-tag in requests; To-tag in responses but 100, the asker's if it had one."""
    for m in h.sent:
        if not m.from_tag:
            yield m, "no From-tag"
        asked = None if m.request else h.request_of(m)
        if asked is None:
            continue
        if m.status > 100 and not m.to_tag:
            yield m, "no To-tag"
        if asked.to_tag and m.to_tag != asked.to_tag:
            yield m, "another To-tag than the request's"


def one_tag_per_answer(h):
    """RFC 3261 8.2.6.2: the same To-tag in all responses to one request."""
    for responses in h.responses_of.values():
        seen = {m.to_tag for m in responses if m.status > 100}
        if len(seen) > 1:
            yield responses[-1], f"{len(seen)} To-tags for one request"


def responses_answer(h):
    """RFC 3261 8.2.6: Via, From, Call-ID, CSeq of the request; no answer to ACK; one final answer (17.2)."""
    for m in h.sent:
        if m.request:
            continue
        if m.cseq_method == "ACK":
            yield m, "an answer to an ACK"
        asked = h.request_of(m)
        if asked is None:
            yield m, "an answer to nothing"
            continue
        for name in ("from", "call-id", "cseq"):
            if m.one(name).split() != asked.one(name).split():
                yield m, f"{name} is not that of the request"
        plain = [[without(v, "received", "rport") for v in x.vias] for x in (m, asked)]
        if plain[0] != plain[1]:
            yield m, "Via is not that of the request"
    for responses in h.responses_of.values():
        finals = {m.status for m in responses if m.status >= 200}
        if len(finals) > 1:
            yield responses[-1], f"final answers {sorted(finals)} to one request"


def way_back(h):
    """RFC 3581 4, RFC 3261 18.2: rport filled in and used; received where the source is not sent-by."""
    for m in h.sent:
        asked = None if m.request else h.request_of(m)
        if asked is None or not m.vias:
            continue
        host, port = asked.source
        if param(asked.vias[0], "rport") is not None:
            if param(m.vias[0], "rport") != str(port) or param(m.vias[0], "received") != host:
                yield m, f"rport and received are not {host}:{port}"
            if m.to_address != asked.source:
                yield m, f"sent to {m.to_address}, not to where the request came from"
        elif param(asked.vias[0], "maddr") is None and m.to_address[0] != host:
            yield m, f"sent to {m.to_address[0]}, not to {host}"


def copies_are_copies(h):
    """RFC 3261 17.1.1.2, 17.1.2.2: a request goes out again as it was; another one has another branch."""
    for copies in h.requests_of.values():
        for m in copies[1:]:
            if m.datagram.data != copies[0].datagram.data and m.method != "ACK":
                yield m, "another request under a branch that was used"


def cseq_goes_up(h):
    """RFC 3261 12.2.1.1: each new request of a dialog has a higher number."""
    last, seen = {}, set()
    for m in h.sent:
        if not m.request or m.method in ("ACK", "CANCEL") or m.transaction in seen:
            continue
        seen.add(m.transaction)
        key = (m.call_id, m.from_tag)
        if m.cseq <= last.get(key, -1):
            yield m, f"CSeq {m.cseq} after {last[key]}"
        last[key] = max(m.cseq, last.get(key, -1))


def acks(h):
    """RFC 3261 17.1.1.3 and 13.2.2.4: ACK to a failure is hop by hop, to a success a request of its own."""
    for m in h.sent:
        if m.method != "ACK":
            continue
        invite = h.invite_of(m)
        if invite is None:
            yield m, "an ACK to no INVITE"
            continue
        answers = [r for r in h.responses_to[invite.transaction] if r.status >= 200 and r.to_tag == m.to_tag
                   and r.at <= m.at]
        if not answers:
            yield m, "an ACK to no final response"
        elif answers[0].status >= 300:
            if m.branch != invite.branch or m.uri != invite.uri or len(m.vias) != 1:
                yield m, "the ACK to a failure has not branch and Request-URI of its INVITE, and one Via"
            if m.headers.get("route") != invite.headers.get("route"):
                yield m, "the ACK to a failure has not the Route of its INVITE"
        elif m.branch == invite.branch:
            yield m, "the ACK to a success has the branch of its INVITE"


def finals_are_acknowledged(h):
    """RFC 3261 13.2.2.4, 17.1.1.3: every final response to an INVITE of ours, every copy of it."""
    done = collections.Counter((m.call_id, m.cseq, m.to_tag) for m in h.sent if m.method == "ACK")
    for m in h.received:
        if m.status >= 200 and m.cseq_method == "INVITE" and h.requests_of[m.transaction] and m.at < h.end - 1:
            done[m.call_id, m.cseq, m.to_tag] -= 1
            if done[m.call_id, m.cseq, m.to_tag] < 0:
                yield m, "was not acknowledged"


def cancels(h):
    """RFC 3261 9.1: like its INVITE, and not before a provisional response."""
    for m in h.sent:
        if m.method != "CANCEL":
            continue
        invites = h.requests_of[m.branch, "INVITE"]
        if not invites or (m.uri, m.call_id, m.cseq, m.one("to"), m.one("from")) != (
                invites[0].uri, invites[0].call_id, invites[0].cseq, invites[0].one("to"), invites[0].one("from")):
            yield m, "a CANCEL that is not like its INVITE"
        elif not any(r.at <= m.at for r in h.responses_to[invites[0].transaction]):
            yield m, "a CANCEL before any response"


def contacts(h):
    """RFC 3261 8.1.1.8, 12.1.1: a Contact where a dialog is made."""
    for m in h.sent:
        makes = m.request and m.method in DIALOG_FORMING
        accepts = not m.request and 200 <= m.status < 300 and m.cseq_method in ("INVITE", "SUBSCRIBE")
        if (makes or accepts) and len(m.headers.get("contact", [])) != 1:
            yield m, f"{len(m.headers.get('contact', []))} Contact"


def routes(h):
    """RFC 3261 12.1, 12.2.1.1: in a dialog the route set is Route, the remote target the Request-URI."""
    dialogs = {}  # (Call-ID, our tag, their tag) -> [route set, remote target]
    asked = {}
    for m in h.all:
        ours = m.source == h.element
        if m.request and m.method == "INVITE":
            asked[m.transaction, ours] = m
        if not m.request and m.cseq_method == "INVITE" and 200 <= m.status < 300:
            invite = asked.get((m.transaction, not ours))
            tags_ = (m.to_tag, m.from_tag) if ours else (m.from_tag, m.to_tag)
            key = (m.call_id, *tags_)
            if invite is None:
                continue
            record = (invite if ours else m).headers.get("record-route", [])
            target = address((invite if ours else m).one("contact"))
            if key in dialogs:
                dialogs[key][1] = target or dialogs[key][1]
            else:
                dialogs[key] = [record if ours else record[::-1], target]
        if not (m.request and ours):
            if m.request and m.method in ("INVITE", "UPDATE") and m.to_tag:
                known = dialogs.get((m.call_id, m.to_tag, m.from_tag))
                if known and m.one("contact"):
                    known[1] = address(m.one("contact"))
            continue
        known = dialogs.get((m.call_id, m.from_tag, m.to_tag))
        if not known or m.method == "CANCEL" or (m.method == "ACK" and h.requests_of[m.branch, "INVITE"]):
            continue
        want = [address(r) for r in known[0]]
        have = [address(r) for r in m.headers.get("route", [])]
        if want and ";lr" not in want[0]:
            continue  # a strict router: RFC 3261 12.2.1.1 turns the set around
        if have != want:
            yield m, f"Route {have}, route set {want}"
        if m.uri != known[1]:
            yield m, f"Request-URI {m.uri}, remote target {known[1]}"


def nothing_after_bye(h):
    """RFC 3261 15: who has sent its BYE sends nothing more in that dialog."""
    over = {}
    for m in h.sent:
        if not m.request:
            continue
        key = (m.call_id, m.from_tag, m.to_tag)
        if m.method == "BYE":
            over.setdefault(key, m)
        elif key in over and m.method not in ("ACK", "CANCEL"):
            yield m, "a request behind the BYE"


def request_times(h):
    """RFC 3261 17.1.1.2, 17.1.2.2: T1, doubling; not after a response that stops it."""
    for copies in h.requests_of.values():
        if copies[0].method == "ACK":
            continue
        wait = T1
        for before, m in zip(copies, copies[1:]):
            if m.at - before.at < wait - SLACK:
                yield m, f"again after {m.at - before.at:.3f} s, due after {wait:.1f} s"
            wait = 2 * wait if m.method == "INVITE" else min(2 * wait, T2)
        for m in copies[1:]:
            stops = [r for r in h.responses_to[m.transaction] if r.at < m.at - SLACK
                     and (r.status >= 200 or m.method == "INVITE")]
            if stops:
                yield m, f"again after a {stops[0].status}"


def response_times(h):
    """RFC 3261 13.3.1.4, 17.2.1: without a copy of the request, T1 doubling to T2, until the ACK."""
    for transaction, responses in h.responses_of.items():
        finals = [m for m in responses if m.status >= 200]
        if transaction[1] != "INVITE":
            extra = len(finals) - len(h.requests_to[transaction])
            if extra > 0 and finals:
                yield finals[-1], "a final response again that nobody asked for again"
            continue
        copies = sorted(r.at for r in h.requests_to[transaction])
        answered = [a.at for a in h.received if finals and a.method == "ACK" and a.call_id == finals[0].call_id
                    and a.cseq == finals[0].cseq and a.to_tag == finals[0].to_tag]
        for before, m in zip(finals, finals[1:]):
            provoked = any(before.at - SLACK <= c <= m.at for c in copies[1:])
            if not provoked and m.at - before.at < T1 - SLACK:
                yield m, f"again after {m.at - before.at:.3f} s"
            if answered and m.at > answered[0] + SLACK and not provoked:
                yield m, "again after its ACK"


RULES = (well_formed, via_of_requests, tags, one_tag_per_answer, responses_answer, way_back, copies_are_copies,
         cseq_goes_up, acks, finals_are_acknowledged, cancels, contacts, routes, nothing_after_bye,
         request_times, response_times)


def check(datagrams, element, rules=RULES):
    """[text] of what was found; and how many messages were judged."""
    history = History(datagrams, element)
    found = [f"{rule.__name__}: {m}: {what}" for rule in rules for m, what in rule(history)]
    return found, len(history.sent)
