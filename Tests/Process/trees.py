"""The parts of a process, as its supervisors show them."""
from cluster import LOST

# A supervisor gives up at more than 3 restarts within 5 s; what is killed is not to be that.
KILL_INTERVAL = 2


def parts(tree, path="main"):
    """{path: status} of everything below."""
    found = {}
    for child in tree.get("children", []):
        name = f"{path}/{child['name']}"
        found[name] = child
        found |= parts(child, name)
    return found


def tree(cluster, node=None):
    """The parts of the control plane, or of a node's agent; none when nobody can say just now."""
    try:
        return parts(cluster.get(f"/v1/nodes/{node}/supervision" if node else "/v1/supervision"))
    except (*LOST, AssertionError, ValueError):
        return {}  # What answers is being started again.
