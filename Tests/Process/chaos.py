"""Breaks a fleet of real processes under constant load, and then looks whether everything that was promised is so.

A control plane and agents, each a process; load that never pauses, at the control plane and at the entrances of its nodes;
strangers that send nonsense all the time, and do not read; from a seed: agents and the control plane are killed, stopped,
frozen, and come back, parts of either crash, the network between an agent and the control plane falls silent, an agent reads
nothing of its connection, services of applications crash, nodes are drained. What modules do is counted in a sink of this
program's own: each effect is a request to it. What was acknowledged of state is remembered.
"""
import argparse
import contextlib
import os
import random
import sys

from chaos_checks import Checks
from chaos_faults import Faults
from chaos_fleet import ChaosFleet
from chaos_load import Load
from chaos_state import StateLoad
from chaos_tail import Follower
from cluster import wait_until
from strangers import Strangers
from ways import enter_namespace


class Chaos:
    def __init__(self, seed, nodes, in_namespaces):
        self.fleet = ChaosFleet(nodes, in_namespaces)
        self.faults = Faults(self.fleet, seed)

    def run(self, seconds):
        """Breaks things for so long; what is wrong afterwards."""
        fleet = self.fleet
        fleet.begin()
        with contextlib.ExitStack() as ends:
            self.strangers = Strangers(fleet, self.faults.random.random(), fleet.thief)
            ends.callback(self.strangers.stop)
            self.state = StateLoad(fleet)
            ends.callback(self.state.stop)
            self.load = Load(fleet)
            ends.callback(self.load.stop)
            fences = Follower(fleet, "held/fences")
            wait_until(lambda: self.load.accepted, 60, "the first event")
            at_first = fleet.resident_kilobytes()
            self.faults.run(seconds)
        # What is called has no effects while all is looked at.
        self.longest_gap = dict(fleet.sink.holders.longest_gap)
        self.checks = Checks(fleet, self.load, self.state, fences, self.faults, at_first)
        return self.checks.complaints()

    def summary(self):
        load, sink, checks = self.load, self.fleet.sink, self.checks
        print("broken:", counts(self.faults.done))
        told = ", ".join(f"{len(paths)} of {len(self.parts_of(kind))} of {kind}"
                         for kind, paths in sorted(self.faults.killed.items()))
        print(f"parts that were killed: {told}")
        print("strangers:", counts(self.strangers.done))
        doubled = sum(1 for name in [*load.accepted, *load.entered] if sink.count(name) > 1)
        print(f"events: {len(load.accepted)} accepted, {load.refused['events']} not; at nodes {len(load.entered)} accepted, "
              f"{load.refused['events at nodes']} not; effects of more than one delivery: {doubled}; "
              f"kept no longer: {checks.forgotten}")
        for label, heard in sorted(load.answers.items()):
            statuses = list(heard.values())
            for status in sorted(set(statuses)):
                print(f"{label}: {statuses.count(status)} answered {status or 'not at all'}")
        for label, (took, name, status, begun) in sorted(load.slowest.items()):
            print(f"{label}: the slowest took {took:.1f} s ({name} at {begun:.1f} s: {status or 'no answer'})")
        print(f"state: {counts(self.state.done)}; counted to {self.state.counted} or "
              f"{self.state.may_have_counted} more")
        gaps = ", ".join(f"{module} {gap:.1f} s" for module, gap in sorted(self.longest_gap.items()))
        print(f"holders: {sink.holders.changes} in turn, {len(sink.holders.late)} effects that were on their way, "
              f"{len(checks.fences.heard)} events in the order of their fences, {checks.fences.missed} offsets missed; "
              f"longest without: {gaps}")
        print(f"control plane: {checks.memory_at_first // 1000} MB at first, {self.faults.largest // 1000} MB at most")

    def parts_of(self, kind):
        return {path for name, paths in self.fleet.parts.items() for path in paths
                if (name in self.fleet.everybody) == (kind == "agents")}


def counts(numbers):
    return ", ".join(f"{name} {count}" for name, count in sorted(numbers.items()))


def main():
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--seconds", type=float, default=600, help="how long things are broken (default: 600)")
    parser.add_argument("--nodes", type=int, default=4)
    parser.add_argument("--short", action="store_true", help="a minute")
    parser.add_argument("--hold", action="store_true", help="leave all as it is, until Enter, when a promise was broken")
    parser.add_argument("--proxies", action="store_true", help="no network namespaces, also where they may be made")
    options = parser.parse_args()
    in_namespaces = not options.proxies and enter_namespace()
    seconds = 60 if options.short else options.seconds
    chaos = Chaos(options.seed, options.nodes, in_namespaces)
    fleet = chaos.fleet
    print(f"chaos: seed {options.seed}, {options.nodes} nodes, {seconds:g} s, {fleet.ways.kind}", flush=True)
    try:
        with fleet:
            try:
                complaints = chaos.run(seconds)
            except BaseException:
                print(fleet.state(), file=sys.stderr)
                raise
            chaos.summary()
            if complaints:
                print("\n".join(complaints[:50]), file=sys.stderr)
                print(f"error: {len(complaints)} promises were broken\nnext: make chaos ARGS=\"--seed {options.seed} "
                      f"--seconds {seconds:g} --hold\"\n{fleet.state()}", file=sys.stderr)
                if options.hold:
                    input(f"WASMATRIX_SERVER=http://127.0.0.1:{fleet.port} in the network of process {os.getpid()}")
                sys.exit(1)
    finally:
        fleet.ways.close()
    print("all promises were kept")


if __name__ == "__main__":
    main()
