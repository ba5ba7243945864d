"""What must not work: and then nothing is left behind, nothing is changed, nothing is run."""

import os
import pickle

import h5py
import torch
from safetensors.torch import save_file

from report import Mismatch, require
from weights import numbers

EXTENSIONS = ("safetensors", "pt", "h5")


def check(report, tool, folder):
    with report.group("bad input and refusals"):
        sources = made(folder)
        for source in sources.values():
            with report.check(f"{source.name}: cut short anywhere"):
                check_prefixes(tool, folder, source)
        for extension in EXTENSIONS:
            with report.check(f"an existing .{extension} file is not replaced"):
                check_existing(tool, folder, sources["pt"], extension)
            with report.check(f".{extension} onto itself with --force"):
                check_onto_itself(tool, folder, sources, extension)
        for name in ("pt", "legacy"):
            with report.check(f"{sources[name].name}: bytes behind the end"):
                check_behind(tool, folder, sources[name])
        with report.check("a pickle that would run a command"):
            check_command(tool, folder)
        with report.check("other formats, folders, nothing at all"):
            check_other_content(tool, folder)


def made(folder):
    state = {"a.weight": numbers(40, 30), "a.bias": numbers(40), "steps": torch.arange(9)}
    paths = {extension: folder / f"source.{extension}" for extension in EXTENSIONS}
    save_file(state, paths["safetensors"], metadata={"format": "pt"})
    torch.save(state, paths["pt"])
    with h5py.File(paths["h5"], "w") as file:
        for name, tensor in state.items():
            file[name.replace(".", "/")] = tensor.numpy()
    legacy = folder / "legacy.bin"
    torch.save(state, legacy, _use_new_zipfile_serialization=False)
    return paths | {"legacy": legacy}


def require_nothing_left(directory):
    require(sorted(path.name for path in directory.iterdir()), [], f"files in {directory.name}/")


def check_prefixes(tool, folder, source):
    data = source.read_bytes()
    target = folder / f"prefixes-{source.name}"
    target.mkdir()
    cut = folder / f"cut-{source.name}"
    for size in sorted({0, 1, 7, 8, 9, 64, 200, len(data) // 3, len(data) // 2, len(data) - 100, len(data) - 1}):
        cut.write_bytes(data[:size])
        for extension in EXTENSIONS:
            tool.expect(65, "convert", cut, target / f"out.{extension}")
            require_nothing_left(target)


def check_behind(tool, folder, source):
    """What torch passes over is refused, with the place where the checkpoint ends."""
    data = source.read_bytes()
    target = folder / f"behind-{source.name}"
    target.mkdir()
    longer = folder / f"longer-{source.name}"
    for more in (b"\0", b"more" * 100, data):
        longer.write_bytes(data + more)
        torch.load(longer)
        outcome = tool.expect(65, "convert", longer, target / "out.safetensors")
        require(f"{len(more)} bytes lie" in outcome.error, True, f"how many bytes, {len(more)}, in {outcome.error!r}")
        require_nothing_left(target)


def check_existing(tool, folder, source, extension):
    directory = folder / f"existing-{extension}"
    directory.mkdir()
    path = directory / f"kept.{extension}"
    path.write_bytes(b"keep me")
    outcome = tool.expect(65, "convert", source, path)
    require("--force" in outcome.error, True, "the message names --force")
    require(path.read_bytes(), b"keep me", "the file's content")
    # Not even by a conversion that fails after it was allowed to.
    broken = folder / f"broken-{extension}.pt"
    broken.write_bytes(source.read_bytes()[:-50])
    tool.expect(65, "convert", broken, path, "--force")
    require(path.read_bytes(), b"keep me", "the file's content after a failed --force")
    require([found.name for found in directory.iterdir()], [path.name], "files")
    tool.convert(source, path, "--force")
    tool.expect(0, "diff", source, path)


def check_onto_itself(tool, folder, sources, extension):
    directory = folder / f"itself-{extension}"
    directory.mkdir()
    for name in ("same", "other"):
        path = directory / f"{name}.{extension}"
        path.write_bytes(sources[extension].read_bytes())
        before = tool.inspect(path).tensors
        # The second time the file gets another format under its own name.
        options = ["--format", "pytorch" if extension != "pt" else "safetensors"] if name == "other" else []
        tool.convert(path, path, "--force", *options)
        require(tool.inspect(path).tensors, before, "tensors")
    require(sorted(path.name for path in directory.iterdir()), [f"other.{extension}", f"same.{extension}"], "files")


class Command:
    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def check_command(tool, folder):
    directory = folder / "command"
    directory.mkdir()
    marker = directory / "it-ran"
    for name, options in [("zip", {}), ("legacy", {"_use_new_zipfile_serialization": False}), ("protocol-4", {"pickle_protocol": 4})]:
        path = folder / f"command-{name}.pt"
        torch.save({"weight": numbers(2), "command": Command(f"touch {marker}")}, path, **options)
        outcome = tool.expect(65, "inspect", path)
        require("posix" in outcome.error and "system" in outcome.error, True, "the message names posix.system")
        tool.expect(65, "convert", path, directory / "out.safetensors")
        tool.expect(0, "inspect", path, "--inert")
        tool.run("scan", path)
        require_nothing_left(directory)


def check_other_content(tool, folder):
    target = folder / "none"
    target.mkdir()
    empty = folder / "empty-directory"
    empty.mkdir()
    text = folder / "text.safetensors"
    text.write_text("hello")
    pickled = folder / "pickle.pt"
    pickled.write_bytes(pickle.dumps({"a": 1}))
    for source in (empty, text, pickled, folder / "is-not-there.pt"):
        outcome = tool.run("convert", source, target / "out.safetensors")
        if outcome.code not in (65, 74) or len(outcome.error.splitlines()) != 1 or source.name not in outcome.error:
            raise Mismatch(f"{source.name}: exit code {outcome.code}, {outcome.error!r}")
        require_nothing_left(target)
