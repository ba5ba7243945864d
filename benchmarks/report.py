"""Tables of measurements, and their place in docs/performance.md or, without AMX, docs/performance-avx512.md, or, without AVX-512,
docs/performance-avx2.md. Standard library only: see conversion.py."""

import os
import pathlib
import platform
import subprocess
from statistics import median

DOCUMENTS = pathlib.Path(__file__).resolve().parent.parent / "docs"
# By Linux' name of the best instructions that a processor has, best first.
PAGES = {"amx_tile": DOCUMENTS / "performance.md", "avx512f": DOCUMENTS / "performance-avx512.md",
         "": DOCUMENTS / "performance-avx2.md"}


def of(ratios):
    return f"{median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"


def table(heading, rows):
    lines = ["| " + " | ".join(heading) + " |", "|" + "|".join([" --- "] + [" --: "] * (len(heading) - 1)) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def machine(directory):
    def first(path, key):
        lines = pathlib.Path(path).read_text().splitlines() if os.path.exists(path) else []
        return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(key)), "unknown")

    file_system = subprocess.run(["stat", "-f", "-c", "%T", directory], capture_output=True, text=True).stdout.strip()
    load = os.getloadavg()[0]
    return (f"{os.cpu_count()} × {first('/proc/cpuinfo', 'model name')}, {first('/proc/meminfo', 'MemTotal')} of memory, "
            f"{platform.system()} {platform.release()}, file system {file_system}; load before the start {load:.1f}")


def has(feature):
    """Whether the processor has instructions, by Linux' name."""
    return feature in pathlib.Path("/proc/cpuinfo").read_text()


def write(section, text, page=None):
    """Puts a text between the marks of a section of a page, or at its end: if none is given, of this processor's."""
    begin, end = f"<!-- {section}: begin -->", f"<!-- {section}: end -->"
    page = page or next(PAGES[feature] for feature in PAGES if has(feature))
    before, mark, rest = page.read_text().partition(begin)
    after = rest.partition(end)[2] if mark else "\n"
    before = before if mark else f"{before.rstrip()}\n\n## {section.capitalize()}\n\n"
    page.write_text(before + begin + "\n\n" + text + "\n" + end + after)
