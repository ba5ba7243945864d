internal import LanguageModels
public import LayoutRules

extension FamilyList {
  /// The families that are known. A new one is a file of its own and a line here.
  public static let all = FamilyList(known.map { $0.family })

  static let known: [any DescribedFamily.Type] = [
    Bert.self, DistilBert.self, GPT2.self, Roberta.self, XLMRoberta.self, Camembert.self,
    Electra.self,
  ]
}
