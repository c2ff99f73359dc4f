"""The agent's own gRPC service, for a stock client: Python's grpcio, with stubs of the same .proto."""
import importlib
import importlib.util
import sys

from cluster import ROOT, scratch_folder

# They are in the environment that scripts/bootstrap makes.
if importlib.util.find_spec("grpc_tools") is None:
    sys.path += map(str, ROOT.glob(".venv/lib/python3*/site-packages"))
try:
    import grpc
    from grpc_tools import protoc
except ImportError as error:
    raise ImportError(f"{error}; run scripts/bootstrap, which brings it") from error


def stubs():
    """The modules that protoc makes of the .proto, for this run."""
    folder = scratch_folder("wasmatrix-stubs-")
    status = protoc.main([
        "protoc", f"-I{ROOT / 'Protocol'}", f"--python_out={folder}", f"--grpc_python_out={folder}",
        str(ROOT / "Protocol/wasmatrix/agent/v1/agent.proto")])
    assert status == 0, "protoc failed"
    sys.path.insert(0, folder)
    return (importlib.import_module("wasmatrix.agent.v1.agent_pb2"),
            importlib.import_module("wasmatrix.agent.v1.agent_pb2_grpc"))


agent_pb2, agent_pb2_grpc = stubs()


def channel(port, authority, node, options=()):
    """A way to the tools of a node, which has to show its certificate."""
    return grpc.secure_channel(
        f"127.0.0.1:{port}", grpc.ssl_channel_credentials(authority),
        options=[("grpc.ssl_target_name_override", f"{node}.node.wasmatrix.internal"), *options])


def bearer(token):
    return [("authorization", f"Bearer {token}")]
