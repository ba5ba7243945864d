"""Files of vectors that the tool writes, read by pyarrow and numpy, and Arrow's streams that pyarrow writes, answered by a worker."""

import importlib.util
import io
import json
import pathlib
import random
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

    def test_files_without_a_vector_fit_those_that_have_some(self):
        import numpy
        import pyarrow

        for count in (0, 2):
            self.rows(count, None)
            (self.folder / str(count)).mkdir()
            for kind in ("npy", "arrow", "arrows", "parquet"):
                self.assertEqual(self.embed(f"{count}/v.{kind}").returncode, 0)
            self.assertEqual(self.embed(f"{count}/b.npy", "--precision", "binary").returncode, 0)
        for name in ("v.npy", "b.npy"):
            none, some = (numpy.load(self.folder / count / name) for count in ("0", "2"))
            self.assertEqual((len(none), none.shape[1:], none.dtype), (0, some.shape[1:], some.dtype))
        for kind in ("arrow", "arrows", "parquet"):
            none, some = (self.read(f"{count}/v.{kind}") for count in (0, 2))
            self.assertEqual(none.schema, some.schema)
            self.assertEqual(pyarrow.concat_tables([none, some]).num_rows, 2)

    def test_what_a_table_cannot_hold_is_refused(self):
        self.rows(3, lambda row: row if row < 2 else "two")
        done = self.embed("out.parquet")
        self.assertEqual((done.returncode, (self.folder / "out.parquet").exists()), (65, False))
        self.assertIn("all whole numbers, or all strings", done.stderr)
        self.assertEqual(self.embed("out.parquet", "--precision", "int8").returncode, 64)
        self.assertEqual(self.embed("out.jsonl", "--rows-per-file", "10").returncode, 64)
        self.assertEqual(self.embed("out.csv").returncode, 64)


