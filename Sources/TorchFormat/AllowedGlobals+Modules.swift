internal import PickleFormat

extension AllowedGlobals {
  /// PyTorch's own modules, met where a whole model was pickled: kept as names with their attributes, and walked for
  /// the names of their state dict. Functions of the same packages are another matter: those listed are activations
  /// that a module holds by name.
  static let modules: [Group] = [
    Group(
      "torch.nn.modules.activation",
      "CELU ELU GELU GLU Hardshrink Hardsigmoid Hardswish Hardtanh LeakyReLU LogSigmoid "
        + "LogSoftmax Mish MultiheadAttention PReLU RReLU ReLU ReLU6 SELU SiLU Sigmoid "
        + "Softmax Softmax2d Softmin Softplus Softshrink Softsign Tanh Tanhshrink Threshold",
      .attributes),
    Group("torch.nn.modules.adaptive", "AdaptiveLogSoftmaxWithLoss", .attributes),
    Group(
      "torch.nn.modules.batchnorm",
      "BatchNorm1d BatchNorm2d BatchNorm3d LazyBatchNorm1d LazyBatchNorm2d "
        + "LazyBatchNorm3d SyncBatchNorm _BatchNorm _LazyNormBase _NormBase",
      .attributes),
    Group("torch.nn.modules.channelshuffle", "ChannelShuffle", .attributes),
    Group(
      "torch.nn.modules.container",
      "Container ModuleDict ModuleList ParameterDict ParameterList Sequential", .attributes),
    Group(
      "torch.nn.modules.conv",
      "Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d LazyConv1d "
        + "LazyConv2d LazyConv3d LazyConvTranspose1d LazyConvTranspose2d LazyConvTranspose3d "
        + "_ConvNd _ConvTransposeMixin _ConvTransposeNd",
      .attributes),
    Group("torch.nn.modules.distance", "CosineSimilarity PairwiseDistance", .attributes),
    Group(
      "torch.nn.modules.dropout",
      "AlphaDropout Dropout Dropout1d Dropout2d Dropout3d FeatureAlphaDropout _DropoutNd",
      .attributes),
    Group("torch.nn.modules.flatten", "Flatten Unflatten", .attributes),
    Group("torch.nn.modules.fold", "Fold Unfold", .attributes),
    Group(
      "torch.nn.modules.instancenorm",
      "InstanceNorm1d InstanceNorm2d InstanceNorm3d LazyInstanceNorm1d LazyInstanceNorm2d "
        + "LazyInstanceNorm3d _InstanceNorm",
      .attributes),
    Group(
      "torch.nn.modules.linear",
      "Bilinear Identity LazyLinear Linear NonDynamicallyQuantizableLinear _LinearWithBias",
      .attributes),
    Group(
      "torch.nn.modules.loss",
      "BCELoss BCEWithLogitsLoss CTCLoss CosineEmbeddingLoss CrossEntropyLoss "
        + "GaussianNLLLoss HingeEmbeddingLoss HuberLoss KLDivLoss L1Loss "
        + "LinearCrossEntropyLoss MSELoss MarginRankingLoss MultiLabelMarginLoss "
        + "MultiLabelSoftMarginLoss MultiMarginLoss NLLLoss NLLLoss2d PoissonNLLLoss "
        + "SmoothL1Loss SoftMarginLoss TripletMarginLoss TripletMarginWithDistanceLoss _Loss "
        + "_WeightedLoss",
      .attributes),
    Group("torch.nn.modules.module", "Module _WrappedHook", .attributes),
    Group(
      "torch.nn.modules.normalization",
      "CrossMapLRN2d GroupNorm LayerNorm LocalResponseNorm RMSNorm", .attributes),
    Group(
      "torch.nn.modules.padding",
      "CircularPad1d CircularPad2d CircularPad3d ConstantPad1d ConstantPad2d "
        + "ConstantPad3d ReflectionPad1d ReflectionPad2d ReflectionPad3d ReplicationPad1d "
        + "ReplicationPad2d ReplicationPad3d ZeroPad1d ZeroPad2d ZeroPad3d _CircularPadNd "
        + "_ConstantPadNd _ReflectionPadNd _ReplicationPadNd",
      .attributes),
    Group("torch.nn.modules.pixelshuffle", "PixelShuffle PixelUnshuffle", .attributes),
    Group(
      "torch.nn.modules.pooling",
      "AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveMaxPool1d "
        + "AdaptiveMaxPool2d AdaptiveMaxPool3d AvgPool1d AvgPool2d AvgPool3d "
        + "FractionalMaxPool2d FractionalMaxPool3d LPPool1d LPPool2d LPPool3d MaxPool1d "
        + "MaxPool2d MaxPool3d MaxUnpool1d MaxUnpool2d MaxUnpool3d _AdaptiveAvgPoolNd "
        + "_AdaptiveMaxPoolNd _AvgPoolNd _LPPoolNd _MaxPoolNd _MaxUnpoolNd",
      .attributes),
    Group(
      "torch.nn.modules.rnn", "GRU GRUCell LSTM LSTMCell RNN RNNBase RNNCell RNNCellBase",
      .attributes),
    Group("torch.nn.modules.sparse", "Embedding EmbeddingBag", .attributes),
    Group(
      "torch.nn.modules.transformer",
      "Transformer TransformerDecoder TransformerDecoderLayer TransformerEncoder "
        + "TransformerEncoderLayer",
      .attributes),
    Group(
      "torch.nn.modules.upsampling", "Upsample UpsamplingBilinear2d UpsamplingNearest2d",
      .attributes),
    // What computes a weight out of others before each call, kept among a module's hooks.
    Group("torch.nn.utils.weight_norm", "WeightNorm", .attributes),
    Group(
      "torch.nn.utils.spectral_norm",
      "SpectralNorm SpectralNormStateDictHook SpectralNormLoadStateDictPreHook", .attributes),
    Group(
      "torch.nn.utils.prune",
      "CustomFromMask Identity L1Unstructured LnStructured PruningContainer RandomStructured "
        + "RandomUnstructured",
      .attributes),
    // The parts of a parametrised weight; the module itself, of a class made on the fly, torch does not pickle.
    Group("torch.nn.utils.parametrize", "ParametrizationList", .attributes),
    Group(
      "torch.nn.utils.parametrizations", "_WeightNorm _SpectralNorm _Orthogonal _OrthMaps",
      .attributes),
    // `_backend` of every module pickled by torch 0.3 to 1.2: a table of functions that torch keeps "for historical
    // pickle deserialization" (`torch/nn/backends/thnn.py`, 2.13), called without arguments.
    Group("torch.nn.backends.thnn", "_get_thnn_function_backend", .attributes),
    Group("torch.nn.parallel.data_parallel", "DataParallel", .attributes),
    Group("torch.nn.parallel.distributed", "DistributedDataParallel", .attributes),
    Group("torch.nn.functional", "relu gelu silu elu tanh sigmoid softmax", .named),
    Group("torch._C._nn", "gelu", .named),
    Group("torch", "relu tanh sigmoid", .named),
  ]

