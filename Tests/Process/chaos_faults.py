"""What chaos does to a fleet. A seed says what, to whom, in which order and for how long."""
import random
import signal
import time

from chaos_fleet import CONTROL
from trees import KILL_INTERVAL


class Faults:
    def __init__(self, fleet, seed):
        self.fleet = fleet
        self.random = random.Random(seed)
        self.done = {}
        # Parts that were told to end.
        self.killed = {"control plane": set(), "agents": set()}
        self.next_kill = {}
        self.largest = 0
        self.acts = [self.kill_agent] * 4 + [self.freeze_agent] * 4 + [self.partition_agent] * 4 + [
            self.kill_behind_a_partition, self.stop_agent, self.kill_control_plane, self.stop_control_plane,
            self.freeze_control_plane, self.crash_held, self.drain, self.stop_reading]
        self.acts += [self.kill_part_of_control_plane] * 4 + [self.kill_part_of_agent] * 4

    def run(self, seconds):
        """Breaks one thing after the other, for so long."""
        start = time.monotonic()
        while (began := time.monotonic() - start) < seconds:
            act = self.random.choice(self.acts)
            self.done[act.__name__] = self.done.get(act.__name__, 0) + 1
            told = act()
            took = time.monotonic() - start - began
            print(f"{began:6.1f} s  {act.__name__}{f' ({told})' if told else ''}, {took:.1f} s", flush=True)
            ended = self.fleet.ended()
            assert not ended, f"after {act.__name__} there ended by themselves: {ended}"
            time.sleep(self.random.uniform(0.2, 1))
        self.look_at_memory()

    def look_at_memory(self):
        self.largest = max(self.largest, self.fleet.resident_kilobytes())

    # All of them draw as much from the seed, whatever they meet: so the next ones are the same.

    def pause(self):
        """Short, or longer than any lease."""
        time.sleep(self.random.uniform(3, 5) if self.random.random() < 0.4 else self.random.uniform(0.05, 1.5))

    def node(self):
        return self.random.choice(self.fleet.names)

    def victim(self):
        """Any node; as often the one that has a lease which others wait for."""
        name, goes_for_holder = self.node(), self.random.random() < 0.5
        holder = self.fleet.sink.holders.holder("held")
        return holder if goes_for_holder and holder in self.fleet.names else name

    # What is broken. Each heals what it broke before it returns, and may say whom it met.

    def kill_agent(self):
        name = self.node()
        self.fleet.kill_agent(name)
        time.sleep(self.random.uniform(0, 1))
        self.fleet.start_again(name)

    def freeze_agent(self):
        name = self.victim()
        self.fleet.signal_agent(name, signal.SIGSTOP)
        self.pause()
        self.fleet.signal_agent(name, signal.SIGCONT)

    def partition_agent(self):
        name = self.victim()
        self.fleet.ways.cut(name, self.random.choice(self.fleet.ways.directions))
        self.pause()
        self.fleet.ways.mend(name)

    def kill_behind_a_partition(self):
        """Nobody hears the end of its connections: the control plane has half of them."""
        name = self.node()
        self.fleet.ways.cut(name, "both")
        self.fleet.kill_agent(name)
        self.pause()
        self.fleet.ways.mend(name)
        self.fleet.start_again(name)

    def stop_agent(self):
        name = self.node()
        self.fleet.stop_agent(name)
        self.fleet.start_again(name)

    def stop_reading(self):
        """An agent is attached and heard, hears datagrams, and reads nothing of what its connection has for it."""
        self.fleet.between.cut("to the agent", kinds=("streams",))
        self.pause()
        self.look_at_memory()
        self.fleet.between.mend()

    def kill_control_plane(self):
        self.look_at_memory()
        self.fleet.kill()
        time.sleep(self.random.uniform(0, 0.5))
        self.fleet.start()

    def stop_control_plane(self):
        self.look_at_memory()
        self.fleet.stop()
        self.fleet.start()

    def freeze_control_plane(self):
        self.fleet.process.send_signal(signal.SIGSTOP)
        self.pause()
        self.fleet.process.send_signal(signal.SIGCONT)

    def kill_part_of_control_plane(self):
        return self.kill_part(CONTROL)

    def kill_part_of_agent(self):
        return self.kill_part(self.random.choice(self.fleet.everybody))

    def kill_part(self, name):
        """Any part of a process, the leaves and what holds them."""
        path = self.random.choice(self.fleet.parts[name])
        time.sleep(max(0, self.next_kill.get(name, 0) - time.monotonic()))
        self.next_kill[name] = time.monotonic() + KILL_INTERVAL
        where = [] if name == CONTROL else ["--node", name]
        # A node that is not attached just now hears nothing of it; what answers itself gives no answer.
        self.fleet.run("chaos", "kill", path, *where, check=False)
        self.killed["control plane" if name == CONTROL else "agents"].add(path)
        return f"{path} of {name}"

    def crash_held(self):
        self.fleet.run("chaos", "kill", "chaos/held", check=False)

    def drain(self):
        name = self.node()
        self.fleet.run("drain", name, "--no-wait", check=False)
        time.sleep(self.random.uniform(0.1, 1))
        self.fleet.run("uncordon", name, check=False)
