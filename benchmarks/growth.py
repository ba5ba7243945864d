"""Runs the tool on files that are long in one way each, at two sizes of which one is four times the other, and prints what grows faster
than they do: the time of reading is to grow with a file, whoever wrote it.

    python growth.py WEIGHBRIDGE [NAME…]         those kinds alone whose names begin so

Times are processor time; of memory, what this process takes itself is the least that is told. Ends with 1 if the larger takes more
than eight times the smaller and two seconds, a minute, or more than 500 MB, or ends by a signal. See benchmarks/run.
"""

import bz2
import gzip
import io
import json
import lzma
import os
import signal
import struct
import subprocess
import sys
import tarfile
import tempfile
import threading
import traceback
import warnings
import zipfile

EXIT_CODES = {0, 1, 64, 65, 74}
CALL = b'cos\nsystem\n(S"x"\ntR.'

KINDS = {}


def kind(size, commands=("inspect", "scan")):
    """A function that writes a file of a size to a path; the larger size, and the commands that read it."""

    def keep(write):
        KINDS[write.__name__.replace("_", "-")] = (write, size, commands)
        return write

    return keep


def hdf5(size, **options):
    """The same for a function that fills an HDF5 file."""

    def keep(fill):
        def write(path, count):
            import h5py

            with h5py.File(path, "w", **options) as file:
                fill(file, count)

        write.__name__ = "hdf5_" + fill.__name__
        return kind(size, ("inspect", "scan", "convert"))(write)

    return keep


# HDF5


def attributes(file, count):
    for index in range(count):
        file.attrs[f"a{index}"] = index


hdf5(16_000)(attributes)


@hdf5(16_000, libver="latest")
def dense_attributes(file, count):
    attributes(file, count)


@hdf5(16_000)
def soft_links(file, count):
    import h5py
    import numpy

    file["d"] = numpy.zeros(3)
    for index in range(count):
        file[f"s{index}"] = h5py.SoftLink("/d" if index % 2 else f"/s{index - 1}")


@hdf5(16_000)
def hard_links(file, count):
    import numpy

    file["d"] = numpy.zeros(3)
    for index in range(count):
        file[f"h{index}"] = file["d"]


@hdf5(16_000, libver="latest")
def external_links(file, count):
    import h5py

    for index in range(count):
        file[f"e{index}"] = h5py.ExternalLink("other.h5", "/d")


@hdf5(40)
def groups_that_are_linked_twice(file, count):
    group = file
    for _ in range(count):
        inner = group.create_group("a")
        group["b"] = inner
        group = inner


@hdf5(64_000)
def chunks(file, count):
    import numpy

    file.create_dataset("d", data=numpy.zeros(count, "u1"), chunks=(1,))


@hdf5(16_000, libver="latest")
def chunks_of_two_axes(file, count):
    import numpy

    file.create_dataset("d", data=numpy.zeros((count, 4), "u1"), chunks=(1, 1), maxshape=(None, None))


@hdf5(8_000)
def committed_types(file, count):
    import numpy

    file["t"] = numpy.dtype([("a", "f4"), ("b", "i4")])
    for index in range(count):
        file.create_dataset(f"d{index}", (1,), dtype=file["t"])


@hdf5(2_000)
def layers(file, count):
    import numpy

    names = [f"dense_{index}" for index in range(count)]
    weights = file.create_group("model_weights")
    weights.attrs["layer_names"] = numpy.array([name.encode() for name in names])
    for name in names:
        group = weights.create_group(name)
        group.attrs["weight_names"] = numpy.array([f"{name}/kernel:0".encode()])
        group[f"{name}/kernel:0"] = numpy.zeros((1, 1), "f4")


# Archives and compressed streams


