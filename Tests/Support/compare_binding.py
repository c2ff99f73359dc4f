"""Compares our declarations of the Wasmtime C API with the binding description of its wheel.

usage: compare_binding.py BINDINGS.py HEADER.h < {"struct name": size, ...} as JSON
Prints one line for each difference and exits with 1 when there is one.
"""
import ctypes
import json
import re
import sys
import types

# What the library does differently from its own description, and why we know.
KNOWN = {
    # Returns nothing in this release; the description still names an error.
    "wasmtime_context_epoch_deadline_async_yield_and_update": "returns",
}


class Functions:
    """Stands in for the loaded library: remembers what the description says of each function."""

    def __init__(self):
        self.found = {}

    def __getattr__(self, name):
        return self.found.setdefault(name, types.SimpleNamespace(restype=None, argtypes=[]))


def load(path):
    library = Functions()
    ffi = types.ModuleType("described._ffi")
    ffi.dll = library
    ffi.wasm_val_t = type("wasm_val_t", (ctypes.Structure,), {"_fields_": [("x", ctypes.c_uint64 * 2)]})
    ffi.wasm_ref_t = type("wasm_ref_t", (ctypes.Structure,), {})
    ffi.wasmtime_v128 = ctypes.c_uint8 * 16
    package = types.ModuleType("described")
    package.__path__ = []
    sys.modules["described"] = package
    sys.modules["described._ffi"] = ffi
    module = types.ModuleType("described._bindings")
    module.__package__ = "described"
    exec(compile(open(path).read(), path, "exec"), module.__dict__)
    return module, library.found


def described(kind):
    if kind is None:
        return 0
    if issubclass(kind, (ctypes._Pointer, ctypes._CFuncPtr, ctypes.c_void_p, ctypes.c_char_p)):
        return "pointer"
    return ctypes.sizeof(kind)


def declared(text):
    text = re.sub(r"\bconst\b", "", text).strip()
    if "*" in text or "callback_t" in text or "(" in text:
        return "pointer"
    word = text.split()[0]
    sizes = {"void": 0, "bool": 1, "uint8_t": 1, "uint32_t": 4, "int32_t": 4,
             "uint64_t": 8, "int64_t": 8, "size_t": 8}
    return sizes[word]


def prototypes(path):
    text = open(path).read()
    text = re.sub(r"//[^\n]*", "", text)
    for name, kind in re.findall(r"WM_POOL_SETTING\((\w+), (\w+)\);", text):
        full = f"wasmtime_pooling_allocation_config_{name}_set"
        yield full, "void", ["pointer *", kind]
    text = re.sub(r"#define[^\n]*(\\\n[^\n]*)*", "", text)
    pattern = r"^([\w ]+?[ *]+)(wasm(?:time)?_\w+)\(((?:[^()]|\([^()]*\))*)\);"
    for result, name, parameters in re.findall(pattern, text, re.M):
        depth, parts, part = 0, [], ""
        for character in parameters:
            depth += (character == "(") - (character == ")")
            if character == "," and depth == 0:
                parts.append(part)
                part = ""
            else:
                part += character
        parts.append(part)
        parts = [p.replace("\n", " ").strip() for p in parts]
        yield name, result, [] if parts == ["void"] else parts


def main():
    module, functions = load(sys.argv[1])
    differences = []
    for name, size in json.load(sys.stdin).items():
        kind = getattr(module, name, None)
        if kind is None:
            differences.append(f"{name}: not described")
        elif ctypes.sizeof(kind) != size:
            differences.append(f"{name}: {size} bytes here, {ctypes.sizeof(kind)} described")
    count = 0
    for name, result, parameters in prototypes(sys.argv[2]):
        count += 1
        if name not in functions:
            differences.append(f"{name}: not described")
            continue
        there = functions[name]
        if KNOWN.get(name) != "returns" and declared(result) != described(there.restype):
            differences.append(f"{name}: returns {result}, described as {there.restype}")
        ours = [declared(p) for p in parameters]
        theirs = [described(k) for k in there.argtypes]
        if ours != theirs:
            differences.append(f"{name}: takes {ours}, described as {theirs}")
    print("\n".join(differences))
    print(f"compared {count} functions")
    sys.exit(1 if differences or count < 70 else 0)


main()
