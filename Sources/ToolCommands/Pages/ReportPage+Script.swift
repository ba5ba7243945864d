extension ReportPage {
  /// What the page does: draws what it is given, sorts, filters, unfolds.
  static let script = [
    words, PageTable.script, AttentionPictures.script, shadedText, assembly,
  ].joined(separator: "\n\n")

  /// How elements are made, and numbers and names shown and compared.
  private static let words = #"""
    "use strict";
    const page = JSON.parse(document.getElementById("data").textContent);
    const ROW = 26;

    function element(name, attributes, ...children) {
      const made = document.createElement(name);
      for (const [key, value] of Object.entries(attributes || {})) {
        if (key in made && key !== "style" && key !== "role") made[key] = value;
        else made.setAttribute(key, value);
      }
      made.append(...children.filter(child => child !== null && child !== undefined));
      return made;
    }

    function number(value) {
      if (typeof value !== "number") return value === null ? "" : String(value);
      if (value === 0 || Number.isInteger(value) && Math.abs(value) < 1e6) return String(value);
      const size = Math.abs(value);
      return size >= 1e-3 && size < 1e6 ? String(Number(value.toPrecision(4)))
        : value.toExponential(3).replace("e+", "e");
    }

    function bytes(value) {
      if (value === null) return "";
      let unit = 0;
      const units = ["B", "KB", "MB", "GB", "TB", "PB"];
      while (value >= 999.5 && unit < 5) { value /= 1000; unit += 1; }
      const digits = unit === 0 ? 0 : value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
      return value.toFixed(digits) + " " + units[unit];
    }

    function chart(counts) {
      if (!counts) return "";
      const most = Math.max(...counts);
      return counts.map(count => count === 0 ? " "
        : "▁▂▃▄▅▆▇█"[Math.min(7, Math.floor(count * 8 / (most + 1)))]).join("");
    }

    const kinds = {
      text: { show: value => value === null ? "" : String(value) },
      name: { show: value => String(value), style: "name" },
      number: { show: number, style: "right", isNumber: true },
      bytes: { show: bytes, style: "right", isNumber: true },
      shape: { show: value => value === null ? "" : "[" + value.join(", ") + "]",
        key: value => value === null ? -1 : value.reduce((a, b) => a * b, 1), isNumber: true },
      histogram: { show: chart, style: "chart", key: value => value ? Math.max(...value) : -1,
        isNumber: true },
    };
    const order = new Intl.Collator("en", { numeric: true });

    function compare(kind, a, b) {
      const key = kinds[kind].key || (value => value);
      const [left, right] = [key(a), key(b)];
      if (kinds[kind].isNumber) {
        // What is no number, such as inf, is larger than all that are; what is not there comes last.
        const rank = value => value === null ? -Infinity : typeof value === "number" ? value
          : value === "-inf" ? -Number.MAX_VALUE : Infinity;
        return rank(left) - rank(right);
      }
      return order.compare(left === null ? "" : String(left), right === null ? "" : String(right));
    }

    function list(facts) {
      return element("dl", null, ...facts.flatMap(([name, value]) =>
        [element("dt", { textContent: name }), element("dd", { textContent: value })]));
    }
    """#

  /// A text whose words are shaded.
  private static let shadedText = #"""
    function shaded({ title, words }) {
      const most = Math.max(...words.map(([, weight]) => Math.abs(weight) || 0), 1e-30);
      return element("section", null, element("h2", { textContent: title }),
        element("p", { className: "shaded" }, ...words.map(([text, weight]) => {
          const share = Math.round(Math.min(1, Math.abs(weight) / most || 0) * 70);
          const span = element("span", { textContent: text, title: number(weight),
            style: "background:color-mix(in srgb, var(" + (weight < 0 ? "--bad" : "--accent")
              + ") " + share + "%, transparent)" });
          return span;
        })), element("p", { className: "hint",
          textContent: "Blue speaks for it, red against it; the darker, the more." }));
    }
    """#

  /// What puts the page together once everything else is there.
  private static let assembly = #"""
    function themeButton() {
      const root = document.documentElement;
      const isDark = () => root.dataset.theme ? root.dataset.theme === "dark"
        : matchMedia("(prefers-color-scheme: dark)").matches;
      const button = element("button", { type: "button", id: "theme" });
      const name = () => { button.textContent = isDark() ? "Light" : "Dark"; };
      button.onclick = () => { root.dataset.theme = isDark() ? "light" : "dark"; name(); };
      name();
      return button;
    }

    const tables = [];
    const main = document.getElementById("page");
    main.replaceChildren(element("header", null, element("div", null,
      element("h1", null, element("small", { textContent: "weighbridge " + page.command }),
        page.title), page.verdict ? element("p", { className: "verdict "
          + (page.verdict.good ? "good" : "bad"), textContent: page.verdict.text }) : null),
      themeButton()));
    if (page.facts.length) main.append(list(page.facts));
    for (const section of page.sections) {
      if (section.words) {
        main.append(shaded(section));
      } else if (section.items) {
        main.append(element("section", null, element("h2", { textContent: section.title }),
          element("ul", { className: "list" }, ...section.items.map(item =>
            element("li", { textContent: item })))));
      } else if (section.layers) {
        main.append(pictures(section));
      } else {
        const table = new Table(section);
        tables.push(table);
        main.append(table.root);
        table.draw();
      }
    }
    document.addEventListener("keydown", event => {
      if (event.key === "/" && tables.length && !/^(INPUT|TEXTAREA)$/.test(event.target.tagName)) {
        event.preventDefault();
        tables[0].filter.focus();
      }
    });
    function redraw(isPrinting) {
      for (const table of tables) { table.isPrinting = isPrinting; table.drawn = null; table.draw(); }
    }
    addEventListener("beforeprint", () => redraw(true));
    addEventListener("afterprint", () => redraw(false));
    addEventListener("resize", () => redraw(false));
    """#
}