def archive(path, members, method=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", method) as file:
        for name, content in members:
            file.writestr(name, content)


@kind(32_000)
def zip_of_pickles(path, count):
    archive(path, ((f"{index}.pkl", CALL) for index in range(count)))


@kind(32_000)
def zip_of_one_name(path, count):
    archive(path, (("member", b"") for _ in range(count)))


@kind(6_400)
def zip_of_zeros(path, count):
    archive(path, ((str(index), bytes(100_000)) for index in range(count)), zipfile.ZIP_DEFLATED)


@kind(8)
def zip_of_zips(path, depth):
    content = b"x"
    for _ in range(depth):
        outer = io.BytesIO()
        archive(outer, ((f"{index}.zip", content) for index in range(10)), zipfile.ZIP_DEFLATED)
        content = outer.getvalue()
    open(path, "wb").write(content)


@kind(16_000)
def zips_in_a_row(path, count):
    one = io.BytesIO()
    archive(one, [("a", b"b")])
    open(path, "wb").write(one.getvalue() * count)


def local_header(size):
    return b"PK\3\4" + struct.pack("<HHHIIIIHH", 20, 0, 0, 0, 0, size, size, 1, 0) + b"a"


@kind(16_000)
def zip_of_members_to_the_end(path, count):
    content = b""
    for index in range(count, 0, -1):
        content += local_header(index * 50 - 31) + bytes((index * 7 + place) % 251 for place in range(19))
    open(path, "wb").write(content)


@kind(32_000)
def tar_members(path, count):
    with tarfile.open(path, "w") as file:
        for index in range(count):
            file.addfile(tarfile.TarInfo(f"m{index}"))


@kind(32_000)
def tar_records(path, count):
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as file:
        member = tarfile.TarInfo("m")
        member.pax_headers = {f"k{index}": "v" for index in range(count)}
        file.addfile(member)


def stream(name, one):
    def write(path, count):
        open(path, "wb").write(one * count)

    write.__name__ = name
    kind(64_000, ("scan",))(write)


stream("streams_of_gzip", gzip.compress(b"a"))
stream("streams_of_bzip2", bz2.compress(b"a"))
stream("streams_of_xz", lzma.compress(b"a"))
stream("frames_of_lz4", b"\x50\x2a\x4d\x18\0\0\0\0")

# Pickles and PyTorch's files


@kind(400_000, ("scan",))
def names_by_the_line(path, count):
    open(path, "wb").write(b"cos\n" * (count // 4))


@kind(1_600, ("scan",))
def long_value_of_many_calls(path, count):
    text = "x" * 100_000
    calls = b"cos\nsystem\nq\2" + b"h\2h\1\x85R0" * count
    open(path, "wb").write(b"\x80\2X" + struct.pack("<I", len(text)) + text.encode() + b"q\1" + calls + b"N.")


@kind(16_000, ("scan",))
def frames(path, count):
    open(path, "wb").write(b"\x80\4" + (b"\x95" + struct.pack("<Q", 3) + b"N0") * count + b"N.")


@kind(32_000, ("inspect", "scan", "convert"))
def views_of_a_storage(path, count):
    import torch

    storage = torch.zeros(count + 2)
    torch.save({f"v{index}": storage[index : index + 2] for index in range(count)}, path)


@kind(32_000, ("inspect", "scan", "convert"))
def storages_of_a_stream(path, count):
    import torch

    tensors = {f"v{index}": torch.zeros(1) for index in range(count)}
    torch.save(tensors, path, _use_new_zipfile_serialization=False)


@kind(32_000)
def values_beside_weights(path, count):
    import torch

    others = {f"p{index}": [index, "x", None, (1, 2)] for index in range(count)}
    torch.save({"state_dict": {"a": torch.zeros(2)}, "others": others}, path)


# One thing in many places: a short file that is long where it is unfolded


def checkpoint(path, body):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02" + body + b".")
        archive.writestr("archive/data/0", bytes(4))
        archive.writestr("archive/version", "3\n")


def recall(place):
    return b"j" + struct.pack("<I", place)


def kept(value, place):
    return value + b"r" + struct.pack("<I", place) + b"0"


def word(text):
    return b"X" + struct.pack("<I", len(text)) + text


STORAGE = b"(" + word(b"storage") + b"ctorch\nFloatStorage\n" + word(b"0") + word(b"cpu") + b"K\x01tQ"
REBUILD = b"ctorch._utils\n_rebuild_tensor_v2\n"
HOOKS = b"ccollections\nOrderedDict\n)R"
TENSOR = REBUILD + b"(" + STORAGE + b"K\x00K\x01\x85K\x01\x85\x89" + HOOKS + b"tR"


@kind(16_000, ("inspect", "scan", "convert"))
def tensors_of_one_shape(path, count):
    shape = kept(b"(" + b"K\x01" * count + b"t", 0) + kept(STORAGE, 1)
    one = REBUILD + b"(" + recall(1) + b"K\x00" + 2 * recall(0) + b"\x89" + HOOKS + b"tR"
    checkpoint(path, shape + b"}(" + b"".join(word(b"w%d" % index) + one for index in range(count)) + b"u")


@kind(1_000_000, ("inspect", "inspect --inert --json", "scan", "convert"))
def places_of_one_text(path, count):
    text = kept(word(b"y" * count), 0)
    checkpoint(path, text + b"}(" + word(b"w") + TENSOR + word(b"e") + b"](" + recall(0) * (count // 50) + b"eu")


@kind(4_000_000)
def ids_of_one_storage(path, count):
    checkpoint(path, kept(b"(" + b"N" * count + b"t", 0) + b"(" + (recall(0) + b"Q") * (count // 1_000) + b"l")


@kind(4_000_000)
def operations_without_values(path, count):
    open(path, "wb").write(b"\x80\x05N" + b"\x970\x82\x010" * (count // 5) + b".")


@hdf5(16_000, libver="earliest")
def data_sets_of_one_place(file, count):
    for index in range(count):
        file.create_dataset(f"d{index}", (1_000_000,), "<f4")
    path = file.filename
    file.close()
    data = open(path, "rb").read()
    nowhere, size, place = b"\xff" * 8, struct.pack("<Q", 4_000_000), struct.pack("<Q", len(data))
    data = data.replace(nowhere + size, place + size).replace(place, struct.pack("<Q", len(data) + 4_000_000), 1)
    open(path, "wb").write(data + bytes(4_000_000))


# Safetensors and text


def safetensors(path, header, data=b""):
    text = json.dumps(header).encode()
    open(path, "wb").write(struct.pack("<Q", len(text)) + text + data)


@kind(32_000, ("inspect", "scan", "convert", "diff", "inspect --digests", "inspect --tree --stats", "shards"))
def weights(path, count):
    entries = {f"layers.{i}.weight": {"dtype": "F32", "shape": [1], "data_offsets": [4 * i, 4 * i + 4]} for i in range(count)}
    safetensors(path, entries, b"\1\2\3\4" * count)


@kind(300, ("inspect", "inspect --tree", "diff"))
def deep_names(path, count):
    entry = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    safetensors(path, {"a." * 30_000 + str(index): entry for index in range(count)})


@kind(4 << 20)
def note(path, count):
    entry = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
    safetensors(path, {"__metadata__": {"note": "e\u0301" * (count // 3)}, "a": entry}, bytes(4))


def text(name, front, unit, back=""):
    def write(path, count):
        open(path, "w").write(front + unit * (count // len(unit)) + back)

    write.__name__ = "text_of_" + name
    kind(800_000, ("scan",))(write)


text("template_expressions", "chat_template ", "{{ a }} ")
text("template_brackets", "chat_template {{ ", "(")
text("template_attributes", "chat_template {{ a", ".b")
text("template_loops", "chat_template ", "{% for x in y %}")
text("yaml_tags", "", "!!python/x ")
text("yaml_keys", "", "_target_: a.b ")
text("json_layers", "[", '{"class_name": "A", "config": {}},', "{}]")
text("brackets", "", "[")
text("entities", "<!ENTITY", "SYSTEM ")


def run(tool, command, path, directory):
    """Processor seconds, megabytes and what is wrong with a run."""
    destination = os.path.join(directory, "out.safetensors")
    arguments = {
        "convert": ["convert", path, destination, "--force", "--weights-only"],
        "diff": ["diff", path, path],
        "shards": ["convert", path, os.path.join(directory, "shards"), "--to", "safetensors", "--max-shard-size", "64", "--force"],
    }.get(command, [*command.split(), path])
    process = subprocess.Popen([tool, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    timer = threading.Timer(60, os.kill, (process.pid, signal.SIGKILL))
    timer.start()
    _, status, usage = os.wait4(process.pid, 0)
    timer.cancel()
    code = os.waitstatus_to_exitcode(status)
    fault = None if code in EXIT_CODES else "a minute" if code == -9 else f"exit code {code}"
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6, fault


def made(write, path, count):
    """Writes a file in a process of its own: what this one has in memory would be counted as the tool's."""
    child = os.fork()
    if child == 0:
        try:
            write(path, count)
            os._exit(0)
        finally:
            traceback.print_exc()
            os._exit(1)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0:
        raise SystemExit(f"{path} cannot be made")


def main():
    warnings.simplefilter("ignore")
    tool, *names = sys.argv[1:]
    found = 0
    print("| kind | size | command | s, a quarter | s | MB, a quarter | MB | |\n|---|--:|---|--:|--:|--:|--:|---|")
    for name, (write, size, commands) in KINDS.items():
        if names and not any(name.startswith(one) for one in names):
            continue
        with tempfile.TemporaryDirectory() as directory:
            paths = [os.path.join(directory, part) for part in ("quarter", "whole")]
            for path, count in zip(paths, (max(1, size // 4), size)):
                made(write, path, count)
            for command in commands:
                (small, small_memory, _), (large, memory, fault) = (run(tool, command, path, directory) for path in paths)
                if large > max(2, 8 * small):
                    fault = fault or f"{large / max(small, 0.001):.0f} times"
                if memory > 500:
                    fault = fault or "memory"
                found += fault is not None
                print(
                    f"| {name} | {size:,} | {command} | {small:.2f} | {large:.2f} | {small_memory:.0f} | {memory:.0f} | {fault or ''} |",
                    flush=True,
                )
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
