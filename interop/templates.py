"""Templates made at random that take an attribute by a name which is put together somewhere: where Jinja, without its sandbox,
looks up one of Python's inner attributes, a scan must not call the template safe.

    python interop/templates.py path/to/weighbridge first last
"""

import copy
import json
import pathlib
import random
import sys
import tempfile

import jinja2

from report import Mismatch, Report
from tool import Tool

TEMPLATES = 1_000
GENERATOR, TEXT = "(messages|map('trim'))", "''"
# Attributes of a generator and of a text that lead on to everything.
INNER = {"gi_frame": [GENERATOR], "__doc__": [TEXT, "()", "messages", "messages[0].content", "{}", "(1)"]}
CONVERSATION = {
    "messages": [{"role": "user", "content": "hello", "tool_calls": [{"function": {"name": "get_x"}}]}, {"role": "assistant", "content": "ok"}],
    "tools": [{"type": "function", "function": {"name": "f_x"}}], "bos_token": "<s>", "image_token": "gi_frame", "cls_token": "__doc__",
    "extra_special_tokens": ["gi_frame", "__doc__"]}
# Ways to a `_` that no text spells.
UNDERSCORES = [
    "((messages|map('trim'))|string)[10]", "(lipsum|string)[18]", "'a_b'[1]", "('a_b'|list)[1]", "('%c' % 95)", "('%c'|format(95))",
    "'{:c}'.format(95)", "(95).to_bytes(1, 'big').decode()", "'5f'.encode().fromhex('5f').decode()", "(dict(a_b=1)|list|first)[1]",
    "'\\N{LOW LINE}'", "'\\x5f'", "'\\137'", "('x'.join(['_', '_']))[0]", "'A_B'.lower()[1]", "(messages[0].keys()|list)[2][4]",
    "'aXb'.replace('X', '_')[1]", "({'_': 1}|first)", "cycler('_', 'a').next()", "('ab'|replace('a', '_')|first)",
    "((5).as_integer_ratio|string)[18]", "('a_b'|batch(1)|list)[1][0]"]


class Watching(jinja2.Environment):
    """Notes when an inner attribute is looked up."""

    def __init__(self):
        super().__init__(extensions=["jinja2.ext.loopcontrols", "jinja2.ext.do"])
        self.found = False
        attribute = self.filters["attr"]
        self.filters["attr"] = jinja2.pass_environment(
            lambda environment, value, name: (self.note(value, name), attribute(environment, value, name))[1])

    def note(self, value, name):
        if isinstance(name, str) and name in INNER and hasattr(value, name) and not isinstance(value, jinja2.Undefined):
            self.found = True

    def getattr(self, value, name):
        self.note(value, name)
        return super().getattr(value, name)

    def getitem(self, value, name):
        self.note(value, name)
        return super().getitem(value, name)

    def reaches(self, text):
        self.found = False
        try:
            self.from_string(text).render(copy.deepcopy(CONVERSATION))
        except Exception:  # what comes behind the attribute may fail
            pass
        return self.found


