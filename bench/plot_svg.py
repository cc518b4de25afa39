"""A log-log plot as SVG, by itself: lines of (size, cost), readable on light and on dark pages."""
import math

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 70, 170, 36, 48
COLOURS = ["#3b82f6", "#e8590c", "#2f9e44", "#ae3ec9", "#c2a000", "#868e96"]
STYLE = """<style>
text { font: 12px sans-serif; fill: #333 } .title { font-size: 14px; font-weight: bold }
.grid { stroke: #888; stroke-opacity: .25 } .frame { stroke: #888; fill: none } .page { fill: #fff }
@media (prefers-color-scheme: dark) { text { fill: #ddd } .page { fill: #16181c } }
</style>"""


def text_of(value):
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def escaped(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def loglog(title, across, up, lines, linear_from=True):
    """lines: name -> [(x, y)], all above zero. Draws a dotted line of what is linear from the first line's last point."""
    points = [point for line in lines.values() for point in line]
    low_x, high_x = (f(math.log10(x) for x, _ in points) for f in (min, max))
    low_y = math.floor(min(math.log10(y) for _, y in points))
    high_y = math.ceil(max(math.log10(y) for _, y in points) + 1e-9)
    high_x = max(high_x, low_x + 0.1)

    def at(x, y):
        return (LEFT + (math.log10(x) - low_x) / (high_x - low_x) * (WIDTH - LEFT - RIGHT),
                HEIGHT - BOTTOM - (math.log10(y) - low_y) / (high_y - low_y) * (HEIGHT - TOP - BOTTOM))

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escaped(title)}">', STYLE,
           f'<rect class="page" width="{WIDTH}" height="{HEIGHT}"/>', f'<text class="title" x="{LEFT}" y="20">{escaped(title)}</text>']
    for power in range(low_y, high_y + 1):
        y = at(10**low_x, 10**power)[1]
        out.append(f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}"/>')
        out.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{text_of(10.0**power)}</text>')
    for x in sorted({x for x, _ in points}):
        place = at(x, 10**low_y)[0]
        out.append(f'<line class="grid" x1="{place:.1f}" y1="{TOP}" x2="{place:.1f}" y2="{HEIGHT - BOTTOM}"/>')
        out.append(f'<text x="{place:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{text_of(x)}</text>')
    out.append(f'<rect class="frame" x="{LEFT}" y="{TOP}" width="{WIDTH - LEFT - RIGHT}" height="{HEIGHT - TOP - BOTTOM}"/>')
    out.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 10}" text-anchor="middle">{escaped(across)}</text>')
    out.append(f'<text x="14" y="{HEIGHT / 2}" text-anchor="middle" transform="rotate(-90 14 {HEIGHT / 2})">{escaped(up)}</text>')
    if linear_from:
        x, y = max(next(iter(lines.values())))
        first = max(10**low_x, x * 10**low_y / y)
        (x1, y1), (x2, y2) = at(first, y * first / x), at(x, y)
        out.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#888" stroke-dasharray="2 4"/>')
    ends = []
    for i, (name, line) in enumerate(lines.items()):
        colour = COLOURS[i % len(COLOURS)]
        places = [at(x, y) for x, y in sorted(line)]
        out.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in places)}"/>')
        out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places]
        ends.append((places[-1][1], name, colour))
    below = TOP
    for y, name, colour in sorted(ends):  # names beside the lines' ends, none over another
        below = max(below + 15, y + 4)
        out.append(f'<text x="{WIDTH - RIGHT + 8}" y="{below:.1f}" style="fill:{colour}">{escaped(name)}</text>')
    return "\n".join(out + ["</svg>"]) + "\n"
