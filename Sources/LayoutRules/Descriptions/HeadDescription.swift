/// A head as Transformers has it for a family: what it makes of the body's states.
package struct HeadDescription: Sendable {
  /// The class in Transformers 5.23.
  package let className: String
  /// True if the body is built with a pooler.
  package var usesPooler: Bool
  /// What it gives, in this order.
  package let outputs: [HeadOutput]
  /// The extents of its inputs: 2 for `[batch, sequence]`, 3 for `[batch, choices, sequence]`.
  package var ranks: Set<Int>
  /// True if Transformers 4.41 has a TensorFlow class for it.
  package var hasTensorFlow: Bool
  /// The task's class in KerasHub 0.32; nil for a backbone alone, or if it has no such task.
  package var kerasHubTask: String?

  package init(
    _ className: String, usesPooler: Bool = false, ranks: Set<Int> = [2],
    hasTensorFlow: Bool = true, kerasHubTask: String? = nil, _ outputs: [HeadOutput]
  ) {
    self.className = className
    self.usesPooler = usesPooler
    self.ranks = ranks
    self.hasTensorFlow = hasTensorFlow
    self.kerasHubTask = kerasHubTask
    self.outputs = outputs
  }

  /// The modules, without those of the body.
  ///
  /// - Parameter words: The body's word embeddings.
  func modules(words: String) -> [ModuleTemplate] {
    outputs.flatMap { output in
      var modules: [ModuleTemplate] = []
      // Each step takes as many numbers as the one before it gives.
      var width = Extent.hidden
      for step in output.steps {
        switch step {
        case .dropout: break
        case .linear(let name, let out, _, let hasBias):
          modules.append(
            ModuleTemplate(name, .linear(out: out, in: width, hasBias: hasBias)))
          width = out
        case .norm(let name, let isMadeFirst):
          modules.insert(
            ModuleTemplate(name, .norm(width)),
            at: isMadeFirst ? modules.startIndex : modules.endIndex)
        case .scores(let name, let bias):
          // A bias that the scores only refer to is a parameter of the head, made before all others.
          if case .tied(let other) = bias {
            modules.insert(ModuleTemplate(other, .vector(.vocabulary)), at: 0)
          }
          modules.append(
            ModuleTemplate(
              name, .scores(words: "{body}" + words + ".weight", width: width, bias: bias)))
        }
      }
      return modules
    }
  }
}

/// One output of a head.
package struct HeadOutput: Sendable {
  /// What it is made of.
  package enum Source: Sendable, Hashable {
    /// The states of all tokens.
    case tokens
    /// The state of the first token.
    case firstToken
    /// The pooler's result.
    case pooler
    /// The state of the last token that is no padding.
    case lastToken
    /// The row of each sequence that `summary_type` says, or the mean of all.
    case summary
    /// The same along the second extent, whatever it is, or at places that are stated.
    case summaryAlongSecond
  }

  /// How its numbers are laid out.
  package enum Form: Sendable, Hashable {
    /// As many columns as the last step gives.
    case columns
    /// Two columns that are an output each: `start_logits` and `end_logits`.
    case spans
    /// One number for each sequence, which are choices of one text.
    case choices
    /// One number for each token.
    case numbers
  }

  /// The name in Transformers' outputs.
  package let name: String
  package let source: Source
  package let steps: [HeadStep]
  package let form: Form

  package init(
    _ name: String, of source: Source, _ steps: [HeadStep] = [], form: Form = .columns
  ) {
    self.name = name
    self.source = source
    self.steps = steps
    self.form = form
  }
}

/// One step of a head.
package enum HeadStep: Sendable {
  /// What follows a linear map.
  package enum Function: Sendable, Hashable {
    case none
    case tanh
    case relu
    /// The exact GELU, whatever the configuration says.
    case gelu
    /// The body's activation.
    case configured
    /// `summary_activation`.
    case summary
  }

  /// A linear map to so many numbers.
  case linear(String, Extent, Function = .none, hasBias: Bool = true)
  /// A layer norm. If it is made first, it stands before the other parameters of the output.
  case norm(String, isMadeFirst: Bool = false)
  /// The scores of all tokens.
  case scores(String, ModuleTemplate.ScoreBias = .none)
  /// Numbers that are left out in training.
  case dropout(DropoutSetting)
}

/// Where `config.json` has the share of numbers that training leaves out at some place.
package struct DropoutSetting: Sendable, Hashable {
  /// The keys, of which the first that is there and not null counts.
  package let keys: [String]
  /// The share where none is.
  package let standard: Double

  package init(_ keys: String..., default standard: Double = 0.1) {
    self.keys = keys
    self.standard = standard
  }

  /// Before a classifier: a setting of its own, or that of the hidden layers.
  package static let classifier = DropoutSetting("classifier_dropout", "hidden_dropout_prob")
}
