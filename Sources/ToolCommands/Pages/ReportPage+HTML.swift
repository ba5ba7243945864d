internal import ArgumentParser
internal import Weighbridge

extension ReportPage {
  /// The whole page: style, script and what is shown, in one file.
  var html: String {
    // Text inside a script element ends at the first "</script": no less-than sign, no surprise.
    let data = escaped(JSONWriter.text(json).unicodeScalars[...], backslash: "\\\\")
      .replacingASCII(["<": "\\u003c"])
    return """
      <!doctype html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <meta name="generator" content="weighbridge \(WeighbridgeCommand.configuration.version)">
      <link rel="icon" href="data:,">
      <title>\(singleLine("\(title) · weighbridge \(command)", limit: 400).markup)</title>
      <style>
      \(Self.style)
      </style>
      </head>
      <body>
      <main id="page"><noscript>This page needs JavaScript; it loads nothing.</noscript></main>
      <script type="application/json" id="data">\(data)</script>
      <script>
      \(Self.script)
      </script>
      </body>
      </html>

      """
  }
}
