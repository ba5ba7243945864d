// `import Weighbridge` is all that users of the package need.

@_exported public import CheckpointBytes
@_exported public import Checkpoints
@_exported public import LanguageModels
@_exported public import LayoutRules
@_exported public import TensorValues
@_exported public import Tokenizers
@_exported public import Verification
@_exported public import WeightGraph
