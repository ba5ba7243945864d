internal import Weighbridge

/// What the heads of a model look at in one sequence, as pictures: a square for each head, a row of it for each token that looks,
/// a column for each that is looked at.
///
///     page.add(AttentionPictures("Attention", tokens: ["[CLS]", "hello"], layers: [[[0.5, 0.5, 0.9, 0.1]]]))
///
/// The page draws them: a head that is clicked is shown large, with its tokens, and with what each token looks at most.
struct AttentionPictures {
  /// One layer of a model.
  struct Layer {
    /// What it is called: `layer 0`.
    var name: String
    /// The weights of each head, `[tokens, tokens]` in row-major order: of each token that looks, of each that is looked at.
    var heads: [[Float]]
    /// True for a layer that a reader is to look at first.
    var isBad = false
  }

  let title: String
  /// The tokens of the sequence, as text.
  let tokens: [String]
  let layers: [Layer]
  /// What a reader is to know of it: what was cut, for instance.
  var note: String?

  /// Pictures of layers that have names of their own.
  ///
  /// - Returns: nil if a head has not a weight for each pair of tokens.
  init?(_ title: String, tokens: [String], layers: [Layer], note: String? = nil) {
    let count = tokens.count * tokens.count
    guard layers.allSatisfy({ $0.heads.allSatisfy { $0.count == count } }) else { return nil }
    self.title = title
    self.tokens = tokens
    self.layers = layers
    self.note = note
  }

  /// Pictures of layers × heads × `[tokens, tokens]`, counted from 0.
  ///
  /// - Returns: nil if a head has not a weight for each pair of tokens.
  init?(_ title: String, tokens: [String], layers: [[[Float]]], note: String? = nil) {
    self.init(
      title, tokens: tokens,
      layers: layers.enumerated().map { Layer(name: "layer \($0.offset)", heads: $0.element) },
      note: note)
  }
}

// MARK: For the script of the page

extension AttentionPictures {
  var json: JSONValue {
    .object([
      JSONValue.Member("title", .string(title)),
      JSONValue.Member("note", note.map { .string($0) } ?? .null),
      JSONValue.Member("tokens", .array(tokens.map { .string(singleLine($0, limit: 40)) })),
      JSONValue.Member(
        "layers",
        .array(
          layers.map { layer in
            .object([
              JSONValue.Member("name", .string(layer.name)),
              JSONValue.Member("bad", .boolean(layer.isBad)),
              JSONValue.Member("heads", .array(layer.heads.map { .string(Self.digits(of: $0)) })),
            ])
          })),
    ])
  }

