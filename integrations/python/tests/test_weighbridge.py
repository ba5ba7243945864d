"""The package beside the tool itself. WEIGHBRIDGE names the tool; run by scripts/fleets."""

import asyncio
import concurrent.futures
import fractions
import json
import math
import os
import pathlib
import pickle
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import weighbridge
from support import CHECKPOINT, FIXTURES, model

TEXTS = ["the scale is even", "a model of weight", "how heavy is it", "zwölf 錘 🏋"]


class Folder(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.addCleanup(weighbridge.close)

    def tool(self, *arguments):
        done = subprocess.run([weighbridge.executable(), *map(str, arguments)], capture_output=True, check=True)
        return json.loads(done.stdout)


class Checkpoints(Folder):
    def test_a_conversion_is_done_once(self):
        target = self.folder / "model.pt"
        first = weighbridge.convert(CHECKPOINT, target)
        again = weighbridge.convert(CHECKPOINT, target)
        self.assertFalse(first.unchanged)
        self.assertTrue(again.unchanged)
        self.assertEqual(first.digest, again.digest)
        self.assertEqual(first.digest, weighbridge.inspect(CHECKPOINT, digests=True)["model_sha256"])
        self.assertTrue(weighbridge.diff(CHECKPOINT, target).equal)

    def test_options_are_the_command_s(self):
        target = self.folder / "half.safetensors"
        self.assertFalse(weighbridge.convert(CHECKPOINT, target, dtype="float16").unchanged)
        self.assertTrue(weighbridge.convert(CHECKPOINT, target, dtype="float16").unchanged)
        with self.assertRaises(weighbridge.WeighbridgeError) as caught:
            weighbridge.convert(CHECKPOINT, target, dtype="bfloat16")
        self.assertEqual((caught.exception.kind, caught.exception.file), ("inconsistent", str(target)))
        listed = weighbridge.inspect(target)
        self.assertEqual({tensor["dtype"] for tensor in listed["tensors"]}, {"F16"})
        self.assertFalse(weighbridge.diff(CHECKPOINT, target).equal)

    def test_an_option_may_be_a_path(self):
        manifest = self.folder / "manifest.json"
        manifest.write_text(json.dumps(weighbridge.command("manifest", str(CHECKPOINT))))
        self.assertTrue(weighbridge.convert(CHECKPOINT, self.folder / "a.pt", manifest=manifest).digest)
        with self.assertRaises(weighbridge.WeighbridgeError) as caught:
            weighbridge.convert(CHECKPOINT, self.folder / "b.pt", manifest=self.folder / "none.json")
        self.assertEqual(caught.exception.file, str(self.folder / "none.json"))

    def test_what_the_tool_lists_is_what_is_given(self):
        self.assertEqual(weighbridge.inspect(CHECKPOINT), self.tool("inspect", CHECKPOINT, "--json"))

    def test_a_scan_tells_what_would_run(self):
        class Runs:
            def __reduce__(self):
                return os.system, ("true",)

        path = self.folder / "bad.pkl"
        path.write_bytes(pickle.dumps(Runs()))
        found = weighbridge.scan(path)
        self.assertFalse(found.passed)
        self.assertEqual(found.report["verdict"], "dangerous")
        self.assertTrue(weighbridge.scan(CHECKPOINT).passed)

    def test_errors_have_kind_and_place(self):
        path = self.folder / "short.safetensors"
        path.write_bytes(CHECKPOINT.read_bytes()[:-1])
        with self.assertRaises(weighbridge.WeighbridgeError) as caught:
            weighbridge.inspect(path)
        self.assertEqual((caught.exception.kind, caught.exception.file), ("truncated", str(path)))
        self.assertIn("short.safetensors", str(caught.exception))
        self.assertEqual(vars(pickle.loads(pickle.dumps(caught.exception))), vars(caught.exception))
        with self.assertRaises(weighbridge.WeighbridgeError) as caught:
            weighbridge.convert(self.folder / "none", self.folder / "out.pt")
        self.assertEqual(caught.exception.kind, "inputOutput")
        with self.assertRaises(weighbridge.WeighbridgeError) as caught:
            weighbridge.inspect(CHECKPOINT, no_such_option=True)
        self.assertIn("no-such-option", caught.exception.message)

    def test_one_child_answers_all(self):
        weighbridge.inspect(CHECKPOINT)
        child = weighbridge.worker("inspect").process_id
        weighbridge.inspect(CHECKPOINT, digests=True)
        self.assertIsNotNone(child)
        self.assertEqual(weighbridge.worker("inspect").process_id, child)

    def test_a_child_s_death_is_an_exception_and_the_next_call_starts_another(self):
        weighbridge.inspect(CHECKPOINT)
        worker = weighbridge.worker("inspect")
        first = worker.process_id
        os.kill(first, signal.SIGSTOP)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            waiting = pool.submit(weighbridge.inspect, CHECKPOINT)
            while not worker._child._waiting:
                pass
            os.kill(first, signal.SIGKILL)
            with self.assertRaises(weighbridge.WeighbridgeError) as caught:
                waiting.result(timeout=30)
        self.assertEqual(caught.exception.kind, "died")
        self.assertIn("signal 9", caught.exception.message)
        self.assertTrue(weighbridge.inspect(CHECKPOINT)["tensors"])
        self.assertNotEqual(worker.process_id, first)


    def test_what_is_sent_while_a_child_ends_is_answered_by_an_error(self):
        weighbridge.inspect(CHECKPOINT)
        child = weighbridge.worker("inspect")._child

        class Ending:
            """The child's lock; when it is given back for the first time, the child ends before anything else is done."""

            def __init__(self, lock):
                self.lock = lock
                self.is_ending = False

            def __enter__(self):
                self.lock.acquire()

            def __exit__(self, *_):
                self.lock.release()
                if not self.is_ending:
                    self.is_ending = True
                    child.process.kill()
                    child._reader.join(timeout=2)

        child._lock = Ending(child._lock)
        pool = concurrent.futures.ThreadPoolExecutor()
        self.addCleanup(pool.shutdown, wait=False)
        with self.assertRaises(weighbridge.WeighbridgeError) as caught:
            pool.submit(weighbridge.inspect, CHECKPOINT).result(timeout=30)
        self.assertEqual(caught.exception.kind, "died")

    def test_a_child_that_is_being_closed_gets_no_rows(self):
        weighbridge.inspect(CHECKPOINT)
        child = weighbridge.worker("inspect")._child
        os.kill(child.process.pid, signal.SIGSTOP)
        self.addCleanup(child.close)
        self.addCleanup(os.kill, child.process.pid, signal.SIGCONT)
        # As another thread does it that asks many other models, between two steps of this one.
        child.abandon()
        pool = concurrent.futures.ThreadPoolExecutor()
        self.addCleanup(pool.shutdown, wait=False)
        self.assertIn("tensors", pool.submit(weighbridge.inspect, CHECKPOINT).result(timeout=30))

    def test_an_interrupt_while_rows_are_sent_mixes_no_answers(self):
        worker = weighbridge.Worker("inspect")
        self.addCleanup(worker.close)
        worker.ask({"source": str(CHECKPOINT)})
        first = worker.process_id
        # It reads nothing, so that the pipe is full.
        os.kill(first, signal.SIGSTOP)
        # What a shell runs in the background ignores interrupts.
        self.addCleanup(signal.signal, signal.SIGINT, signal.signal(signal.SIGINT, signal.default_int_handler))
        timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        with self.assertRaises(KeyboardInterrupt):
            worker.ask_all({"id": number, "source": str(CHECKPOINT), "more": "x" * 5000} for number in range(200))
        with concurrent.futures.ThreadPoolExecutor() as pool:
            found = pool.submit(worker.ask_all, [{"id": "a", "source": str(CHECKPOINT)}, {"id": "b", "source": "none"}])
            answers = found.result(timeout=30)
        self.assertEqual([answer["id"] for answer in answers], ["a", "b"])
        self.assertNotEqual(worker.process_id, first)

    def test_a_path_may_be_bytes(self):
        found = weighbridge.inspect(os.fsencode(CHECKPOINT))
        self.assertEqual(found, weighbridge.inspect(CHECKPOINT))
        target = os.fsencode(self.folder / "é.pt")
        self.assertTrue(weighbridge.convert(os.fsencode(CHECKPOINT), target).digest)
        self.assertTrue(weighbridge.diff(target, CHECKPOINT).equal)
        self.assertEqual(weighbridge.tasks.flags({"manifest": b"m.json"}), ["--manifest=m.json"])
        for ask in (weighbridge.inspect, weighbridge.scan, lambda path: weighbridge.embed(path, ["a"])):
            with self.assertRaises(weighbridge.WeighbridgeError) as caught:
                ask(b"a\xff.pt")
            self.assertEqual((caught.exception.kind, caught.exception.message), ("usage", "the path b'a\\xff.pt' is no UTF-8"))

    def test_a_path_that_begins_with_a_hyphen_is_no_option(self):
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder)
        shutil.copy(CHECKPOINT, "-model.safetensors")
        self.assertTrue(weighbridge.inspect("-model.safetensors")["tensors"])
        model(self.folder).rename("--json")
        self.assertEqual(len(weighbridge.embed("--json", TEXTS)), len(TEXTS))

    def test_what_no_process_can_be_given_is_told_by_the_package(self):
        def failure(call, *arguments, **options):
            with self.assertRaises(weighbridge.WeighbridgeError) as caught:
                call(*arguments, **options)
            return caught.exception

        for call in (weighbridge.inspect, lambda source, **options: weighbridge.embed(source, TEXTS, **options)):
            for option in ("version", "help"):
                error = failure(call, CHECKPOINT, **{option: True})
                self.assertEqual((error.kind, error.field), ("usage", "--" + option))
            self.assertIn("expected a path, found 3.5", failure(call, 3.5).message)
        self.assertIn("null byte", failure(weighbridge.embed, "a\0b", TEXTS).message)
        self.assertIn("null byte", failure(weighbridge.command, "inspect", "a\0b").message)
        self.assertIn("0.1.0", failure(weighbridge.command, "inspect", "--version").message)
        with weighbridge.Worker("embed", str(model(self.folder)), "--version") as worker:
            self.assertIn("0.1.0", failure(worker.ask, {"text": "a"}).message)
            error = failure(worker.ask_all, [{"text": "a"}, {"text": b"a"}])
            self.assertEqual((error.kind, error.field), ("usage", "row 1"))

    def test_a_command_may_print_several_documents_or_none(self):
        found = weighbridge.command("inspect", str(CHECKPOINT), str(CHECKPOINT))
        self.assertEqual(found, [weighbridge.command("inspect", str(CHECKPOINT))] * 2)
        with self.assertRaises(weighbridge.WeighbridgeError) as caught:
            weighbridge.command("inspect", str(CHECKPOINT), str(self.folder / "none.pt"))
        self.assertEqual(caught.exception.file, str(self.folder / "none.pt"))
        directory = model(self.folder)
        vectors = self.folder / "a.npy"
        self.assertIsNone(weighbridge.command("embed", str(directory), "a", "--output", str(vectors)))
        self.assertTrue(vectors.exists())

    def test_an_option_is_a_text_a_number_a_path_or_a_list_of_them(self):
        flags = weighbridge.tasks.flags
        self.assertEqual(flags({"prompt": "", "top_k": 2, "label": ["a", ""]}), ["--prompt", "", "--top-k=2", "--label=a", "--label", ""])
        self.assertEqual(flags({"top_k": fractions.Fraction(2)}), ["--top-k=2"])
        for wrong in (1j, object(), [None], [["a"]]):
            with self.assertRaises(weighbridge.WeighbridgeError) as caught:
                flags({"top_k": wrong})
            self.assertEqual((caught.exception.kind, caught.exception.field), ("usage", "--top-k"))


