"""A seed's session as a text: command lines behind prompts, and what the seed shows of their answers."""
import re
import subprocess


def session(path, section=None):
    """The (command, lines of its answer) of a text's section ("kernel:" begins one), in order; without a name of the first."""
    found, current = [], None
    for line in path.read_text().splitlines():
        if match := re.fullmatch(r"(\w+):", line):
            current = match[1]
        elif current == section:
            if match := re.match(r"(?:\d+: kd|\d+:\d+)> ?(.*)", line):
                found.append((match[1], []))
            elif found:
                found[-1][1].append(line)
    return found


def opening(path, section):
    """What a section shows before its first command."""
    lines = path.read_text().split(f"\n{section}:\n")[1].splitlines()
    return lines[:next(i for i, line in enumerate(lines) if re.match(r"\d+: kd> ", line))]


def answers(program, dump, paths, commands):
    """What opening shows, and each command line's answer, fed through a pipe."""
    lines = "".join(f"{command}\n.echo <end>\n" for command in ["* nothing", *commands])
    done = subprocess.run([program, "open", str(dump), *map(str, paths), "--offline"], input=lines.encode(),
                          capture_output=True, timeout=300)
    if done.returncode != 0:
        raise AssertionError(done.stderr.decode())
    parts = re.split(r"^[^\n]*?> \.echo <end>\n<end>\n", done.stdout.decode(), flags=re.M)
    return parts[0].rsplit("\n", 2)[0] + "\n", [part.split("\n", 1)[1] for part in parts[1:-1]]


def call_sites(text):
    """The names of a listing's frames, with trap frames, without source lines."""
    found = []
    for line in text.splitlines():
        line = re.sub(r" \[[^\]]* @ \d+\]$", "", line.strip())
        if match := re.match(r"(?:[0-9a-f]{2} )?[0-9a-f]{8}`[0-9a-f]{8} [0-9a-f]{8}`[0-9a-f]{8} (?:: .* : )?(\S.*)$", line):
            found.append(match[1])
    return found
