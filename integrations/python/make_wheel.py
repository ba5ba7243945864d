"""Makes the wheel of the package with the tool in it: python make_wheel.py TOOL DIRECTORY. Prints the wheel's path.

The tool is one of the wheel's scripts, so that pip puts it beside the environment's interpreter. The tag is that of the oldest C library
which has all that the tool asks for; a library that is not on the list of manylinux is an error.
"""

import base64
import hashlib
import pathlib
import platform
import re
import subprocess
import sys
import tomllib
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
# Those of PEP 600's list (auditwheel, manylinux-policy.json) that a Swift program has.
ALLOWED = {
    "libc.so.6", "libm.so.6", "libz.so.1", "libstdc++.so.6", "libgcc_s.so.1", "libpthread.so.0", "libdl.so.2", "librt.so.1",
    "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}
# The greatest versions of these libraries that a C library's year has (auditwheel, manylinux-policy.json).
CXX = {(2, 28): ((3, 4, 24), (1, 3, 11)), (2, 31): ((3, 4, 28), (1, 3, 12)), (2, 34): ((3, 4, 29), (1, 3, 13)), (2, 35): ((3, 4, 30), (1, 3, 13)),
       (2, 39): ((3, 4, 33), (1, 3, 15))}


def numbers(text):
    return tuple(int(part) for part in text.split("."))


def platform_tag(tool):
    """The tag of the systems that the tool runs on."""
    listed = subprocess.run(["objdump", "-p", tool], capture_output=True, text=True, check=True).stdout
    needed = set(re.findall(r"NEEDED\s+(\S+)", listed))
    if needed - ALLOWED:
        sys.exit(f"{tool} needs {', '.join(sorted(needed - ALLOWED))}, which not every Linux has")

    def greatest(prefix):
        return max((numbers(found) for found in re.findall(rf"\b{prefix}_(\d+(?:\.\d+)+)", listed)), default=(0,))

    library, cxx, abi = greatest("GLIBC"), greatest("GLIBCXX"), greatest("CXXABI")
    for version, (most_cxx, most_abi) in sorted(CXX.items()):
        if library <= version and cxx <= most_cxx and abi <= most_abi:
            return f"manylinux_{version[0]}_{version[1]}_{platform.machine()}"
    sys.exit(f"{tool} needs GLIBC {library}, GLIBCXX {cxx}, CXXABI {abi}: newer than any known system's")


def main(tool, directory):
    project = tomllib.loads((HERE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    name, version = project["name"], project["version"]
    said = subprocess.run([tool, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if said != version:
        sys.exit(f"the tool is version {said}, pyproject.toml says {version}")
    tag = f"py3-none-{platform_tag(tool)}"
    information = f"{name}-{version}.dist-info"
    metadata = [
        "Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", f"Summary: {project['description']}",
        f"Requires-Python: {project['requires-python']}", "License: " + project["license"]]
    for extra, requirements in project["optional-dependencies"].items():
        metadata.append(f"Provides-Extra: {extra}")
        metadata += [f"Requires-Dist: {each}; extra == '{extra}'" for each in requirements]
    metadata += ["Description-Content-Type: text/markdown", "", (HERE / "README.md").read_text(encoding="utf-8")]
    sources = HERE / "src"
    files = {
        str(path.relative_to(sources)): (path.read_bytes(), 0o644)
        for path in sorted(sources.rglob("*")) if path.suffix == ".py" or path.name == "py.typed"}
    files[f"{name}-{version}.data/scripts/weighbridge"] = pathlib.Path(tool).read_bytes(), 0o755
    files[f"{information}/METADATA"] = "\n".join(metadata).encode(), 0o644
    files[f"{information}/WHEEL"] = (
        f"Wheel-Version: 1.0\nGenerator: weighbridge ({version})\nRoot-Is-Purelib: false\nTag: {tag}\n".encode(), 0o644)
    files[f"{information}/LICENSE"] = (HERE.parents[1] / "LICENSE").read_bytes(), 0o644

    record = []
    target = pathlib.Path(directory, f"{name}-{version}-{tag}.whl")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        def add(path, data, mode):
            # The same bytes for the same tree: no times.
            entry = zipfile.ZipInfo(path)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o100000 | mode) << 16
            archive.writestr(entry, data)

        for path, (data, mode) in files.items():
            add(path, data, mode)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            record.append(f"{path},sha256={digest},{len(data)}")
        record.append(f"{information}/RECORD,,")
        add(f"{information}/RECORD", ("\n".join(record) + "\n").encode(), 0o644)
    print(target.resolve())


if __name__ == "__main__":
    main(*sys.argv[1:])