class Texts(Folder):
    def test_vectors_are_the_tool_s(self):
        directory = model(self.folder)
        found = weighbridge.embed(directory, TEXTS, pooling="cls", normalize=True)
        expected = self.tool("embed", directory, *TEXTS, "--pooling", "cls", "--normalize", "--json")["embeddings"]
        self.assertEqual(found, expected)
        self.assertAlmostEqual(math.hypot(*found[0]), 1, places=5)

    def test_vectors_over_a_vocabulary_are_refused(self):
        directory = FIXTURES / "cases" / "models" / "embed-splade-max"
        with self.assertRaises(weighbridge.WeighbridgeError) as caught:
            weighbridge.embed(directory, TEXTS)
        self.assertEqual((caught.exception.kind, caught.exception.field), ("unsupported", "embedding"))
        (vector,) = weighbridge.command("embed", str(directory), "a")["embeddings"]
        self.assertEqual(len(vector["indices"]), len(vector["values"]))

    def test_labels_are_the_tool_s(self):
        directory = model(self.folder)
        found = weighbridge.classify(directory, TEXTS)
        expected = self.tool("classify", directory, *TEXTS, "--json")["results"]
        self.assertEqual([[vars(label) for label in labels] for labels in found], [row["labels"] for row in expected])
        (pair,) = weighbridge.classify(directory, [(TEXTS[0], TEXTS[1])])
        self.assertNotEqual(pair, found[0])

    def test_thousands_of_texts_from_many_threads_each_have_their_own_vector(self):
        directory = model(self.folder)
        expected = weighbridge.embed(directory, TEXTS)
        def ask(place):
            order = [(place + step) % len(TEXTS) for step in range(700)]
            return weighbridge.embed(directory, [TEXTS[each] for each in order]), [expected[each] for each in order]

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            for found, wanted in pool.map(ask, range(16)):
                # Batches differ, and with them the last digits.
                for one, other in zip(found, wanted, strict=True):
                    self.assertLess(math.dist(one, other), 1e-5)

    def test_one_text_is_no_list_of_texts(self):
        for ask in (weighbridge.embed, weighbridge.classify):
            for wrong in ("a text", b"a text", None, 5):
                with self.assertRaises(weighbridge.WeighbridgeError) as caught:
                    ask(self.folder, wrong)
                self.assertEqual((caught.exception.kind, caught.exception.field), ("usage", "texts"))

    def test_a_row_is_a_text_or_a_pair(self):
        directory = model(self.folder)
        for wrong in (None, 5, b"x", ("a",), ("a", "b", "c"), ("a", None), {"text": "a"}):
            for ask in (weighbridge.embed, weighbridge.classify):
                with self.assertRaises(weighbridge.WeighbridgeError) as caught:
                    ask(directory, ["a", wrong])
                self.assertEqual((caught.exception.kind, caught.exception.field), ("usage", "text 1"))
        self.assertEqual(len(weighbridge.embed(directory, ["a"])), 1)

    def test_a_prompt_may_be_empty(self):
        directory = model(self.folder)
        plain = weighbridge.embed(directory, ["a"])
        self.assertEqual(weighbridge.embed(directory, ["a"], prompt=""), plain)
        self.assertNotEqual(weighbridge.embed(directory, ["a"], prompt="the "), plain)

    def test_numbers_that_are_none_are_nan(self):
        directory = model(self.folder)
        path = directory / "model.safetensors"
        whole = bytearray(path.read_bytes())
        start = 8 + int.from_bytes(whole[:8], "little")
        place = json.loads(whole[8:start])["bert.embeddings.LayerNorm.bias"]["data_offsets"][0]
        whole[start + place:start + place + 4] = bytes([0, 0, 0xC0, 0x7F])
        path.write_bytes(whole)
        (vector,) = weighbridge.embed(directory, ["a"])
        self.assertTrue(all(math.isnan(number) for number in vector))
        (labels,) = weighbridge.classify(directory, ["a"])
        self.assertTrue(labels and all(math.isnan(label.score) for label in labels))

    def test_a_bad_text_is_named(self):
        directory = model(self.folder)
        long = "a " * 600
        with self.assertRaises(weighbridge.WeighbridgeError) as caught:
            weighbridge.classify(directory, ["a", long])
        self.assertTrue(caught.exception.field.startswith("text 1"), caught.exception.field)
        answers = weighbridge.worker("classify", str(directory)).ask_all([{"id": 1, "text": long}, {"id": 2, "text": "a"}, {"id": 3}])
        self.assertEqual([answer["id"] for answer in answers], [1, 2, 3])
        self.assertEqual(["error" in answer for answer in answers], [True, False, True])

    def test_a_model_that_cannot_be_loaded_says_why(self):
        with self.assertRaises(weighbridge.WeighbridgeError) as caught:
            weighbridge.embed(self.folder / "none", ["a"])
        self.assertEqual((caught.exception.kind, caught.exception.file), ("inputOutput", str(self.folder / "none")))

    def test_a_model_is_run_once(self):
        directory = model(self.folder)
        inputs = self.folder / "inputs.safetensors"
        header = json.dumps({"input_ids": {"dtype": "I64", "shape": [1, 3], "data_offsets": [0, 24]}}).encode()
        ids = b"".join(number.to_bytes(8, "little") for number in (1, 5, 2))
        inputs.write_bytes(len(header).to_bytes(8, "little") + header + ids)
        found = weighbridge.run(directory, inputs, self.folder / "outputs.safetensors")
        self.assertEqual(found["class"], "BertForSequenceClassification")
        self.assertEqual(weighbridge.inspect(self.folder / "outputs.safetensors")["tensors"][0]["shape"], found["outputs"][0]["shape"])


