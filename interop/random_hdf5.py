"""HDF5 files made at random by h5py, the same ones in every run: each data set of numbers is read with h5py's bytes, and
everything else is listed.

    python interop/random_hdf5.py path/to/weighbridge first last     keeps the files that are read otherwise

One file has some of what the library can be told to write: sizes of offsets and lengths, a userblock, shared messages, every kind
of chunk index, filters and their masks, fill values and times of allocation, committed types, attributes in the header and in
heaps, links in tables and in trees, deleted objects, bounds of versions.
"""

import ctypes
import hashlib
import pathlib
import random
import sys
import tempfile

import h5py
import numpy
from h5py import h5a, h5d, h5f, h5p, h5s, h5t, h5z

from report import Mismatch, Report, require
from tool import Tool
from weights import NUMPY_NAMES

# Files of a run of the checks, which take some ten seconds.
FILES = 250
NUMBERS = ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"]
EXTENTS = [1, 2, 3, 5, 7, 11, 16, 33]
# What h5py has no function for, by the library that it is linked with.
LIBRARY = ctypes.CDLL(h5p.__file__)
MESSAGES = {"space": 1 << 1, "type": 1 << 3, "fill": 1 << 5, "filters": 1 << 11, "attribute": 1 << 12}
DO_NOT_FILTER_PARTIAL_CHUNKS = 2


def set_property(name, properties, *values):
    """Calls `H5Pset_…` with unsigned values."""
    arguments = [value if isinstance(value, ctypes._SimpleCData) else ctypes.c_uint(value) for value in values]
    if getattr(LIBRARY, name)(ctypes.c_int64(properties.id), *arguments) < 0:
        raise RuntimeError(name)


