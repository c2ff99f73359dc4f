"""Whether what a fleet says of itself is what there is: in its registry, at its agents, among the processes."""
import json
import pathlib
import re

MARK = "WASMATRIX_TEST_FLEET"


def processes(mark):
    """The processes that were started with a mark in their environment: {pid: name of the program}."""
    found = {}
    for folder in pathlib.Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            if f"{MARK}={mark}".encode() not in (folder / "environ").read_bytes().split(b"\0"):
                continue
            if re.search(r"^State:\s+Z", (folder / "status").read_text(), re.M):
                continue
            found[int(folder.name)] = pathlib.Path((folder / "cmdline").read_bytes().split(b"\0")[0].decode()).name
        except OSError:
            continue  # It has ended meanwhile, or is somebody else's.
    return found


def differences(fleet, modules, mark):
    """What is not as it should be; empty when all is well.

    modules: how many nodes serve and how many stand by, by name.
    """
    complaints = []
    # What the agents hold, each asked by the control plane, beside what is deployed.
    shown = json.loads(fleet.run("ps", "--json").stdout)
    held = shown["items"]
    complaints += [f"{node} does not say what it holds" for node in shown["unanswered"]]
    deployed = {item["name"]: item for item in fleet.get("/v1/deployments")["items"]}
    for placement in held:
        name, generation = placement["module"], placement["generation"]
        if name not in deployed or (
                placement["role"] != "retained" and deployed[name]["generation"] != generation):
            complaints.append(f"{placement['node']} holds generation {generation} of {name} for nobody")
    complaints += [f"{name} is {item['state']}" for name, item in deployed.items() if item["state"] != "ready"]
    for name, (replicas, fallbacks) in modules.items():
        active = {item["node"] for item in held if (item["module"], item["role"]) == (name, "active")}
        ready = {item["node"] for item in held if (item["module"], item["role"]) == (name, "fallback")}
        if (len(active), len(ready)) != (replicas, fallbacks):
            complaints.append(f"{name} serves on {sorted(active)}, and {sorted(ready)} stand by")
    services = [item for item in held if item.get("service") and item["role"] == "active"]
    complaints += [f"{item['module']} on {item['node']} is {item['service']['state']}" for item in services
                   if item["service"]["state"] != "running"]
    return complaints + strays(fleet, mark)


def strays(fleet, mark):
    """Processes that nobody needs, and such that are missing."""
    expected = {fleet.pid(): "wasmatrix"} | {agent.pid: "wasmatrix" for agent in fleet.agents.values()}
    there = processes(mark)
    complaints = [f"process {pid} is missing" for pid in expected if pid not in there]
    others = [name for pid, name in there.items() if pid not in expected]
    # Each agent has a watcher, and nobody else has any process.
    if others.count("wasmatrix-watcher") != len(fleet.agents) or len(others) != len(fleet.agents):
        complaints.append(f"beside {len(fleet.agents)} agents there run {sorted(others)}")
    return complaints
