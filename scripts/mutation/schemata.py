"""Puts many mutants into one build, each switched on by its number in the environment.

It is a copy of the sources in which each place of a mutant asks which one is on:

    if a < b && c { out.append(x) }

    if mutantFlips(3, a <~%^ b &&~~% c) { if mutantKeeps(4) { out.append(x) } }

Each operator has a name of its own, with the precedence of the one it stands for. A mutant that does
not compile is taken out, and the rest is built again.
"""
import re
import subprocess

SWITCH = "MutantSwitch"
VARIABLE = "WASMATRIX_MUTANT"
BUILD_SECONDS = 1800
# Optimised: the simulator's tests take most of the time.
BUILD = ["swift", "build", "--build-tests", "-Xswiftc", "-O"]
COPIED = ("Sources", "Tests", "docs/scenarios", "Package.swift", "Package.resolved")

PRECEDENCE = {
    "<": "ComparisonPrecedence", "<=": "ComparisonPrecedence", ">": "ComparisonPrecedence",
    ">=": "ComparisonPrecedence", "==": "ComparisonPrecedence", "!=": "ComparisonPrecedence",
    "&&": "LogicalConjunctionPrecedence", "||": "LogicalDisjunctionPrecedence",
    "+": "AdditionPrecedence", "-": "AdditionPrecedence", "+=": "AssignmentPrecedence",
    "-=": "AssignmentPrecedence",
}

SWITCH_SOURCE = f"""import Glibc

/// The number of the mutant that is on; 0 when none is.
public let activeMutant: Int = getenv("{VARIABLE}").flatMap {{ Int(String(cString: $0)) }} ?? 0

public func mutantFlips(_ number: Int, _ condition: Bool) -> Bool {{
  activeMutant == number ? !condition : condition
}}

public func mutantKeeps(_ number: Int) -> Bool {{ activeMutant != number }}
"""

# Keeps the targets that the tests need, and lets those with mutants ask which one is on.
PRUNED = """
func nameOfTarget(_ dependency: Target.Dependency) -> String? {{
  switch dependency {{
  case .byNameItem(let name, _): name
  case .targetItem(let name, _): name
  default: nil
  }}
}}
var wantedTargets: Set<String> = [{wanted}]
var hasGrown = true
while hasGrown {{
  hasGrown = false
  for target in package.targets where wantedTargets.contains(target.name) {{
    for name in target.dependencies.compactMap(nameOfTarget)
    where wantedTargets.insert(name).inserted {{ hasGrown = true }}
  }}
}}
package.targets.removeAll {{ !wantedTargets.contains($0.name) }}
package.products = []
for target in package.targets where target.path?.hasPrefix("Sources/Core/") == true {{
  target.dependencies.append("{switch}")
}}
package.targets.append(.target(name: "{switch}", path: "{switch}"))
"""


def operator_name(number):
    """A name that is no other's: the number in operator signs."""
    signs = ""
    while number:
        number, digit = divmod(number, 4)
        signs += "~%^*"[digit]
    return "~%" + signs + "^"


def sides(sign, text, start, end):
    """The generic parameters and types that an operator's sides may have, as the place shows them."""
    if sign in ("&&", "||"):
        return [("", "Bool", "@autoclosure () throws -> Bool")]
    if sign in PRECEDENCE and PRECEDENCE[sign] != "ComparisonPrecedence":
        left = "inout T" if "=" in sign else "T"
        return [("<T: AdditiveArithmetic>", left, "T")]
    bound = "Equatable" if sign in ("==", "!=") else "Comparable"
    found = [(f"<T: {bound}>", "T", "T")]
    if text[:start].rstrip().endswith(")") or text[end:].lstrip().startswith("("):
        for names in ("AB", "ABC"):
            generic = ", ".join(f"{name}: {bound}" for name in names)
            tuple_type = f"({', '.join(names)})"
            found.append((f"<{generic}>", tuple_type, tuple_type))
    return found


