"""What programs said, brought to one form, and how far two answers are the same."""
import json
import re


def frames_of_symbolizer(text):
    """Of llvm-symbolizer, and of ours of rust/: for each address its frames, innermost first: (function, file's name, line)."""
    answers = []
    for block in text.strip("\n").split("\n\n"):
        lines = block.split("\n")
        frames = []
        for function, place in zip(lines[::2], lines[1::2]):
            numbers = re.search(r"^(.*?):(\d+)(?::\d+)?$", place)
            # pdb-addr2line writes the parameters' types too.
            frames.append((re.sub(r"\([^()]*\)$", "", function), re.split(r"[\\/]", numbers.group(1))[-1], int(numbers.group(2))))
        answers.append(frames)
    return answers


def frames_of_ntstack(text):
    """Of `symbolize --inlines --json-lines`."""
    answers = []
    for line in text.splitlines():
        each = json.loads(line)
        frames = [*reversed(each.get("inlined", [])), each] if "name" in each else []
        answers.append([(frame["name"], re.split(r"[\\/]", frame.get("file", "??"))[-1], frame.get("line", 0)) for frame in frames]
                       or [("??", "??", 0)])
    return answers


def symbols_compared(ours, theirs):
    ours, theirs = frames_of_ntstack(ours), frames_of_symbolizer(theirs)
    same = sum(sorted(mine) == sorted(other) for mine, other in zip(ours, theirs))
    functions = sum({frame[0] for frame in mine} == {frame[0] for frame in other} for mine, other in zip(ours, theirs))
    of = max(len(ours), len(theirs))
    return f"{same:,} of {of:,} answers alike" + (f" (functions: {functions:,})" if same != of else "")


def stacks_of_ntstack(text):
    """Thread by thread the instructions of frames that are no inlined functions'."""
    return [[int(frame["ip"], 16) for frame in stack["frames"] if not frame["inline"]] for stack in json.loads(text)["stacks"]]


def stacks_of_rust_minidump(text):
    return [[int(frame["offset"], 16) for frame in thread["frames"] if frame["trust"] != "inlined"]
            for thread in json.loads(text)["threads"]]


def stacks_of_breakpad(text):
    """-m: thread|frame|module|function|file|line|offset; offsets are in modules or functions, so only counts can be compared."""
    stacks = {}
    for line in text.splitlines():
        parts = line.split("|")
        if parts[0].isdigit():
            stacks.setdefault(int(parts[0]), []).append(None)
    return list(stacks.values())


def stacks_of_lldb(text):
    stacks = []
    for line in text.splitlines():
        if re.match(r"[* ]+thread #", line):
            stacks.append([])
        elif found := re.match(r"[* ]+frame #\d+: (0x[0-9a-f]+)", line):
            stacks[-1].append(int(found.group(1), 16))
    return stacks


def stacks_compared(read_theirs):
    def compare(ours, theirs):
        ours, theirs = stacks_of_ntstack(ours), read_theirs(theirs)
        counts = (f"{len(ours)} threads, {sum(map(len, ours))} frames; theirs {len(theirs)} threads, {sum(map(len, theirs))} frames")
        if any(None in stack for stack in theirs):
            return counts
        # Return addresses that they give as the call's are one less.
        found = sum(any(abs(ip - mine) <= 1 for mine in ours[i]) for i, stack in enumerate(theirs[:len(ours)]) for ip in stack)
        return f"{counts}, {found} of which ours has too"

    return compare


def pages_compared(ours, theirs):
    mine = {line for line in ours.splitlines() if line.startswith("page ")}
    other = set(theirs.splitlines())
    return f"{len(mine & other):,} pages alike, {len(mine ^ other)} not"


def unwind_data_compared(ours, theirs):
    mine = (len(re.findall("^function", ours, re.M)), len(re.findall("^  code", ours, re.M)))
    other = (len(re.findall("RuntimeFunction {", theirs)), len(re.findall(r"^ +0x[0-9A-F]+: (?!EPILOG)", theirs, re.M)))
    text = f"{mine[0]} functions, {mine[1]} codes"
    return text + (", alike" if mine == other else f"; theirs {other[0]} and {other[1]}")
