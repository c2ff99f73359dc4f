"""Finds the places of a Swift source where a mutant can be made.

It reads the text only, without comments and strings; what it takes for a place and is none does not
compile, and is left out then.
"""
import re

NEGATED = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}
AT_THE_BOUNDARY = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}
LOGIC = {"&&": "||", "||": "&&"}
BY_ONE = {"+": "-", "-": "+", "+=": "-=", "-=": "+="}
# Lists that leave a function as what must be done, and what is passed on for that.
EMITTED = r"(?:directives|steps|replaced|events|deferred|changes)"
PASSED_ON = re.compile(r"&(?:directives|steps|more)\b")
OPENING, CLOSING = "([{", ")]}"


class Mutant:
    """One place, and what it becomes.

    `start` to `end` becomes `changed`; the operator at `start`, if it is one, is `operator`.
    """

    def __init__(self, path, text, kind, start, end, changed, operator=None):
        self.path, self.kind = path, kind
        self.start, self.end = start, end
        self.operator, self.changed = operator, changed
        self.line = text.count("\n", 0, start) + 1
        self.last_line = text.count("\n", 0, end) + 1
        first = text.rfind("\n", 0, start) + 1
        last = text.find("\n", end)
        self.before = text[first:last].strip().splitlines()[0]
        after = (text[first:start] + changed + text[end:last]).strip()
        self.after = after.splitlines()[0] if after else "(gone)"

    @property
    def key(self):
        return f"{self.path} [{self.kind}]\n    - {self.before}\n    + {self.after}"

    def describe(self):
        return self.key.replace(" [", f":{self.line} [", 1)


def code_of(text):
    """The text with comments and the insides of strings blanked out, of the same length."""
    code = list(text)

    def blank(start, end):
        for index in range(start, end):
            if code[index] != "\n":
                code[index] = "_"

    def string_end(index):
        quote = '"""' if text.startswith('"""', index) else '"'
        index += len(quote)
        while not text.startswith(quote, index):
            if text.startswith("\\(", index):
                index, depth = index + 2, 1
                while depth:
                    if text[index] == '"':
                        index = string_end(index)
                        continue
                    depth += {"(": 1, ")": -1}.get(text[index], 0)
                    index += 1
            else:
                index += 2 if text[index] == "\\" else 1
        return index + len(quote)

    index = 0
    while index < len(text):
        if text.startswith("//", index):
            end = text.find("\n", index)
            for place in range(index, end):
                code[place] = " "
            index = end
        elif text[index] == '"':
            end = string_end(index)
            blank(index + 1, end - 1)
            index = end
        else:
            index += 1
    return "".join(code)


def end_of(code, start, stops, limit=None):
    """Where the first of `stops` (a pattern) stands outside of brackets, from `start` on."""
    depth, index = 0, start
    pattern = re.compile(stops)
    while index < (limit or len(code)):
        if depth == 0 and pattern.match(code, index):
            return index
        if code[index] in OPENING:
            depth += 1
        elif code[index] in CLOSING:
            depth -= 1
            if depth < 0:
                return index
        index += 1
    return index


def after_bracket(code, start):
    """Behind the bracket that closes the one at `start`."""
    return end_of(code, start + 1, r"(?!)") + 1


def operators(code):
    for found in re.finditer(r"(?<=\s)(<=|>=|==|!=|&&|\|\||<|>)(?=\s)", code):
        if not re.search(r"\bfunc $", code[:found.start()][-8:]):
            yield found.start(), found.group()


def depth_at(code, start, place):
    inside = code[start:place]
    return sum(inside.count(a) for a in OPENING) - sum(inside.count(a) for a in CLOSING)


def is_order(code, start):
    """Whether a comparison orders elements, of which no two are the same."""
    line = code[code.rfind("\n", 0, start) + 1:code.find("\n", start)]
    return bool(re.search(r"\$0.*\$1|\bleft\b.*\bright\b", line))


def is_one_operator(code, start, end):
    """Whether to negate it all is the same as to negate its only comparison, or to drop its `!`."""
    if re.fullmatch(r"![\w.$?]+(\([^()]*\))?", code[start:end]):
        return True
    outer = [sign for place, sign in operators(code[start:end])
             if depth_at(code, start, start + place) == 0]
    return len(outer) == 1 and outer[0] in NEGATED