class Processes(Folder):
    def test_a_forked_process_has_a_child_of_its_own(self):
        weighbridge.inspect(CHECKPOINT)
        child = weighbridge.worker("inspect").process_id
        reader, writer = os.pipe()
        forked = os.fork()
        if forked == 0:
            try:
                weighbridge.inspect(CHECKPOINT)
                os.write(writer, str(weighbridge.worker("inspect").process_id).encode())
                weighbridge.close()
            finally:
                os._exit(0)
        os.waitpid(forked, 0)
        other = int(os.read(reader, 20))
        self.assertNotEqual(other, child)
        self.assertTrue(weighbridge.inspect(CHECKPOINT))

    def test_a_forked_process_holds_no_pipe_of_a_child_s(self):
        weighbridge.inspect(CHECKPOINT)
        worker = weighbridge.worker("inspect")
        os.kill(worker.process_id, signal.SIGSTOP)
        waiting = worker._send([{"source": str(CHECKPOINT)}] * 3)
        forked = os.fork()
        if forked == 0:
            try:
                # What was on its way is the other's.
                with self.assertRaises(weighbridge.WeighbridgeError) as caught:
                    worker._received(waiting)
                self.assertEqual(caught.exception.kind, "died")
                time.sleep(60)
            finally:
                os._exit(1)
        try:
            os.kill(worker.process_id, signal.SIGCONT)
            self.assertEqual(len(worker._received(waiting)), 3)
            start = time.monotonic()
            weighbridge.close()
            self.assertLess(time.monotonic() - start, 4)
            self.assertEqual(os.waitpid(forked, os.WNOHANG), (0, 0))
        finally:
            os.kill(forked, signal.SIGKILL)
            os.waitpid(forked, 0)

    def test_a_child_ends_with_what_refers_to_it(self):
        code = f"""
import os, time, weighbridge
worker = weighbridge.Worker("inspect")
worker.ask({{"source": {str(CHECKPOINT)!r}}})
child = worker.process_id
del worker
for _ in range(500):
    try:
        os.kill(child, 0)
    except ProcessLookupError:
        break
    time.sleep(0.02)
else:
    raise SystemExit("it is there still")
left = weighbridge.Worker("inspect")
left.ask({{"source": {str(CHECKPOINT)!r}}})
print(left.process_id)
"""
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        # An interpreter that ends with a worker open leaves no process behind.
        for _ in range(500):
            if not os.path.exists(f"/proc/{int(done.stdout)}"):
                break
            time.sleep(0.02)
        else:
            self.fail("the child is there still")

    def test_a_loop_of_asyncio_goes_on_while_threads_wait(self):
        async def all_of_them():
            rows = [{"id": number, "source": str(CHECKPOINT)} for number in range(20)]
            return await asyncio.gather(*(asyncio.to_thread(weighbridge.worker("inspect").ask, row) for row in rows))

        self.assertEqual([answer["id"] for answer in asyncio.run(all_of_them())], list(range(20)))

    def test_nothing_but_the_standard_library_is_imported(self):
        code = "import sys, weighbridge; print(sorted({n.split('.')[0] for n in sys.modules} - set(sys.stdlib_module_names)))"
        done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True)
        self.assertEqual(done.stdout.strip(), "['__main__', 'weighbridge']")


if __name__ == "__main__":
    unittest.main()
