// `import Weighbridge` is all that users of the package need.

@_exported public import Adapters
@_exported public import CheckpointBytes
@_exported public import Checkpoints
@_exported public import Conversion
@_exported public import LanguageModels
@_exported public import LayoutRules
@_exported public import ModelDirectories
@_exported public import ModelFamilies
// The names of a graph's weights are an ordered dictionary, whose members a client with `MemberImportVisibility` would not see.
@_exported public import OrderedCollections
// Of the engine what parameters are made of; its operators have names that would be in many people's way.
@_exported public import class TensorEngine.Parameter
@_exported public import enum TensorEngine.LearningRateSchedule
@_exported public import enum TensorEngine.StoredElement
@_exported public import struct TensorEngine.Tensor
@_exported public import TensorValues
@_exported public import Tokenizers
@_exported public import Training
@_exported public import Verification
@_exported public import WeightGraph