def operator_source(name, group, text):
    """Declares the operator of one place for all its mutants: (number, mutant)."""
    first = group[0][1]
    sign = first.operator
    if sign == "!":
        number = group[0][0]
        return f"""prefix operator {name}
public prefix func {name} (value: Bool) -> Bool {{ activeMutant == {number} ? value : !value }}
"""
    source = f"infix operator {name}: {PRECEDENCE[sign]}\n"

    def declare(generic, left, right, attribute=""):
        is_lazy = "autoclosure" in right
        attempt, value = ("try ", "right()") if is_lazy else ("", "right")
        result = "" if left.startswith("inout") else " -> Bool"
        if PRECEDENCE[sign] == "AdditionPrecedence":
            result = " -> T"
        effect = " rethrows" if is_lazy else ""
        back = "return " if result else ""
        cases = "".join(
            f"  case {number}: {back}{attempt}left {mutant.changed} {value}\n"
            for number, mutant in group)
        return f"""{attribute}public func {name} {generic}(
  left: {left}, right: {right}
){effect}{result} {{
  switch activeMutant {{
{cases}  default: {back}{attempt}left {sign} {value}
  }}
}}
"""
    for generic, left, right in sides(sign, text, first.start, first.end):
        source += declare(generic, left, right)
    if re.match(r"\s+nil\b", text[first.end:]):
        source += declare(
            "<T>", "T?", "_OptionalNilComparisonType", "@_disfavoredOverload\n")
    return source


def with_switches(text, numbered):
    """The source with all its mutants in it, each off; and what declares their operators."""
    operators, wraps = {}, []
    for number, mutant in numbered:
        if mutant.operator:
            operators.setdefault(mutant.start, []).append((number, mutant))
        elif mutant.changed == "":
            wraps.append((number, mutant, f"if mutantKeeps({number}) {{ ", " }"))
        else:
            wraps.append((number, mutant, f"mutantFlips({number}, ", ")"))
    # What ends somewhere ends before anything else begins there; outer ones begin first, end last.
    changes, declared = [], ""
    for number, mutant, opening, closing in wraps:
        changes.append(((mutant.start, 1, -mutant.end, number), mutant.start, opening))
        changes.append(((mutant.end, 0, -mutant.start, -number), mutant.end, closing))
    for start, group in operators.items():
        name = operator_name(group[0][0])
        declared += operator_source(name, group, text)
        changes.append(((start, 2), group[0][1].end, name))
    result, place = f"import {SWITCH}\n", 0
    for order, end, inserted in sorted(changes):
        result += text[place:order[0]] + inserted
        place = end
    return result + text[place:], declared


def write(path, text):
    """Writes what is new, so that only what has changed is built again."""
    if not path.exists() or path.read_text() != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def read_tree(root):
    """All files of the package that are copied, as they are now: they may change while this runs."""
    files = {}
    for name in COPIED:
        source = root / name
        for file in [source] if source.is_file() else source.rglob("*"):
            if file.is_file():
                files[str(file.relative_to(root))] = file.read_text()
    return files


def write_copy(files, copy, numbered, tests):
    """The copy of the package with these mutants in it."""
    written = dict(files)
    wanted = ", ".join(f'"{name}"' for name in tests)
    # A warning about the switches is no error.
    package = files["Package.swift"].replace("  .treatAllWarnings(as: .error),\n", "")
    written["Package.swift"] = package + PRUNED.format(wanted=wanted, switch=SWITCH)
    operators = ""
    for path in sorted({mutant.path for _, mutant in numbered}):
        here = [(number, mutant) for number, mutant in numbered if mutant.path == path]
        written[path], declared = with_switches(files[path], here)
        operators += declared
    written[f"{SWITCH}/MutantSwitch.swift"] = SWITCH_SOURCE
    written[f"{SWITCH}/Operators.swift"] = operators
    for name, text in written.items():
        write(copy / name, text)
    for name in ("Sources", "Tests"):
        for file in (copy / name).rglob("*"):
            if file.is_file() and str(file.relative_to(copy)) not in written:
                file.unlink()


def build(files, copy, numbered, tests):
    """Builds what compiles of some mutants: (number, mutant).

    Returns those that are in the build, and those that are not; `None` and the output of the build
    when it fails for another reason.
    """
    invalid = []
    while True:
        write_copy(files, copy, numbered, tests)
        done = subprocess.run(
            BUILD, cwd=copy, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=BUILD_SECONDS)
        if done.returncode == 0:
            return numbered, invalid
        places = {(file, int(line) - 1) for file, line in re.findall(
            rf"^{re.escape(str(copy))}/([^:\n]+):(\d+):\d+: error:", done.stdout, re.MULTILINE)}
        wrong = [(number, mutant) for number, mutant in numbered
                 if any(mutant.path == file and mutant.line <= line <= mutant.last_line
                        for file, line in places)]
        if not wrong:
            return None, done.stdout
        invalid += wrong
        numbered = [pair for pair in numbered if pair not in wrong]