class RandomFile:
    """A file, made by a seed."""

    def __init__(self, seed, path):
        self.random = random.Random(seed)
        self.values = numpy.random.default_rng(seed)
        with h5py.File(self.created(path)) as file:
            self.fill(file)

    def chance(self, probability):
        return self.random.random() < probability

    def one_of(self, *choices):
        return self.random.choice(choices)

    # The file

    def created(self, path):
        creation, access = h5p.create(h5p.FILE_CREATE), h5p.create(h5p.FILE_ACCESS)
        if self.chance(.2):
            creation.set_userblock(self.one_of(512, 1024, 4096))
        sizes = (self.one_of(2, 4, 8, 8), self.one_of(2, 4, 8, 8)) if self.chance(.3) else (8, 8)
        # The library cuts off what lengths of two bytes cannot tell.
        self.most_bytes = 60_000 if 2 in sizes else 8_000_000
        creation.set_sizes(*sizes)
        if self.chance(.3):
            creation.set_link_creation_order(h5p.CRT_ORDER_TRACKED | h5p.CRT_ORDER_INDEXED)
        if self.chance(.25):
            creation.set_file_space_strategy(
                self.one_of(h5f.FSPACE_STRATEGY_FSM_AGGR, h5f.FSPACE_STRATEGY_PAGE, h5f.FSPACE_STRATEGY_AGGR,
                            h5f.FSPACE_STRATEGY_NONE), self.chance(.5), 1)
        if self.chance(.25):
            self.share_messages(creation)
        for name, choices in {"H5Pset_sym_k": ([1, 3, 16], [1, 4]), "H5Pset_istore_k": ([1, 2, 32],),
                              "H5Pset_link_phase_change": ([0, 1, 8], [0])}.items():
            if self.chance(.2):
                set_property(name, creation, *(self.random.choice(values) for values in choices))
        if self.chance(.2):
            self.place_attributes(creation)
        if self.chance(.2):
            set_property("H5Pset_alignment", access, ctypes.c_uint64(1), ctypes.c_uint64(self.one_of(7, 8, 512)))
        access.set_libver_bounds(
            self.one_of(h5f.LIBVER_EARLIEST, h5f.LIBVER_EARLIEST, h5f.LIBVER_V18, h5f.LIBVER_V110, h5f.LIBVER_V112,
                        h5f.LIBVER_V114, h5f.LIBVER_LATEST), h5f.LIBVER_LATEST)
        return h5f.create(str(path).encode(), h5f.ACC_TRUNC, creation, access)

    def share_messages(self, creation):
        indexes = self.one_of([list(MESSAGES)], [["attribute"], ["type", "space"]], [["type"]], [["attribute"]],
                              [["fill", "filters"], ["attribute", "type"], ["space"]])
        set_property("H5Pset_shared_mesg_nindexes", creation, len(indexes))
        for number, kinds in enumerate(indexes):
            set_property("H5Pset_shared_mesg_index", creation, number, sum(MESSAGES[kind] for kind in kinds),
                         self.one_of(0, 0, 20, 40))
        if self.chance(.5):
            set_property("H5Pset_shared_mesg_phase_change", creation, self.one_of(0, 2, 50), 0)

    def place_attributes(self, properties):
        set_property("H5Pset_attr_phase_change", properties, self.one_of(0, 1, 8), 0)
        if self.chance(.5):
            set_property("H5Pset_attr_creation_order", properties, self.one_of(1, 3))

    def fill(self, file):
        groups = [file]
        for number in range(self.random.randrange(4)):
            groups.append(self.random.choice(groups).create_group(f"group{number}", track_order=self.chance(.3)))
        if self.chance(.05):
            group = self.random.choice(groups)
            for number in range(self.one_of(50, 300)):
                group[f"many{number}"] = numpy.int32(number)
        for number in range(self.random.randrange(1, 7)):
            group = self.random.choice(groups)
            try:
                if self.chance(.2):
                    self.add_other(group, f"other{number}")
                else:
                    self.add_numbers(group, f"data{number}")
            except (ValueError, TypeError, OSError, RuntimeError):
                pass  # the library does not take everything together
        objects = []
        file.visititems(lambda name, item: None if isinstance(item, h5py.Datatype) else objects.append(item))
        for item in [file] + self.random.sample(objects, min(len(objects), 5)):
            for number in range(self.one_of(0, 0, 1, 2, 5, 20)):
                self.add_attribute(item, f"{self.one_of('a', 'é', '_x ')}{number}")
        datasets = [item for item in objects if isinstance(item, h5py.Dataset)]
        if datasets and self.chance(.5):
            self.random.choice(groups)["hard"] = self.random.choice(datasets)
        if objects and self.chance(.2):
            del file[self.random.choice(objects).name]  # leaves free space

    # Data sets

    def dtype(self):
        kind = self.random.random()
        if kind < .75:
            return numpy.dtype(self.one_of("<", ">") + self.random.choice(NUMBERS))
        if kind < .85:
            return numpy.dtype(self.one_of("<", ">") + self.one_of("c8", "c16"))
        return numpy.dtype(bool)

    def numbers(self, dtype, shape):
        count = int(numpy.prod(shape, dtype=int))
        if dtype.kind == "b" or self.chance(.4):
            return self.values.integers(0, 2 if dtype.kind == "b" else 100, count).astype(dtype).reshape(shape)
        raw = numpy.frombuffer(self.values.bytes(count * dtype.itemsize), dtype).reshape(shape)
        return numpy.where(numpy.isfinite(raw), raw, 1).astype(dtype) if dtype.kind in "fc" else raw

    def shape(self, most=4):
        return tuple(self.random.choice(EXTENTS) if self.chance(.95) else 0 for _ in range(self.random.randrange(most + 1)))

    def add_numbers(self, group, name):
        dtype, shape = self.dtype(), self.shape()
        if numpy.prod(shape, dtype=int) * dtype.itemsize > self.most_bytes:
            shape = shape[:2]
        data = self.numbers(dtype, shape)
        layout = self.one_of("contiguous", "contiguous", "compact", "chunked", "chunked", "chunked")
        if not shape or 0 in shape and self.chance(.5):
            layout = self.one_of("contiguous", "compact")
        if layout == "compact" and data.nbytes > 60_000:
            layout = "contiguous"
        creation, limits = h5p.create(h5p.DATASET_CREATE), None
        if layout == "compact":
            creation.set_layout(h5d.COMPACT)
        if self.chance(.3):
            creation.set_fill_time(self.one_of(h5d.FILL_TIME_ALLOC, h5d.FILL_TIME_IFSET))
        if dtype.kind in "iuf" and self.chance(.5):
            creation.set_fill_value(numpy.array(7, dtype))
        if layout != "compact":
            creation.set_alloc_time(self.one_of(h5d.ALLOC_TIME_DEFAULT, h5d.ALLOC_TIME_LATE, h5d.ALLOC_TIME_EARLY))
        if layout == "chunked":
            limits = self.chunk(creation, shape)
            if self.chance(.7):
                self.add_filters(creation, dtype)
            filters_edges = not self.chance(.3)
            if not filters_edges:
                set_property("H5Pset_chunk_opts", creation, DO_NOT_FILTER_PARTIAL_CHUNKS)
        if self.chance(.2):
            self.place_attributes(creation)
        kind = h5t.py_create(dtype, logical=True)
        if self.chance(.1) and kind.get_class() != h5t.ENUM:
            kind = kind.copy()
            kind.commit(group.id, f"type of {name}".encode())
        space = h5s.create_simple(shape, limits) if shape else h5s.create(h5s.SCALAR)
        dataset = h5py.Dataset(h5d.create(group.id, name.encode(), kind, space, creation))
        self.write(dataset, data)
        # libhdf5 filters no chunk again that is at an edge no more, or not at it yet, and cannot read it then.
        if layout == "chunked" and filters_edges:
            self.change(dataset, data, creation)

    def chunk(self, creation, shape):
        limits = tuple(self.one_of(h5s.UNLIMITED, extent or h5s.UNLIMITED, extent + 10) for extent in shape)
        chunk = (self.one_of(1, 2, 3, 4, max(1, extent), max(1, extent // 2), min(extent + 3, 40)) for extent in shape)
        creation.set_chunk(tuple(
            size if limit == h5s.UNLIMITED else min(size, limit) for size, limit in zip(chunk, limits)))
        return limits

    def add_filters(self, creation, dtype):
        scales = dtype.kind in "iuf" and dtype != numpy.dtype("f2") and dtype.newbyteorder() != numpy.dtype("f2")
        names = self.random.sample(["scale-offset", "n-bit", "shuffle", "gzip", "lzf", "fletcher32", "szip"],
                                   self.random.randrange(4))
        # These two take numbers, and not what another filter has made of them.
        for name in sorted(names, key=lambda name: name not in ("scale-offset", "n-bit")):
            if name == "szip" and set(names) - {"szip", "shuffle"}:
                continue  # of bytes that are no whole elements libaec leaves the last ones to chance
            if name == "scale-offset" and scales:
                if dtype.kind == "f":
                    creation.set_scaleoffset(h5z.SO_FLOAT_DSCALE, self.random.randrange(4))
                else:
                    creation.set_scaleoffset(h5z.SO_INT, self.one_of(0, 0, 4, 8))
            elif name == "n-bit":
                creation.set_filter(h5z.FILTER_NBIT, h5z.FLAG_OPTIONAL)
            elif name == "shuffle":
                creation.set_shuffle()
            elif name == "gzip":
                creation.set_deflate(self.random.randrange(10))
            elif name == "lzf":
                creation.set_filter(h5z.FILTER_LZF, h5z.FLAG_OPTIONAL)
            elif name == "fletcher32":
                creation.set_fletcher32()
            elif name == "szip" and h5z.filter_avail(h5z.FILTER_SZIP) and dtype.itemsize <= 8:
                creation.set_szip(self.one_of(4, 32), self.one_of(4, 8, 16, 32))

    def write(self, dataset, data):
        way = self.one_of("all", "all", "all", "part", "nothing")
        if way == "nothing" or not data.size:
            return
        if way == "all" or not data.shape:
            dataset[...] = data
            return
        for _ in range(self.random.randrange(1, 4)):
            starts = [self.random.randrange(extent) for extent in data.shape]
            place = tuple(slice(start, start + self.random.randrange(1, max(2, extent - start + 1)))
                          for start, extent in zip(starts, data.shape))
            dataset[place] = data[place]

    def change(self, dataset, data, creation):
        if data.size and creation.get_nfilters() and self.chance(.2):
            # A chunk that no filter was applied to.
            place = tuple(self.random.randrange(extent) // size * size for extent, size in zip(data.shape, dataset.chunks))
            dataset.id.write_direct_chunk(
                place, self.numbers(dataset.dtype, dataset.chunks).tobytes(), filter_mask=(1 << creation.get_nfilters()) - 1)
        if None in dataset.maxshape and self.chance(.3):
            shape = tuple(max(0, extent + self.one_of(0, 5, 40, -1)) if limit is None else extent
                          for extent, limit in zip(data.shape, dataset.maxshape))
            dataset.resize(shape)
            if 0 not in shape and self.chance(.5):
                dataset[tuple(extent - 1 for extent in shape)] = self.numbers(dataset.dtype, ())

    def add_other(self, group, name):
        """What is no data set of numbers in this file."""
        kind = self.random.randrange(12)
        if kind == 0:
            group[name] = numpy.array([b"ab", b"cde"], "S5")
        elif kind == 1:
            group.create_dataset(name, data=["x", "yyé", ""], dtype=h5py.string_dtype())
        elif kind == 2:
            group.create_dataset(name, (3,), dtype=h5py.vlen_dtype("i4"))[1] = [1, 2, 3]
        elif kind == 3:
            group[name] = numpy.zeros(self.one_of((3,), (), (2, 2)), [("a", "i1"), ("b", "f8"), ("c", "S3")])
        elif kind == 4:
            group.create_dataset(name, (2,), dtype=[("a", [("x", "i2"), ("y", ">f4")]), ("z", ("i4", (2,)))])
        elif kind == 5:
            group[name] = numpy.frombuffer(self.values.bytes(24), "V4")
        elif kind == 6:
            group.create_dataset(name, (2,), dtype=self.one_of(h5py.ref_dtype, h5py.regionref_dtype))
        elif kind == 7:
            group.create_dataset(name, data=h5py.Empty(self.one_of("f4", "S3", "i8")))
        elif kind == 8:
            group[name] = self.one_of(h5py.SoftLink("/nowhere"), h5py.SoftLink("/"), h5py.ExternalLink("other.h5", "/x"))
        elif kind == 9:
            group.create_dataset(name, (4,), dtype="i4", external=[("elsewhere.bin", 0, 16)])
        elif kind == 10:
            layout = h5py.VirtualLayout((4,), "i4")
            layout[:] = h5py.VirtualSource("elsewhere.h5", "x", (4,))
            group.create_virtual_dataset(name, layout)
        else:
            group[name] = numpy.dtype(self.one_of("f4", "S4", ">i2"))

    def add_attribute(self, item, name):
        kind = self.random.randrange(8)
        if kind < 3:
            shape = self.shape(2)
            dtype = self.dtype()
            item.attrs.create(name, self.numbers(dtype, shape), dtype=dtype)
        elif kind == 3:
            item.attrs[name] = "text é" * self.one_of(0, 1, 50)
        elif kind == 4:
            item.attrs.create(name, ["x", "yy", "zzz"], dtype=h5py.string_dtype())
        elif kind == 5:
            item.attrs[name] = numpy.arange(self.one_of(10, 100, 2000, 7000), dtype=">i4")
        elif kind == 6:
            item.attrs[name] = h5py.Empty(self.one_of("f4", "S4", ">i2"))
        else:
            text = h5t.C_S1.copy()
            text.set_size(8)
            text.set_strpad(self.one_of(h5t.STR_NULLTERM, h5t.STR_NULLPAD, h5t.STR_SPACEPAD))
            attribute = h5a.create(item.id, name.encode(), text, h5s.create(h5s.SCALAR))
            attribute.write(numpy.array(self.one_of(b"ab      ", b"ab", b"abcdefgh"), "S8"))


class Unreadable(Exception):
    """The library cannot read what it wrote."""


class Contents:
    """What h5py reads of a file."""

    def __init__(self, path):
        # Data sets of numbers by path: dtype, shape, digest.
        self.numbers = {}
        # What is none, by address: its paths, of which one is listed.
        self.others = {}
        self.seen = set()
        try:
            with h5py.File(path) as file:
                self.add(file, "")
        except (OSError, RuntimeError, KeyError) as error:
            raise Unreadable(path) from error

    def add(self, group, prefix):
        list(group.attrs)  # an object whose attributes cannot be listed is refused as a whole
        for name in group:
            path = prefix + name
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                self.others[path] = {path}
                continue
            item = group[name]
            address = h5py.h5o.get_info(item.id).addr
            if isinstance(item, h5py.Dataset):
                self.add_dataset(item, path, address)
            elif isinstance(item, h5py.Group) and address not in self.seen:
                self.seen.add(address)
                self.add(item, path + "/")

    def add_dataset(self, dataset, path, address):
        list(dataset.attrs)
        dtype = dataset.dtype
        if dataset.shape is None or dtype.kind not in "iufcb" or dataset.is_virtual or dataset.external:
            self.others.setdefault(address, set()).add(path)
            return
        stored = numpy.asarray(dataset[()], dtype).astype(dtype.newbyteorder("<")).tobytes()
        self.numbers[path] = (NUMPY_NAMES[dtype.name], dataset.shape, hashlib.sha256(stored).hexdigest())


def require_equal(tool, path):
    """Compares what is read of a file with what h5py reads."""
    try:
        expected = Contents(path)
    except Unreadable:
        code = tool.run("inspect", path, "--digests").code
        if code not in (0, 65):
            raise Mismatch(f"exit code {code} for a file that h5py cannot read") from None
        return
    listing = tool.inspect(path)
    found = {name: (entry["dtype"], tuple(entry["shape"]), entry["sha256"]) for name, entry in listing.tensors.items()}
    for name, entry in expected.numbers.items():
        require(found.get(name), entry, f"data set {name!r}")
    require(sorted(found.keys() - expected.numbers.keys()), [], "data sets that h5py has not")
    listed = {entry["name"] for entry in listing.document.get("others", [])}
    require([paths for paths in expected.others.values() if not paths & listed], [], "what is not listed")


def made(seed, path):
    """Makes the file of a seed; false if the library does not take its properties together."""
    try:
        RandomFile(seed, path)
    except (OSError, RuntimeError, KeyError):
        return False
    return True


def check(report, tool, folder):
    with report.group("random HDF5 files"):
        for seed in range(FILES):
            with report.check(f"the file of seed {seed}"):
                path = folder / f"{seed}.h5"
                if made(seed, path):
                    require_equal(tool, path)
                    path.unlink()


def main():
    program, first, last = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    folder = pathlib.Path(tempfile.mkdtemp(prefix="weighbridge-random-hdf5-"))
    report, tool = Report(), Tool(program)
    for seed in range(first, last):
        path = folder / f"{seed}.h5"
        with report.check(path):
            if made(seed, path):
                require_equal(tool, path)
                path.unlink()
    print(f"{report.passed} passed, {report.failed} failed, in {folder}")


if __name__ == "__main__":
    main()