def clauses(code):
    """The kind, start and end of what decides, without what binds or matches."""
    for found in re.finditer(r"\b(if|guard|while)\s+", code):
        stops = r"\belse\b" if found.group(1) == "guard" else r"\{"
        end = end_of(code, found.end(), stops)
        start = found.end()
        while start < end:
            comma = end_of(code, start, ",", end)
            yield "guard" if found.group(1) == "guard" else "condition", start, comma
            start = comma + 1
    for found in re.finditer(r"\bwhere\s+", code):
        owner = re.findall(r"\b(for |case |func|extension|struct|enum|init|catch)",
                           code[:found.start()])
        if owner and owner[-1] in ("for ", "case "):
            yield "condition", found.end(), end_of(code, found.end(), r"[{:]")
    for found in re.finditer(r"(?:[=(\[,:]\s*|return\s+)(!?[\w.$]+) \? ", code):
        yield "condition", found.start(1), found.end(1)


def is_statement(code, start):
    """Whether what begins here is a statement of its own."""
    before = code[:start].rstrip()
    if before[-1:] in ("{", "}", ";"):
        return True
    if before[-1:] == ":":
        return bool(re.search(r"\b(case\b[^\n]*|default):$", before))
    word = re.search(r"\w*$", before).group()
    return ("\n" in code[len(before):start] and before[-1:] not in tuple("=,(+-<>&|?.[")
            and word not in ("return", "in", "else", "guard", "if", "try", "where"))


def statements(code):
    """The start and end of statements that add to what must be done, or let others add to it."""
    for found in re.finditer(rf"\b{EMITTED}(\.append\(| \+= )", code):
        if not is_statement(code, found.start()):
            continue
        if found.group(1).endswith("("):
            yield "directive", found.start(), after_bracket(code, found.end() - 1)
        elif not code[found.end()].isdigit():
            yield "directive", found.start(), end_of(code, found.end(), r"\n| \}")
    for found in re.finditer(r"(?<![\w.?])[a-z][\w.?]*\(", code):
        end = after_bracket(code, found.end() - 1)
        if not PASSED_ON.search(code, found.start(), end) or not is_statement(code, found.start()):
            continue
        if code.startswith(" {", end):
            end = after_bracket(code, end + 1)
        yield "call", found.start(), end


def mutants_of(path, text):
    """All mutants of a source, in the order of their places."""
    code = code_of(text)
    found = []

    def add(kind, start, end, changed, operator=None):
        found.append(Mutant(path, text, kind, start, end, changed, operator))

    for start, sign in operators(code):
        for table, kind in ((NEGATED, "comparison"), (AT_THE_BOUNDARY, "boundary"),
                            (LOGIC, "logic")):
            if sign in table and not (kind == "boundary" and is_order(code, start)):
                add(kind, start, start + len(sign), table[sign], sign)
    for match in re.finditer(r"(?<=\s)([+-]=?)(?= 1\b(?![._\d]))", code):
        add("by one", match.start(), match.end(), BY_ONE[match.group()], match.group())
    for match in re.finditer(r"(?<![\w)\]!?>.=])!(?=[\w(.$])", code):
        add("negation", match.start(), match.end(), "", "!")
    for kind, start, end in clauses(code):
        while code[start].isspace():
            start += 1
        while code[end - 1].isspace():
            end -= 1
        if start >= end or re.match(r"(let|var|case)\b|#", code[start:end]):
            continue
        if not is_one_operator(code, start, end):
            add(kind, start, end, f"!({text[start:end]})")
    for match in re.finditer(
            r"(?:\breturn |(?<![=!<>])= |:\s+|^\s*)\b(true|false)\b(?=\s*$)", code, re.MULTILINE):
        other = {"true": "false", "false": "true"}[match.group(1)]
        add("literal", match.start(1), match.end(1), other)
    for kind, start, end in statements(code):
        add(kind, start, end, "")
    return sorted(found, key=lambda mutant: (mutant.start, mutant.end, mutant.kind))
