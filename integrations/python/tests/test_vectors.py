"""Files of vectors that the tool writes, read by pyarrow and numpy."""

import importlib.util
import json
import pathlib
import subprocess
import tempfile
import unittest

import weighbridge
from support import model

WORDS = ["the", "scale", "is", "even", "model", "weight"]


@unittest.skipUnless(importlib.util.find_spec("pyarrow") and importlib.util.find_spec("numpy"), "there is no pyarrow here")
class Files(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.directory = model(self.folder)

    def rows(self, count, ids):
        made = [{"text": " ".join(WORDS[(row // 6 ** step) % 6] for step in range(1 + row % 5))} for row in range(count)]
        for row, each in enumerate(made):
            if ids is not None:
                each["id"] = ids(row)
        path = self.folder / "rows.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in made), encoding="utf-8")
        return made

    def embed(self, name, *options):
        command = [
            weighbridge.executable(), "embed", self.directory, "--input", self.folder / "rows.jsonl", "--output", self.folder / name, *options]
        return subprocess.run(list(map(str, command)), capture_output=True, text=True)

    def vectors(self, rows):
        import numpy

        found = weighbridge.embed(self.directory, [row["text"] for row in rows])
        weighbridge.close()
        return numpy.array(found, numpy.float32)

    def read(self, name):
        import pyarrow.ipc
        import pyarrow.parquet

        path = self.folder / name
        if name.endswith(".arrow"):
            return pyarrow.ipc.open_file(path).read_all()
        if name.endswith(".arrows"):
            return pyarrow.ipc.open_stream(path).read_all()
        return pyarrow.parquet.read_table(path)

    def test_columns_are_id_and_a_list_of_fixed_size(self):
        import numpy
        import pyarrow

        kinds = {
            "numbers": (lambda row: row * 7 - 3, pyarrow.int64()), "texts": (lambda row: f"row {row} é", pyarrow.string()),
            "none": (None, pyarrow.int64())}
        for kind, (ids, type) in kinds.items():
            for count in (1, 300):
                rows = self.rows(count, ids)
                expected = self.vectors(rows)
                for precision, element in (("float32", pyarrow.float32()), ("float16", pyarrow.float16())):
                    for name in ("out.arrow", "out.arrows", "out.parquet"):
                        with self.subTest(ids=kind, rows=count, precision=precision, name=name):
                            self.assertEqual(self.embed(name, "--precision", precision).returncode, 0)
                            table = self.read(name)
                            table.validate(full=True)
                            list_type = pyarrow.list_(element, expected.shape[1])
                            self.assertEqual(table.schema, pyarrow.schema([("id", type), ("embedding", list_type)]))
                            self.assertEqual(table["id"].to_pylist(), [row.get("id", place) for place, row in enumerate(rows)])
                            found = table["embedding"].combine_chunks().values.to_numpy().reshape(expected.shape)
                            close = 1e-5 if precision == "float32" else 2e-3
                            self.assertTrue(numpy.allclose(found, expected, rtol=close, atol=close))

    def test_numbered_files_are_the_whole_in_the_order_of_their_names(self):
        import numpy

        self.rows(25, None)
        self.embed("whole.npy")
        whole = numpy.load(self.folder / "whole.npy")
        # What an earlier run with more rows has left must not be read behind this one's.
        for number in (3, 4):
            (self.folder / f"part-0000{number}.npy").write_bytes(b"old")
        self.assertEqual(self.embed("part.npy", "--rows-per-file", "10").returncode, 0)
        parts = sorted(self.folder.glob("part-*.npy"))
        self.assertEqual([path.name for path in parts], ["part-00000.npy", "part-00001.npy", "part-00002.npy"])
        loaded = [numpy.load(path) for path in parts]
        self.assertEqual([len(part) for part in loaded], [10, 10, 5])
        self.assertTrue(numpy.array_equal(numpy.concatenate(loaded), whole))
        # Steps are of the range of all files.
        self.embed("steps.npy", "--precision", "uint8")
        self.embed("step.npy", "--precision", "uint8", "--rows-per-file", "10")
        steps = numpy.concatenate([numpy.load(path) for path in sorted(self.folder.glob("step-*.npy"))])
        self.assertTrue(numpy.array_equal(steps, numpy.load(self.folder / "steps.npy")))

    def test_what_a_table_cannot_hold_is_refused(self):
        self.rows(3, lambda row: row if row < 2 else "two")
        done = self.embed("out.parquet")
        self.assertEqual((done.returncode, (self.folder / "out.parquet").exists()), (65, False))
        self.assertIn("all whole numbers, or all strings", done.stderr)
        self.assertEqual(self.embed("out.parquet", "--precision", "int8").returncode, 64)
        self.assertEqual(self.embed("out.jsonl", "--rows-per-file", "10").returncode, 64)
        self.assertEqual(self.embed("out.csv").returncode, 64)


if __name__ == "__main__":
    unittest.main()