@unittest.skipUnless(importlib.util.find_spec("pyarrow"), "there is no pyarrow here")
class Streams(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.directory = model(self.folder)

    def stream(self, batches, kind="new_stream", **options):
        import pyarrow.ipc

        written = io.BytesIO()
        with getattr(pyarrow.ipc, kind)(written, batches[0].schema, options=pyarrow.ipc.IpcWriteOptions(**options)) as writer:
            for batch in batches:
                writer.write_batch(batch)
        return written.getvalue()

    def worker(self, given, *arguments):
        done = subprocess.run(
            [weighbridge.executable(), "worker", *map(str, arguments)], input=given, capture_output=True)
        return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr.decode()

    def batches(self, text, id):
        import pyarrow

        drawn = random.Random(7)
        schema = pyarrow.schema([("id", id), ("text", text)])
        batches = []
        for count in (1, 0, 300, 7):
            texts = [None if drawn.random() < 0.1 else " ".join(drawn.choices(WORDS + ["é 🙂"], k=1 + row % 9)) for row in range(count)]
            ids = [row if id == pyarrow.int64() else f"row {row} é" for row in range(count)]
            batches.append(pyarrow.record_batch([pyarrow.array(ids, id), pyarrow.array(texts, text)], schema=schema))
        # Parts of longer columns, whose texts do not begin at the first byte.
        return [*batches, batches[2].slice(100, 50), batches[2].slice(299, 1)]

    def test_each_row_of_a_stream_is_answered_as_the_same_row_in_json(self):
        import pyarrow

        for text in (pyarrow.string(), pyarrow.large_string()):
            for id in (pyarrow.int64(), pyarrow.string()):
                batches = self.batches(text, id)
                rows = [row for batch in batches for row in batch.to_pylist()]
                lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
                code, expected, _ = self.worker(lines, "classify", self.directory)
                self.assertEqual((code, len(expected)), (0, len(rows)))
                self.assertEqual([answer["id"] for answer in expected], [row["id"] for row in rows])
                for kind in ("new_stream", "new_file"):
                    with self.subTest(text=text, id=id, kind=kind):
                        self.assertEqual(self.worker(self.stream(batches, kind), "classify", self.directory), (0, expected, ""))

    def test_answers_come_while_the_stream_is_open(self):
        import pyarrow

        batches = self.batches(pyarrow.string(), pyarrow.int64())
        child = subprocess.Popen(
            [weighbridge.executable(), "worker", "classify", str(self.directory)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        with child:
            writer = pyarrow.ipc.new_stream(child.stdin, batches[0].schema)
            for batch in batches:
                writer.write_batch(batch)
                child.stdin.flush()
                found = [json.loads(child.stdout.readline())["id"] for _ in range(batch.num_rows)]
                self.assertEqual(found, batch["id"].to_pylist())
            writer.close()
            child.stdin.close()
            self.assertEqual((child.stdout.read(), child.wait()), (b"", 0))

    def test_what_cannot_be_read_is_one_error_behind_the_answers_before_it(self):
        import pyarrow

        batches = self.batches(pyarrow.string(), pyarrow.int64())
        whole = self.stream(batches)
        count = sum(batch.num_rows for batch in batches)
        drawn = random.Random(11)
        for place in sorted(drawn.sample(range(4, len(whole)), 40)):
            with self.subTest(place=place):
                code, answers, said = self.worker(whole[:place], "classify", self.directory)
                self.assertLess(len(answers), count)
                self.assertEqual(code, 65 if said else 0)
                if said:
                    self.assertEqual(len(said.splitlines()), 1)
                    self.assertRegex(said, r"^weighbridge: standard input: .* \(truncated\)$")
        text = pyarrow.array(["the", "scale", "the"])
        for column, word in ((text.dictionary_encode(), "dictionary"), (pyarrow.array([b"a"]), "binary")):
            given = self.stream([pyarrow.record_batch([column], names=["text"])])
            code, answers, said = self.worker(given, "classify", self.directory)
            self.assertEqual((code, answers), (65, []))
            self.assertIn("column 'text'", said)
            self.assertIn(word, said)
        # With --json the error comes as a line without an id, too.
        code, answers, _ = self.worker(whole[:-20], "classify", self.directory, "--json")
        self.assertEqual((code, answers[-1]["error"]["kind"]), (65, "truncated"))

    def test_a_text_that_is_not_utf8_is_an_error_of_its_row_which_keeps_its_id(self):
        import pyarrow

        def texts(values):
            # As another library may write them: pyarrow itself takes no such texts from Python.
            return pyarrow.array(values, pyarrow.binary()).view(pyarrow.string())

        ids = pyarrow.array([7, 8, 9], pyarrow.int64())
        batch = pyarrow.record_batch([texts([b"the", b"\xff\xfe", b"scale"]), ids], names=["text", "id"])
        code, answers, said = self.worker(self.stream([batch]), "classify", self.directory)
        self.assertEqual((code, said, [answer["id"] for answer in answers]), (0, "", [7, 8, 9]))
        self.assertEqual([answer.get("error", {}).get("kind") for answer in answers], [None, "malformed", None])
        self.assertEqual(answers[1]["error"]["field"], "column 'text'")
        batch = pyarrow.record_batch([texts([b"the", b"\xff", b"a"]), texts([b"x", b"y", b"\xff"])], names=["text", "id"])
        _, answers, _ = self.worker(self.stream([batch]), "classify", self.directory)
        self.assertEqual([(answer["id"], "error" in answer) for answer in answers], [("x", False), ("y", True), (None, True)])

    def test_checkpoints_are_rows_of_a_stream_as_well(self):
        import pyarrow

        from support import CHECKPOINT

        batch = pyarrow.record_batch(
            [["a", "b"], [str(CHECKPOINT), str(CHECKPOINT)], [str(self.folder / "out.pt"), None], [["--dtype", "float16"], []]],
            schema=pyarrow.schema([
                ("id", pyarrow.string()), ("source", pyarrow.string()), ("destination", pyarrow.string()),
                ("options", pyarrow.list_(pyarrow.string()))]))
        code, answers, said = self.worker(self.stream([batch]), "convert")
        self.assertEqual((code, said, [answer["id"] for answer in answers]), (0, "", ["a", "b"]))
        self.assertEqual((answers[0]["exit"], "error" in answers[1]), (0, True))
        self.assertTrue((self.folder / "out.pt").exists())

    def test_columns_that_are_no_texts_are_refused_before_a_row_is_asked(self):
        import pyarrow

        from weighbridge.batches import Batches

        batches = Batches("classify", self.folder / "none")
        self.addCleanup(batches.close)
        text, data = pyarrow.array(["a"]), pyarrow.array([b"a"])
        for columns, names, kind in (
            ([text, text], ["text", "text"], "inconsistent"), ([data], ["text"], "usage"),
            ([data.cast(pyarrow.large_binary())], ["text"], "usage"), ([text], ["body"], "notFound"),
        ):
            with self.assertRaises(weighbridge.WeighbridgeError) as caught:
                batches(pyarrow.record_batch(columns, names=names))
            self.assertEqual((caught.exception.kind, caught.exception.field), (kind, "text"))

    def test_models_of_a_batch_are_verified(self):
        import pyarrow

        from support import FIXTURES
        from weighbridge.batches import Batches

        sources = [str(FIXTURES / "tiny-bert"), str(self.folder / "none")]
        answers = Batches("verify", options={"golden": FIXTURES / "golden" / "tiny-bert.safetensors"})
        try:
            found = answers(pyarrow.record_batch([pyarrow.array(sources)], names=["source"]))
        finally:
            answers.close()
        self.assertEqual(found.column("exit").to_pylist(), [0, None])
        self.assertEqual([error is None for error in found.column("error").to_pylist()], [True, False])


if __name__ == "__main__":
    unittest.main()
