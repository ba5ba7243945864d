extension ReportPage {
  /// How the page looks, light and dark, on a screen and on paper.
  static let style = frame + "\n" + AttentionPictures.style

  private static let frame = #"""
    :root {
      color-scheme: light dark;
      --back: #ffffff; --text: #1b1f24; --faint: #66707c; --line: #d9dee4; --panel: #f5f7f9;
      --accent: #0b63c5; --good: #11713a; --bad: #b3261e; --mark: #e7f0fb;
    }
    @media (prefers-color-scheme: dark) { :root:not([data-theme=light]) {
      --back: #14171b; --text: #e4e8ec; --faint: #98a2ad; --line: #30363d; --panel: #1c2126;
      --accent: #6cb2ff; --good: #5ccb8b; --bad: #ff8a80; --mark: #1f3350;
    } }
    :root[data-theme=dark] {
      color-scheme: dark;
      --back: #14171b; --text: #e4e8ec; --faint: #98a2ad; --line: #30363d; --panel: #1c2126;
      --accent: #6cb2ff; --good: #5ccb8b; --bad: #ff8a80; --mark: #1f3350;
    }
    :root[data-theme=light] { color-scheme: light; }
    * { box-sizing: border-box; }
    body { margin: 0; background: var(--back); color: var(--text);
      font: 14px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
    main { max-width: 1500px; margin: 0 auto; padding: 20px 24px 60px; }
    header { display: flex; align-items: flex-start; gap: 16px; }
    header div { flex: 1; min-width: 0; }
    h1 { font-size: 20px; margin: 0; overflow-wrap: anywhere; }
    h1 small { color: var(--faint); font-weight: 400; font-size: 14px; display: block; }
    h2 { font-size: 15px; margin: 26px 0 8px; }
    button, input { font: inherit; color: inherit; background: var(--panel);
      border: 1px solid var(--line); border-radius: 6px; padding: 3px 10px; }
    button { cursor: pointer; }
    button[aria-pressed=true] { background: var(--mark); border-color: var(--accent); }
    :focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
    .verdict { display: inline-block; margin: 10px 0 0; padding: 3px 10px; border-radius: 6px;
      border: 1px solid currentColor; overflow-wrap: anywhere; }
    .good { color: var(--good); } .bad { color: var(--bad); }
    dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 3px 16px;
      margin: 12px 0; }
    dt { color: var(--faint); } dd { margin: 0; overflow-wrap: anywhere; }
    .list { margin: 0; padding-left: 20px; max-height: 320px; overflow: auto; }
    .list li { overflow-wrap: anywhere; }
    .bar { display: flex; gap: 8px; align-items: center; margin-bottom: 8px; flex-wrap: wrap; }
    .bar input { min-width: 220px; flex: 0 1 360px; }
    .bar span { color: var(--faint); }
    .split { display: flex; gap: 16px; align-items: flex-start; }
    .grid { flex: 1; min-width: 0; border: 1px solid var(--line); border-radius: 8px;
      overflow-x: auto; }
    .head, .row { display: grid; grid-template-columns: var(--columns); column-gap: 14px;
      padding: 0 12px; align-items: center; height: 26px; white-space: nowrap; }
    .head, .body { min-width: var(--least); }
    .head { border-bottom: 1px solid var(--line); background: var(--panel);
      border-radius: 8px 8px 0 0; height: 32px; overflow: hidden; scrollbar-gutter: stable; }
    .head button { border: 0; background: none; padding: 0; font-weight: 600; text-align: left;
      overflow: hidden; text-overflow: ellipsis; }
    .head button.right { text-align: right; }
    .head button[aria-sort]::after { content: " ▲"; color: var(--accent); font-size: 10px; }
    .head button[aria-sort=descending]::after { content: " ▼"; }
    .body { position: relative; overflow-x: hidden; overflow-y: auto; max-height: 66vh; scrollbar-gutter: stable; }
    .body:focus-visible { outline-offset: -2px; }
    .row { position: absolute; left: 0; right: 0; cursor: default;
      font-variant-numeric: tabular-nums; }
    .row.odd { background: color-mix(in srgb, var(--panel) 60%, transparent); }
    .row.selected { background: var(--mark); }
    .row.group { font-weight: 600; }
    .row > span { overflow: hidden; text-overflow: ellipsis; }
    .row .right { text-align: right; }
    .row .name { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace;
      font-size: 12.5px; white-space: pre; }
    .row .chart { font-family: ui-monospace, monospace; letter-spacing: -1px;
      color: var(--accent); white-space: pre; }
    .twist { display: inline-block; width: 14px; color: var(--faint); cursor: pointer; }
    .detail { flex: 0 0 310px; min-width: 0; border: 1px solid var(--line); border-radius: 8px;
      background: var(--panel); padding: 10px 14px; position: sticky; top: 12px; }
    .detail h3 { margin: 0 0 6px; font-size: 13px; overflow-wrap: anywhere;
      font-family: ui-monospace, monospace; }
    .detail dl { margin: 6px 0; } .detail table { border-collapse: collapse; width: 100%; }
    .detail td { padding: 1px 8px 1px 0; } .detail td + td { text-align: right; padding-right: 0; }
    .detail svg { width: 100%; height: 120px; display: block; }
    .detail rect { fill: var(--accent); } .detail text { fill: var(--faint); font-size: 10px; }
    .shaded { font-size: 17px; line-height: 2; overflow-wrap: anywhere; }
    .shaded span { border-radius: 4px; padding: 2px 3px; margin-right: 3px; }
    .hint { color: var(--faint); font-size: 12px; margin: 6px 0 0; }
    @media (max-width: 900px) { .split { flex-direction: column; } .detail { position: static;
      flex: none; width: 100%; } .grid { width: 100%; } }
    @media print {
      :root { --back: #fff; --text: #000; --faint: #444; --line: #bbb; --panel: #fff; }
      main { max-width: none; padding: 0; } .bar, .detail, header button, .hint { display: none; }
      .grid { overflow: visible; } .head, .body { min-width: 0; }
      .body { max-height: none !important; height: auto !important; overflow: visible; }
      .row { position: static !important; break-inside: avoid; height: auto; font-size: 10px; }
      .list { max-height: none; }
    }
    """#
}
