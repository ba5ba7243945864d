"""Attributes of HDF5 files, through every format and back: the same types to the bit, the same elements; what is left out is
named. Refused objects are listed, and the rest is carried."""

import pathlib
import sys

import h5py
import numpy

from report import Mismatch, require

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "fixtures" / "hdf5"))
import attribute_types

TRIPS = {"hdf5": [".h5"], "safetensors": [".safetensors", ".h5"], "pytorch": [".pt", ".h5"],
         "both": [".safetensors", ".pt", ".safetensors", ".h5"]}


def attributes(path, place):
    """By name: the encoded type, the extents and the elements as they are stored, texts of variable length as h5py has them."""
    found = {}
    with h5py.File(path, "r") as file:
        target = file[place]
        for name in target.attrs:
            attribute = target.attrs.get_id(name)
            kind, space = attribute.get_type(), attribute.get_space()
            shape = None if space.get_simple_extent_type() == h5py.h5s.NULL else attribute.shape
            if shape is None:
                raw = None
            elif isinstance(kind, h5py.h5t.TypeStringID) and kind.is_variable_str():
                raw = numpy.asarray(target.attrs[name]).tolist()
            else:
                stored = numpy.empty(shape, f"V{kind.get_size()}")
                attribute.read(stored, mtype=kind)
                raw = stored.tobytes()
            found[name] = (kind, shape, raw)
    return found


def require_equal(path, source, place):
    expected, found = attributes(source, place), attributes(path, place)
    require(sorted(found), sorted(expected), "names of attributes")
    for name, (kind, shape, raw) in expected.items():
        if not kind.equal(found[name][0]):
            raise Mismatch(f"attribute {name!r}: type {found[name][0].dtype}, expected {kind.dtype}")
        if isinstance(kind, h5py.h5t.TypeStringID):
            require(found[name][0].get_cset(), kind.get_cset(), f"attribute {name!r}, character set")
            require(found[name][0].get_strpad(), kind.get_strpad(), f"attribute {name!r}, padding")
        require(found[name][1:], (shape, raw), f"attribute {name!r}")


def trip(tool, source, extensions):
    """The last file of a row of conversions, and what the first of them left out."""
    path, omitted = source, None
    for number, extension in enumerate(extensions):
        destination = source.with_name(f"{source.stem}-{number}{extension}")
        receipt = tool.convert(path, destination, "--force")
        omitted = [entry["item"] for entry in receipt["dropped"]] if omitted is None else omitted
        path = destination
    return path, omitted


def check(report, tool, folder):
    def carried(file):
        file["w"] = numpy.arange(3, dtype="<f4")
        attribute_types.carried(file["w"])
        attribute_types.carried(file.create_group("group"))
        attribute_types.carried(file)

    def listed(file):
        file["w"] = numpy.arange(3, dtype="<f4")
        attribute_types.listed(file, file["w"])
        attribute_types.listed(file, file)

    def named(file):
        file["tas"] = numpy.arange(3, dtype="<f4")
        file.attrs["variable_id"] = "tas"
        file.attrs["fixed_id"] = numpy.bytes_(b"tas")

    with report.group("attributes"):
        for name, fill in {"carried": carried, "listed": listed, "named": named}.items():
            for words, extensions in TRIPS.items():
                with report.check(f"{name}, through {words}"):
                    source = folder / f"{name}-{words}.h5"
                    with h5py.File(source, "w") as file:
                        fill(file)
                    path, omitted = trip(tool, source, extensions)
                    if name == "listed":
                        for place in ("/", "/w"):
                            expected = sorted(f"attribute '{key}' of '{place}'" for key in attributes(source, place))
                            require(sorted(item for item in omitted if item.endswith(f"'{place}'")), expected, "left out")
                            require(attributes(path, place), {}, "attributes")
                        continue
                    require(omitted, [], "left out")
                    for place in ("/", "/w", "/group") if name == "carried" else ("/",):
                        require_equal(path, source, place)
