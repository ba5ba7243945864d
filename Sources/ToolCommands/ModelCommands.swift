/// A command that runs a model, and says as much as it is asked to.
protocol ModelCommand: TalkingCommand {
  var model: ModelArguments { get }
}

extension ModelCommand {
  var consoleOptions: ConsoleOptions { model.options.consoleOptions }
}

extension AnswerCommand: ModelCommand {}
extension ClassifyCommand: ModelCommand {}
extension EmbedCommand: ModelCommand {}
extension FeaturesCommand: ModelCommand {}
extension FillMaskCommand: ModelCommand {}
extension GenerateCommand: ModelCommand {}
extension NerCommand: ModelCommand {}
extension PerplexityCommand: ModelCommand {}
extension RerankCommand: ModelCommand {}
extension SimilarityCommand: ModelCommand {}
extension TrainCommand: ModelCommand {}
extension ZeroShotCommand: ModelCommand {}
