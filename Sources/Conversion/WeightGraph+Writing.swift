package import CheckpointBytes
internal import Checkpoints
package import WeightGraph

extension WeightGraph {
  /// Writes weights to a file under their names, which is replaced if it exists; the extension gives the format, safetensors where it says
  /// nothing.
  package func write(overAnyFileAt path: String) throws(CheckpointError) {
    let kind = try PathKind(path: path)
    guard kind == .file || kind == .nothing else {
      throw CheckpointError(.inputOutput, file: path, "is not a regular file and is not replaced")
    }
    var options = ConversionOptions()
    options.format = CheckpointFormat(fileName: path) ?? .safetensors
    options.replacesExisting = true
    try write(to: path, options: options)
  }
}
