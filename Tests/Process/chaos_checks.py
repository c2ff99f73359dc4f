"""What must be so after everything in a fleet was broken, and is well again."""
import collections
import json
import traceback

from chaos_fleet import CONTROL, KEPT, MODULES
from chaos_tail import Unread
from cluster import wait_until
from reality import differences

# What the control plane may come to need while it is broken, all of it; in kilobytes.
GROWTH = 400_000
# Of events that the log has forgotten so many are asked for.
SAMPLE = 100


class Checks:
    def __init__(self, fleet, load, state, fences, faults, memory_at_first):
        """state: the writes of state; fences: who follows what the service that is held publishes."""
        self.fleet, self.load, self.state, self.fences, self.faults = fleet, load, state, fences, faults
        self.memory_at_first = memory_at_first
        # Who follows all events, and reads none.
        self.unread = None
        # How many events were accepted and were kept no longer; the newest there is, as far as is known.
        self.forgotten = self.newest = 0

    def complaints(self):
        for name in self.fleet.names:
            self.fleet.run("uncordon", name, check=False)
        self.fleet.wait_for(*self.fleet.everybody, seconds=60)
        # It is to be hung up on while the rest is looked at.
        self.unread = Unread(self.fleet.port)
        complaints = self.load.failed + self.fleet.sink.holders.complaints
        for check in (self.events, self.calls, self.state.check, self.fenced, self.parts, self.reality, self.hung_up_on,
                      self.memory, self.ended):
            try:
                complaints += check()
            except Exception:
                # The others say what they find all the same.
                complaints.append(f"it cannot be looked at whether all is well:\n{traceback.format_exc()}")
        return complaints

    @staticmethod
    def eventually(condition, seconds, complaint):
        """The complaint, when a condition does not come."""
        try:
            wait_until(condition, seconds, complaint)
        except AssertionError:
            return [complaint]
        return []

    # Events.

    def events(self):
        complaints = self.effects()
        self.newest = self.fleet.newest()
        for name, entrance in self.fleet.entrances.items():
            complaints += self.eventually(
                lambda: entrance.waiting() == 0, 60, f"{name} still keeps events that came to its entrance")
        kept = {offset: event["id"] for offset, event in self.fleet.logged() if event["topic"] == "work/x"}
        complaints += [f"{name} is in the log {count} times"
                       for name, count in collections.Counter(kept.values()).items() if count > 1]
        complaints += self.settled(kept, self.gone(kept))
        dead = self.fleet.get("/v1/dead-letters")["items"]
        if dead:
            complaints.append(f"{len(dead)} deliveries were given up, as of event {dead[0]}")
        if self.newest > 2 * KEPT and not self.forgotten:
            complaints.append(f"of {self.newest} events the log has forgotten none that was accepted")
        return complaints

    def effects(self):
        """Whatever was accepted, and wherever, is done."""
        waiting = self.load.accepted.keys() | self.load.entered.keys()

        def done():
            waiting.difference_update([name for name in waiting if self.fleet.sink.count(name) > 0])
            return not waiting
        try:
            wait_until(done, 90, "the effects of all events")
        except AssertionError:
            pass  # Those that are left say more.
        return [f"{name} was accepted and had no effect" for name in sorted(waiting)]

    def gone(self, kept):
        """Of what was accepted and the log did not name any more, as many as are asked for: {offset: name}."""
        missing = sorted((offset, name) for name, offset in self.load.accepted.items() if kept.get(offset) != name)
        self.forgotten = len(missing)
        # The newest in any case: it is the one that should be there, if any should.
        return dict(missing[::-max(1, len(missing) // SAMPLE)])

    def settled(self, kept, gone):
        """Of everything that the log has all deliveries succeeded; what it has forgotten it need not have."""
        complaints = []
        waiting = dict(sorted((kept | gone).items(), reverse=True))

        def all_settled():
            for offset, name in list(waiting.items()):
                code, _, body = self.fleet.request("GET", f"/v1/events/{offset}")
                status = json.loads(body)
                if code == 200 and not status["settled"]:
                    return False
                del waiting[offset]
                complaints.extend(self.wrong(name, offset, code, status, offset in gone))
            return True
        try:
            wait_until(all_settled, 90, "the end of all events")
        except AssertionError:
            complaints.append(f"{len(waiting)} events never settled: {sorted(waiting.values())[:5]}")
        return complaints

    def wrong(self, name, offset, code, status, is_gone):
        """What is wrong with how an event came to its end."""
        if code == 404 and status["code"] == "event_unknown" and self.may_be_gone(offset):
            # Also some that were named a moment ago: holders go on to publish, and as many of the oldest go.
            return []
        if code != 200 or is_gone:
            return [f"{name} was accepted as event {offset}, and is not as it should be in the log: {code} {status}"]
        states = [delivery["state"] for delivery in status["deliveries"]]
        # A node that did not hear of the control plane may have handled what came to it.
        if states == ["succeeded"] or (states == [] and name.startswith(self.load.ENTERED)):
            return []
        return [f"{name} was accepted, and is {states}"]

    def may_be_gone(self, offset):
        """Of settled events so many are kept: one is forgotten when that many came after it, and no sooner."""
        if self.newest - offset < KEPT:
            self.newest = self.fleet.newest()
        return self.newest - offset >= KEPT

    def fenced(self):
        """What the service published is in the log in the order of its fences: nothing of it that was on its way when
        another had taken over came to it."""
        self.fences.end()
        newest, complaints = (0, 0), []
        for _, data in self.fences.heard:
            fence, node = data.split()
            fence = tuple(int(part) for part in fence.split("."))
            if fence < newest:
                complaints.append(f"{node} published under fence {fence} after {newest}")
            newest = max(newest, fence)
        return complaints if self.fences.heard else ["the service that is held published nothing"]

    # Calls.

    def calls(self):
        load, sink = self.load, self.fleet.sink
        complaints = []
        for label in ("calls", load.at_nodes("calls")):
            for name, status in load.answers[label].items():
                count = sink.count(name)
                if count > 1 or (status == 200 and count != 1):
                    complaints.append(f"{name} was answered {status} and had {count} effects")
        for label in ("repeatable", load.at_nodes("repeatable")):
            for name, status in load.answers[label].items():
                if status == 200 and sink.count(name) == 0:
                    complaints.append(f"{name} was answered 200 and had no effect")
        # In the end everything serves, wherever it is asked for, and by somebody who may.
        for place, where in {CONTROL: self.fleet, **self.fleet.entrances}.items():
            for module in load.CALLED:
                if load.call(module, f"{module}-last-at-{place.split()[-1]}", timeout=30, place=where) != 200:
                    complaints.append(f"{module} does not answer at {place}")
        before = sink.holders.last.get("held")
        return complaints + self.eventually(
            lambda: sink.holders.last.get("held") != before, 30, "the service that is held has no effects any more")

    # What there is.

    def parts(self):
        """Each process has the parts that it began with, and each of them runs; so do the tools of nodes."""
        complaints = []
        for name, parts in self.fleet.parts.items():
            complaints += self.eventually(
                lambda: self.fleet.running(name) == parts, 60, f"not all parts of {name} run")
        for name in self.fleet.everybody:
            complaints += self.eventually(
                lambda: self.fleet.serves_tools(name), 30, f"{name} does not serve tools")
        return complaints

    def reality(self):
        try:
            wait_until(lambda: not differences(self.fleet, MODULES, self.fleet.mark), 60, "agreement")
        except AssertionError:
            return differences(self.fleet, MODULES, self.fleet.mark)
        return []

    # What is bounded.

    def hung_up_on(self):
        """Whoever asks and does not read is not waited for without end."""
        complaints = self.eventually(
            lambda: not self.unread.is_held(), 120, "whoever follows events and reads none is never hung up on")
        self.unread.close()
        return complaints

    def memory(self):
        self.faults.look_at_memory()
        first, largest = self.memory_at_first, self.faults.largest
        return [f"the control plane grew from {first} to {largest} kB"] if largest - first > GROWTH else []

    def ended(self):
        return [f"{name} ended by itself: {status}" for name, status in self.fleet.ended().items()]
