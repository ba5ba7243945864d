extension PageTable {
  /// A table of the page: filtered, sorted, as a tree, with what is known of the row that is looked into. Only the rows in sight
  /// exist, so that tables of many thousand tensors scroll at once; on paper all of them do.
  static let script = #"""
    class Table {
      constructor(data) {
        this.data = data;
        this.nameColumn = data.columns.findIndex(column => column[1] === "name");
        this.bytesColumn = data.columns.findIndex(column => column[1] === "bytes");
        this.isTree = data.tree && data.rows.length > 12;
        this.sort = null;
        this.open = new Set();
        this.selected = -1;
        this.build();
        if (this.isTree) this.unfoldFirst();
        this.update();
      }

      build() {
        const { data } = this;
        this.filter = element("input", { type: "search", placeholder: "Filter (press /)",
          "aria-label": "Filter " + data.title });
        this.filter.addEventListener("input", () => this.update());
        this.filter.addEventListener("keydown", event => {
          if (event.key === "ArrowDown") { event.preventDefault(); this.body.focus(); this.select(0); }
        });
        this.count = element("span", { role: "status" });
        this.treeButton = data.separator === null ? null : element("button", { type: "button",
          textContent: "Tree", onclick: () => { this.isTree = !this.isTree; this.sort = null;
            if (this.isTree && this.open.size === 0) this.unfoldFirst(); this.update(); } });
        this.badButton = data.rows.some(row => row.bad) ? element("button", { type: "button",
          textContent: "Only what stands out", onclick: () => { this.onlyBad = !this.onlyBad;
            this.update(); } }) : null;
        this.heads = data.columns.map(([title, kind], column) => element("button", { type: "button",
          textContent: title, className: kinds[kind].style === "right" ? "right" : "",
          onclick: () => this.sortBy(column) }));
        this.body = element("div", { className: "body", tabIndex: 0, role: "grid",
          "aria-label": data.title });
        this.body.addEventListener("scroll", () => this.draw(), { passive: true });
        this.body.addEventListener("keydown", event => this.key(event));
        this.body.addEventListener("click", event => this.click(event));
        this.detail = element("aside", { className: "detail", hidden: true, "aria-live": "polite" });
        // In widths of the body's type, which bold rows have too.
        const least = data.columns.map(([title, kind], column) => kind === "name"
          ? 220 : Math.ceil(this.widest(column, kind, title) * 7.8));
        const widths = least.map((width, column) => data.columns[column][1] === "name"
          ? "minmax(" + width + "px, 1fr)" : width + "px");
        const whole = least.reduce((sum, width) => sum + width + 14, 26);
        this.grid = element("div", { className: "grid",
          style: "--columns:" + widths.join(" ") + ";--least:" + whole + "px" },
          element("div", { className: "head" }, ...this.heads), this.body);
        this.root = element("section", null, element("h2", { textContent: data.title }),
          element("div", { className: "bar" }, this.filter, this.treeButton, this.badButton,
            this.count), element("div", { className: "split" }, this.grid, this.detail),
          element("p", { className: "hint",
            textContent: "Click a heading to sort, a row to look into it. Arrows move, → and ← unfold and fold." }));
      }

      widest(column, kind, title) {
        // A branch of the tree says how many tensors it holds.
        let widest = Math.max(title.length + 2, this.isTree && kind === "shape" ? 13 : 0);
        for (const row of this.data.rows) {
          widest = Math.max(widest, kinds[kind].show(row.c[column] ?? null).length);
        }
        return Math.min(widest + 1, kind === "text" ? 42 : 26);
      }

      sortBy(column) {
        const isSame = this.sort && this.sort.column === column;
        const startsDown = kinds[this.data.columns[column][1]].isNumber;
        this.sort = isSame && this.sort.down !== startsDown ? null
          : { column, down: isSame ? !this.sort.down : startsDown };
        if (this.sort) this.isTree = false;
        this.update();
      }

      /// The rows that match, each with its place in the data.
      matching() {
        const words = this.filter.value.toLowerCase().split(/\s+/).filter(word => word);
        const found = [];
        this.data.rows.forEach((row, place) => {
          if (this.onlyBad && !row.bad) return;
          if (words.length) {
            row.text = row.text || row.c.map((value, column) =>
              kinds[this.data.columns[column][1]].show(value ?? null)).join(" ").toLowerCase();
            if (!words.every(word => row.text.includes(word))) return;
          }
          found.push(place);
        });
        return found;
      }

      update() {
        const matching = this.matching();
        this.isFiltered = matching.length < this.data.rows.length;
        this.lines = this.isTree ? this.treeLines(matching) : this.flatLines(matching);
        this.count.textContent = this.isFiltered
          ? matching.length + " of " + this.data.rows.length : String(this.data.rows.length);
        this.heads.forEach((head, column) => {
          if (this.sort && this.sort.column === column) {
            head.setAttribute("aria-sort", this.sort.down ? "descending" : "ascending");
          } else head.removeAttribute("aria-sort");
        });
        if (this.treeButton) this.treeButton.setAttribute("aria-pressed", String(this.isTree));
        if (this.badButton) this.badButton.setAttribute("aria-pressed", String(!!this.onlyBad));
        this.selected = Math.min(this.selected, this.lines.length - 1);
        this.drawn = null;
        this.draw();
      }

      flatLines(matching) {
        if (this.sort) {
          const { column, down } = this.sort;
          const kind = this.data.columns[column][1];
          const rows = this.data.rows;
          matching.sort((a, b) => {
            const difference = compare(kind, rows[a].c[column] ?? null, rows[b].c[column] ?? null);
            return (down ? -difference : difference) || a - b;
          });
        }
        return matching.map(place => ({ place, depth: 0 }));
      }

      /// The names of the rows as a tree; of a filtered one everything is unfolded.
      treeLines(matching) {
        const root = { children: new Map(), size: 0, count: 0 };
        for (const place of matching) {
          const row = this.data.rows[place];
          const parts = String(row.c[this.nameColumn]).split(this.data.separator);
          let node = root;
          const size = row.c[this.bytesColumn] || 0;
          parts.forEach((part, depth) => {
            const key = depth === parts.length - 1 ? "\u0000" + part : part;
            if (!node.children.has(key)) {
              node.children.set(key, { label: part, children: new Map(), size: 0, count: 0 });
            }
            node = node.children.get(key);
            node.size += size; node.count += 1;
          });
          node.place = place;
        }
        const lines = [];
        const add = (node, path, depth) => {
          for (let child of node.children.values()) {
            let label = child.label;
            // A branch that holds one thing is no branch.
            while (child.place === undefined && child.children.size === 1) {
              child = child.children.values().next().value;
              label += this.data.separator + child.label;
            }
            const inner = path + this.data.separator + label;
            if (child.place !== undefined) lines.push({ place: child.place, depth, label });
            else {
              const isOpen = this.isFiltered || this.open.has(inner);
              lines.push({ group: inner, depth, label, isOpen, size: child.size,
                count: child.count });
              if (isOpen) add(child, inner, depth + 1);
            }
          }
        };
        add(root, "", 0);
        return lines;
      }

      /// Unfolds branches from the top as long as there is room for them.
      unfoldFirst() {
        for (let level = 0; level < 8; level += 1) {
          const lines = this.treeLines(this.matching());
          const closed = lines.filter(line => line.group && !line.isOpen);
          if (!closed.length || lines.length + closed.length * 3 > 40) return;
          closed.forEach(line => this.open.add(line.group));
        }
      }

      draw() {
        const height = this.lines.length * ROW;
        const all = this.isPrinting;
        const room = Math.min(height, Math.max(200, window.innerHeight * 0.66));
        this.body.style.height = room + "px";
        // Of fewer rows than before, the browser only scrolls back once they are drawn.
        const top = Math.min(this.body.scrollTop, Math.max(0, height - room));
        const first = all ? 0 : Math.max(0, Math.floor(top / ROW) - 10);
        const last = all ? this.lines.length
          : Math.min(this.lines.length, Math.ceil((top + room) / ROW) + 10);
        // Rows that stay in sight stay as they are; scrolling makes only those that come into it.
        if (!this.drawn) {
          this.drawn = new Map();
          this.body.replaceChildren(
            element("div", { style: "height:" + (all ? 0 : height) + "px" }));
        }
        for (const [line, row] of this.drawn) {
          if (line < first || line >= last) { row.remove(); this.drawn.delete(line); }
        }
        for (let line = first; line < last; line += 1) {
          if (this.drawn.has(line)) continue;
          const row = this.row(line);
          this.drawn.set(line, row);
          this.body.append(row);
        }
      }

      row(index) {
        const line = this.lines[index];
        const row = line.place === undefined ? null : this.data.rows[line.place];
        const cells = this.data.columns.map(([, kind], column) => {
          const style = kinds[kind].style || "";
          if (column === this.nameColumn && this.isTree) {
            const twist = element("span", { className: "twist",
              textContent: row ? "" : line.isOpen ? "▾" : "▸" });
            const cell = element("span", { className: style,
              style: "padding-left:" + line.depth * 16 + "px" }, twist, line.label);
            cell.title = row ? String(row.c[column]) : line.group.slice(1);
            return cell;
          }
          if (!row) {
            const text = column === this.bytesColumn ? bytes(line.size)
              : kind === "shape" ? line.count + " tensors" : "";
            return element("span", { className: style, textContent: text });
          }
          const cell = element("span", { className: style,
            textContent: kinds[kind].show(row.c[column] ?? null) });
          if (kind === "text" || kind === "name") cell.title = cell.textContent;
          return cell;
        });
        const made = element("div", { className: "row" + (row ? "" : " group")
          + (row && row.bad ? " bad" : "") + (index % 2 ? " odd" : "") + (index === this.selected ? " selected" : ""),
          style: "top:" + index * ROW + "px", role: "row" }, ...cells);
        made.dataset.line = index;
        return made;
      }

      click(event) {
        const row = event.target.closest(".row");
        if (!row) return;
        const index = Number(row.dataset.line);
        if (this.lines[index].group) this.toggle(index);
        this.select(index);
      }

      toggle(index) {
        const { group } = this.lines[index];
        if (!group || this.isFiltered) return;
        if (!this.open.delete(group)) this.open.add(group);
        this.update();
      }

      select(index) {
        if (!this.lines.length) return;
        this.selected = Math.max(0, Math.min(index, this.lines.length - 1));
        const top = this.selected * ROW;
        const { scrollTop, clientHeight } = this.body;
        if (top < scrollTop) this.body.scrollTop = top;
        else if (top + ROW > scrollTop + clientHeight) this.body.scrollTop = top + ROW - clientHeight;
        this.drawn = null;
        this.draw();
        this.show(this.lines[this.selected]);
      }

      key(event) {
        const line = this.lines[this.selected];
        const screen = Math.max(1, Math.floor(this.body.clientHeight / ROW) - 1);
        const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: screen, PageUp: -screen,
          Home: -this.lines.length, End: this.lines.length };
        if (event.key in moves) this.select(this.selected + moves[event.key]);
        else if (line && line.group && (event.key === "Enter" || event.key === " "
          || event.key === (line.isOpen ? "ArrowLeft" : "ArrowRight"))) {
          this.toggle(this.selected);
        } else if (event.key === "ArrowLeft" && line && line.depth > 0) {
          let parent = this.selected;
          while (parent > 0 && this.lines[parent].depth >= line.depth) parent -= 1;
          this.select(parent);
        } else if (event.key === "Escape") this.detail.hidden = true;
        else return;
        event.preventDefault();
      }

      show(line) {
        const row = line.place === undefined ? null : this.data.rows[line.place];
        this.detail.hidden = !row;
        if (!row) return;
        const detail = row.d || {};
        const facts = this.data.columns.map(([title, kind], column) =>
          [title, kinds[kind].show(row.c[column] ?? null)])
          .filter(([title, value], column) => value !== "" && column !== this.nameColumn
            && this.data.columns[column][1] !== "histogram").concat(detail.facts || []);
        const name = this.nameColumn < 0 ? this.data.title : row.c[this.nameColumn];
        this.detail.replaceChildren(...[element("h3", { textContent: name }), list(facts),
          detail.histogram && drawing(detail.histogram),
          detail.values && element("p", { className: "hint",
            textContent: "Furthest from the mean" }),
          detail.values && element("table", null, ...detail.values.map(([place, value]) =>
            element("tr", null, element("td", { textContent: place }),
              element("td", { textContent: number(value) }))))].filter(node => node));
      }
    }

    function drawing({ low, high, counts }) {
      const space = "http://www.w3.org/2000/svg";
      const svg = document.createElementNS(space, "svg");
      svg.setAttribute("viewBox", "0 0 320 120");
      svg.setAttribute("role", "img");
      svg.setAttribute("aria-label", "Distribution from " + number(low) + " to " + number(high));
      const most = Math.max(...counts, 1);
      counts.forEach((count, bin) => {
        const bar = document.createElementNS(space, "rect");
        const height = count === 0 ? 0 : Math.max(1, count / most * 96);
        const width = 320 / counts.length;
        for (const [key, value] of Object.entries({ x: bin * width + 0.5, y: 100 - height,
          width: width - 1, height })) bar.setAttribute(key, value);
        const title = document.createElementNS(space, "title");
        const edge = place => number(low + (high - low) * place / counts.length);
        title.textContent = edge(bin) + " to " + edge(bin + 1) + ": " + count;
        bar.append(title);
        svg.append(bar);
      });
      for (const [x, anchor, value] of [[0, "start", low], [320, "end", high]]) {
        const text = document.createElementNS(space, "text");
        text.setAttribute("x", x); text.setAttribute("y", 115);
        text.setAttribute("text-anchor", anchor);
        text.textContent = number(value);
        svg.append(text);
      }
      return svg;
    }
    """#
}