class RandomTemplate:
    """A template of a seed."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.before, self.count = [], 0
        name = self.one_of(*INNER)
        self.text = self.taken(self.random.choice(INNER[name]), name)

    def one_of(self, *choices):
        return self.random.choice(choices)

    def variable(self):
        self.count += 1
        return f"{self.one_of('x', 'm', 'item', 'name', 'role')}{self.count}"

    def quoted(self, text):
        escape = self.one_of(None, None, "\\x%02x", "\\u%04x", "\\%03o")
        inner = "".join(escape % ord(letter) if escape and self.random.random() < .4 else letter for letter in text)
        return self.one_of("'%s'", '"%s"') % inner

    def parts(self, text, count):
        cuts = sorted(self.random.sample(range(1, len(text)), min(count - 1, len(text) - 1)))
        return [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)])]

    def made(self, text, depth=0):
        """An expression of this value."""
        if text == "_" and self.random.random() < .6:
            return self.random.choice(UNDERSCORES)
        if depth > 4:
            return self.quoted(text)
        inner = lambda: self.made(text, depth + 1)
        pieces = lambda count: [self.made(part, depth + 1) for part in self.parts(text, count)]
        ways = [
            lambda: self.quoted(text), lambda: f"({self.quoted(text[::-1])})[::-1]", lambda: f"({self.quoted(text[::-1])}|reverse)",
            lambda: self.quoted("xx" + text + "yy") + "[2:-2]", lambda: self.quoted(text.upper()) + self.one_of(".lower()", "|lower"),
            lambda: f"{self.quoted(text[:1] + 'QQ' + text[1:])}.replace('QQ', '')",
            lambda: f"({self.quoted(text[:1] + 'QQ' + text[1:])}|replace('QQ', ''))",
            lambda: self.quoted(f"  {text} ") + self.one_of(".strip()", "|trim"),
            lambda: f"({self.quoted('a,' + text + ',b')}.split(',')[1])",
            lambda: f"({inner()} if true else 'b')", lambda: f"(none or {inner()})",
            lambda: "({'a': %s}%s)" % (inner(), self.one_of(
                ".a", "['a']", ".get('a')", "|dictsort|first|last", ".values()|list|first", "|items|list|first|last", ".pop('a')")),
            lambda: "([%s, 'b']%s)" % (inner(), self.one_of(
                "[0]", "|first", "[:1][0]", "|list|first", "|select|first", "|reverse|last", "[::-1][1]", "|batch(1)|first|first",
                "|map('string')|first", "|map('trim')|list|first", ".pop(0)")),
            lambda: self.assigned("{%% set %s = %s %%}", inner()), lambda: self.assigned("{%% set %s %%}{{ %s }}{%% endset %%}", inner()),
            lambda: self.assigned("{%% macro %s(a='') %%}{{ a }}{%% endmacro %%}", None) + f"({inner()})",
            lambda: self.in_namespace(inner()), lambda: self.appended(inner())]
        if text.isidentifier():
            ways.append(lambda: f"(dict({text}=1)|list|first)")
        if len(text) > 1:
            ways += [lambda: "(" + self.one_of(" ~ ", " + ").join(pieces(3)) + ")", lambda: f"([{', '.join(pieces(3))}]|join)",
                     lambda: f"''.join([{', '.join(pieces(3))}])", lambda: "('{}{}'.format(%s))" % ", ".join(pieces(2)),
                     lambda: "('%s%s'|format(" + ", ".join(pieces(2)) + "))"]
        return self.random.choice(ways)()

    def assigned(self, statement, value):
        name = self.variable()
        self.before.append(statement % ((name,) if value is None else (name, value)))
        return name

    def in_namespace(self, value):
        name, attribute = self.variable(), self.variable()
        self.before.append(self.one_of(
            "{%% set %s = namespace(%s=%s) %%}" % (name, attribute, value),
            "{%% set %s = namespace() %%}{%% for i in [1] %%}{%% set %s.%s = %s %%}{%% endfor %%}" % (name, name, attribute, value)))
        if self.one_of(True, False):
            name = self.assigned("{%% set %s = %s %%}", name)
        return name + self.one_of(f".{attribute}", f"['{attribute}']")

    def appended(self, value):
        name = self.assigned("{%% set %s = [] %%}", None)
        self.before.append("{%% do %s.%s %%}" % (name, self.one_of("append(%s)", "insert(0, %s)", "extend([%s])") % f"({value})"))
        return name + "[0]"

    def taken(self, value, name):
        """A template that takes the attribute of a value."""
        made = self.made(name)
        use = "{{ %s[k] }}" % value
        text = self.one_of(
            "{{ %s[%s] }}" % (value, made), "{{ [%s]|map(attribute=%s)|list }}" % (value, made), "{{ [%s]|map('attr', %s)|list }}" % (value, made),
            "{%% for k in [%s] %%}%s{%% endfor %%}" % (made, use), "{%% for a, k in [('a', %s)] %%}%s{%% endfor %%}" % (made, use),
            "{%% for a, k in {'a': %s}.items() %%}%s{%% endfor %%}" % (made, use),
            "{%% macro z(k, y=1) %%}%s{%% endmacro %%}{{ z(%s) }}" % (use, self.one_of(made, "k=" + made, f"*[{made}]", "**{'k': %s}" % made)),
            "{%% macro z(k='') %%}%s{%% endmacro %%}{%% set f = z %%}{{ f(%s) }}" % (use, made),
            "{%% macro z() %%}{{ %s[varargs[0]] }}{%% endmacro %%}{{ z(%s) }}" % (value, made),
            "{%% with k = %s %%}%s{%% endwith %%}" % (made, use), "{%% set a, k = 'a', %s %%}%s" % (made, use),
            "{%% macro z() %%}%s{%% endmacro %%}{%% set k = %s %%}{{ z() }}" % (use, made),
            "{%% for k in [[%s]] recursive %%}{%% if k is string %%}%s{%% else %%}{{ loop(k) }}{%% endif %%}{%% endfor %%}" % (made, use),
            "{%% for k in [%s, 'b'] %%}{{ %s[loop.previtem] }}{%% endfor %%}" % (made, value),
            "{%% for i in [1] %%}{{ %s[loop.cycle(%s)] }}{%% endfor %%}" % (value, made),
            "{%% do messages.append(%s) %%}{{ %s[messages[-1]] }}" % (made, value),
            "{%% macro z() %%}{{ caller(%s) }}{%% endmacro %%}{%% call(k) z() %%}%s{%% endcall %%}" % (made, use),
            "{{ %s[%s] }}" % (value, self.one_of("image_token", "cls_token", "extra_special_tokens[0]", "extra_special_tokens[-1]")))
        text = "".join(self.before) + text
        if self.random.random() < .1:
            # What a reader that knows no comments and raw text takes for a text.
            text = self.one_of("{%% raw %%}{{ ' {%% endraw %%}%s{%% raw %%} ' }}{%% endraw %%}", "{#} {{ ' #}%s{# ' }} #}") % text
        return text


def check(report, tool, folder, seeds=range(TEMPLATES)):
    with report.group("random templates"):
        watching, reaching = Watching(), {}
        for seed in seeds:
            text = RandomTemplate(seed).text
            if watching.reaches(text):
                reaching[seed] = text
                (folder / f"{seed}.jinja").write_text(text)
        with report.check("most templates reach an inner attribute"):
            if len(reaching) < len(seeds) // 2:
                raise Mismatch(f"{len(reaching)} of {len(seeds)} do")
        document = json.loads(tool.run("scan", folder, "--json").output)
        found = {pathlib.Path(finding["file"]).stem for finding in document["globals"] if finding["verdict"] != "safe"}
        for seed, text in reaching.items():
            with report.check(f"the template of seed {seed}"):
                if str(seed) not in found:
                    raise Mismatch(f"is called safe: {text}")


def main():
    report = Report()
    with tempfile.TemporaryDirectory(prefix="weighbridge-templates-") as folder:
        check(report, Tool(sys.argv[1]), pathlib.Path(folder), range(int(sys.argv[2]), int(sys.argv[3])))


if __name__ == "__main__":
    main()