  /// Optimizers and schedules, met where a training state was pickled whole.
  static let optimizers: [Group] = [
    Group("torch.optim.optimizer", "Optimizer", .attributes),
    Group("torch.optim.adadelta", "Adadelta", .attributes),
    Group("torch.optim.adagrad", "Adagrad", .attributes),
    Group("torch.optim.adam", "Adam", .attributes),
    Group("torch.optim.adamax", "Adamax", .attributes),
    Group("torch.optim.adamw", "AdamW", .attributes),
    Group("torch.optim.asgd", "ASGD", .attributes),
    Group("torch.optim.lbfgs", "LBFGS", .attributes),
    Group("torch.optim.nadam", "NAdam", .attributes),
    Group("torch.optim.radam", "RAdam", .attributes),
    Group("torch.optim.rmsprop", "RMSprop", .attributes),
    Group("torch.optim.rprop", "Rprop", .attributes),
    Group("torch.optim.sgd", "SGD", .attributes),
    Group("torch.optim.sparse_adam", "SparseAdam", .attributes),
    Group("torch.optim.swa_utils", "AveragedModel SWALR", .attributes),
    Group(
      "torch.optim.lr_scheduler",
      "LRScheduler _LRScheduler LambdaLR MultiplicativeLR StepLR MultiStepLR ConstantLR LinearLR "
        + "ExponentialLR SequentialLR PolynomialLR CosineAnnealingLR ChainedScheduler "
        + "ReduceLROnPlateau CyclicLR CosineAnnealingWarmRestarts OneCycleLR",
      .attributes),
  ]

  /// Configurations of training frameworks, stored beside the weights: plain attributes.
  static let frameworks: [Group] =
    ["lightning_fabric", "lightning.fabric"].map {
      Group($0 + ".utilities.data", "AttributeDict", .attributes)
    }
    + ["pytorch_lightning", "lightning.pytorch"].flatMap {
      [
        Group($0 + ".utilities.parsing", "AttributeDict", .attributes),
        // Old versions key the states of callbacks by their classes.
        Group($0 + ".callbacks.model_checkpoint", "ModelCheckpoint", .attributesAlone),
        Group($0 + ".callbacks.early_stopping", "EarlyStopping", .attributes),
      ]
    } + [
      Group("omegaconf.dictconfig", "DictConfig", .attributes),
      Group("omegaconf.listconfig", "ListConfig", .attributes),
      Group("omegaconf.base", "ContainerMetadata Metadata", .attributes),
      Group(
        "omegaconf.nodes",
        "AnyNode StringNode IntegerNode FloatNode BooleanNode BytesNode PathNode EnumNode",
        .attributes),
      Group("transformers.training_args", "OptimizerNames", .attributes),
      Group("transformers.training_args", "TrainingArguments", .attributesAlone),
      Group(
        "transformers.training_args_seq2seq", "Seq2SeqTrainingArguments", .attributesAlone),
      Group(
        "transformers.trainer_utils",
        "IntervalStrategy SchedulerType HubStrategy SaveStrategy EvaluationStrategy FSDPOption",
        .attributes),
      Group("transformers.trainer_pt_utils", "AcceleratorConfig", .attributes),
      Group("transformers.debug_utils", "DebugOption", .attributes),
      Group("transformers.configuration_utils", "PretrainedConfig", .attributes),
      Group("transformers.models.bert.configuration_bert", "BertConfig", .attributes),
      Group("transformers.models.gpt2.configuration_gpt2", "GPT2Config", .attributes),
      Group("transformers.models.roberta.configuration_roberta", "RobertaConfig", .attributes),
      Group("accelerate.state", "PartialState AcceleratorState", .attributesAlone),
      Group("accelerate.utils.dataclasses", "DistributedType", .attributes),
    ]
}