  /// Two digits to the base of 64 for each weight of 0 to 1, which is as fine as a screen shows and a third of what decimals
  /// would take; `!!` for what is no number.
  private static func digits(of weights: [Float]) -> String {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(weights.count * 2)
    for weight in weights {
      guard !weight.isNaN else {
        bytes += [UInt8(ascii: "!"), UInt8(ascii: "!")]
        continue
      }
      let step = Int((min(max(weight, 0), 1) * 4095).rounded())
      bytes.append(alphabet[step >> 6])
      bytes.append(alphabet[step & 63])
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static let alphabet = Array(
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_".utf8)

  /// Draws them. A shade is the square root of a weight: of many tokens none gets much.
  static let script = #"""
    const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";
    const PLACES = new Map([...DIGITS].map((digit, place) => [digit, place]));

    function weights(digits) {
      const found = new Float32Array(digits.length / 2);
      for (let place = 0; place < found.length; place += 1) {
        found[place] = digits[2 * place] === "!" ? NaN
          : (PLACES.get(digits[2 * place]) * 64 + PLACES.get(digits[2 * place + 1])) / 4095;
      }
      return found;
    }

    /// A canvas of a pixel for each pair of tokens; what shows it makes them larger.
    function square(head, size) {
      const canvas = element("canvas", { width: size, height: size });
      const context = canvas.getContext("2d");
      const image = context.createImageData(size, size);
      head.forEach((weight, place) => {
        const isNumber = weight === weight;
        image.data.set(isNumber ? [36, 118, 214, 255 * Math.sqrt(weight)] : [220, 40, 30, 255],
          place * 4);
      });
      context.putImageData(image, 0, 0);
      return canvas;
    }

    /// A head as large as the room allows, with its tokens if there is a line for each.
    function largePicture(head, tokens, tell) {
      const size = tokens.length;
      const cell = Math.max(3, Math.min(22, Math.floor(400 / size)));
      const canvas = square(head, size);
      canvas.setAttribute("style", "width:" + size * cell + "px;height:" + size * cell + "px");
      canvas.addEventListener("mousemove", event => {
        const [row, column] = [event.offsetY, event.offsetX]
          .map(offset => Math.max(0, Math.min(size - 1, Math.floor(offset / cell))));
        tell(tokens[row] + " → " + tokens[column] + ": " + number(head[row * size + column]));
      });
      if (cell < 10) return element("div", { className: "large" }, canvas);
      const labels = name => element("div", { className: name, style: "--cell:" + cell + "px" },
        ...tokens.map(token => element("span", { textContent: token, title: token })));
      return element("div", { className: "large" }, labels("top"), labels("side"), canvas);
    }

    function pictures(data) {
      const { tokens } = data;
      const size = tokens.length;
      const detail = element("aside", { className: "detail wide", hidden: true });
      const rows = data.layers.map(layer => layer.heads.map((digits, place) => {
        const name = layer.name + ", head " + place;
        const button = element("button", { type: "button", className: "head-picture", title: name,
          "aria-label": name, onclick: () => show(button, name, digits) },
          square(weights(digits), size));
        return button;
      }));

      function show(button, name, digits) {
        const head = weights(digits);
        rows.flat().forEach(other => other.setAttribute("aria-pressed", String(other === button)));
        const told = element("p", { className: "hint", role: "status",
          textContent: "Rows look at columns. Point at a place for its weight." });
        const most = tokens.map((token, row) => {
          let best = 0;
          for (let column = 1; column < size; column += 1) {
            if (head[row * size + column] > head[row * size + best]) best = column;
          }
          return element("tr", null, element("td", { textContent: token }),
            element("td", { textContent: tokens[best] }),
            element("td", { textContent: number(head[row * size + best]) }));
        });
        detail.replaceChildren(element("h3", { textContent: name }),
          largePicture(head, tokens, text => { told.textContent = text; }), told,
          element("div", { className: "most", tabIndex: 0 }, element("table", null,
            element("tr", null, ...["token", "looks most at", "weight"].map(title =>
              element("th", { textContent: title }))), ...most)));
        detail.hidden = false;
      }

      const grid = element("div", { className: "heads" }, ...data.layers.map((layer, row) =>
        element("div", { className: "layer" }, element("span", { textContent: layer.name,
          className: layer.bad ? "bad" : "" }), ...rows[row])));
      grid.addEventListener("keydown", event => {
        const row = rows.findIndex(buttons => buttons.includes(event.target));
        if (row < 0) return;
        const column = rows[row].indexOf(event.target);
        const moves = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] };
        if (event.key === "Escape") detail.hidden = true;
        else if (event.key in moves) {
          const [down, right] = moves[event.key];
          const next = (rows[row + down] || [])[column + right];
          if (next) next.focus();
        } else return;
        event.preventDefault();
      });
      return element("section", { className: "pictures" },
        element("h2", { textContent: data.title }),
        data.note ? element("p", { className: "hint", textContent: data.note }) : null,
        element("div", { className: "split" }, grid, detail),
        element("p", { className: "hint",
          textContent: "Click a head, or press Enter on it, to see it large. Arrows move. The shade is the square root of the weight." }));
    }
    """#

  static let style = #"""
    .heads { flex: 1; min-width: 0; overflow-x: auto; padding: 3px; }
    .layer { display: flex; gap: 6px; align-items: center; margin-bottom: 6px; }
    .layer > span { flex: 0 0 76px; color: var(--faint); }
    .layer > span.bad { color: var(--bad); font-weight: 600; }
    .head-picture { padding: 2px; border-radius: 4px; line-height: 0; background: var(--back); }
    .head-picture canvas { width: 64px; height: 64px; }
    .pictures canvas { image-rendering: pixelated; }
    .detail.wide { flex-basis: 520px; }
    .large { display: grid; grid-template-columns: auto max-content; justify-content: start;
      overflow-x: auto; }
    .large canvas { grid-column: 2; border: 1px solid var(--line); box-sizing: content-box; }
    .large .side, .large .top { font: 10px/1 ui-monospace, SFMono-Regular, Menlo, monospace; }
    .large .side { display: flex; flex-direction: column; text-align: right; padding: 1px 4px; }
    .large .top { grid-column: 2; display: flex; padding: 0 1px 4px; }
    .large span { flex: 0 0 var(--cell); overflow: hidden; max-width: 84px; white-space: pre;
      line-height: var(--cell); text-overflow: ellipsis; }
    .large .top span { writing-mode: vertical-rl; transform: rotate(180deg); max-height: 84px;
      max-width: none; }
    .most { max-height: 260px; overflow: auto; } .most th { text-align: left; font-weight: 600; }
    .most td:nth-child(2) { text-align: left; }
    .most td:last-child, .most th:last-child { text-align: right; }
    @media print { .heads { overflow: visible; } .layer { flex-wrap: wrap; break-inside: avoid; } }
    """#
}
