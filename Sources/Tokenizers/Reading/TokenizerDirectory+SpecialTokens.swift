internal import CheckpointBytes

extension TokenizerDirectory {
  /// The special tokens that the files state, put together as Transformers 5.23 does it (`_from_pretrained` and `__init__`
  /// in `tokenization_utils_base.py`).
  ///
  /// - Parameters:
  ///   - owner: The class, whose own tokens count where the files name none.
  ///   - takesOldList: Whether the list that `special_tokens_map.json` has under its old name counts.
  ///   - listed: The further special tokens where the files list none.
  func specialTokens(
    of owner: TokenizerClass?, takesOldList: Bool = true, listed: [AddedToken] = []
  ) throws(CheckpointError) -> SpecialTokens {
    var tokens = SpecialTokens()
    tokens.roles = owner?.specialTokens ?? [:]
    var lists = configuration?.statesList(takesOldName: true) ?? false
    if let configuration { try tokens.take(configuration: configuration, of: owner) }
    // `special_tokens_map.json` counts only beside a configuration that does not list the added tokens itself.
    if let specialTokensMap, configuration?.value("added_tokens_decoder") == nil {
      try tokens.take(
        map: specialTokensMap, of: owner,
        listsTokens: !takesOldList || configuration?.listsSpecialTokens ?? false)
      lists = lists || specialTokensMap.statesList(takesOldName: takesOldList)
    }
    if !lists { tokens.listed = listed }
    for index in tokens.listed.indices where tokens.names(tokens.listed[index].content) {
      tokens.listed[index].isSpecial = true
    }
    return tokens
  }
}

/// What special tokens beside those with a role are called.
private enum ListName {
  static let extra = "extra_special_tokens"
  /// The name up to Transformers 4.
  static let additional = "additional_special_tokens"
}

extension Settings {
  /// True if further special tokens are listed under one of the names, be they none.
  fileprivate func statesList(takesOldName: Bool) -> Bool {
    takesOldName && names.contains(ListName.additional)
      || names.contains(ListName.extra) && value(ListName.extra)?.members == nil
  }

  /// True if there is a list of further special tokens, be they none.
  fileprivate var listsSpecialTokens: Bool {
    names.contains(ListName.extra)
      ? value(ListName.extra)?.members == nil : names.contains(ListName.additional)
  }
}

extension SpecialTokens {
  /// Takes over what `tokenizer_config.json` states.
  fileprivate mutating func take(
    configuration: Settings, of owner: TokenizerClass?
  ) throws(CheckpointError) {
    for name in configuration.names where name.hasSuffix("_token") {
      try take(name, of: configuration, owner)
    }
    // The old name counts where the new one lists nothing.
    try takeList(ListName.extra, of: configuration)
    if listed.isEmpty { try takeList(ListName.additional, of: configuration) }
  }

  /// Takes over what `special_tokens_map.json` states; all of it is special.
  ///
  /// - Parameter listsTokens: Whether the configuration has stated further special tokens.
  fileprivate mutating func take(
    map: Settings, of owner: TokenizerClass?, listsTokens: Bool
  ) throws(CheckpointError) {
    let known = Set(named.map { ExactName($0.name) })
    for name in map.names where name.hasSuffix("_token") && !known.contains(ExactName(name)) {
      try take(name, of: map, owner, isSpecial: true)
    }
    try takeList(ListName.extra, of: map, isSpecial: true)
    if !listsTokens, !map.names.contains(ListName.extra) {
      try takeList(ListName.additional, of: map, isSpecial: true)
    }
  }

  /// Takes over the token under a name, text or an object; a role whose token is `null` has none.
  private mutating func take(
    _ name: String, of settings: Settings, _ owner: TokenizerClass?, isSpecial: Bool? = nil
  ) throws(CheckpointError) {
    let value = settings.value(name)
    let isToken = value?.string != nil || value?.members != nil
    guard let role = Role(rawValue: name) else {
      // Other names may hold other things, as `add_bos_token` does.
      if isToken { setNamed(name, try AddedToken(settings, name, isSpecial: isSpecial)) }
      return
    }
    guard value == nil || isToken else {
      throw settings.error(.malformed, name, "expected a token as text or an object")
    }
    if let text = value?.string, let owner {
      roles[role] = owner.token(text, in: role)
    } else {
      roles[role] = value == nil ? nil : try AddedToken(settings, name, isSpecial: isSpecial)
      roles[role]?.isSpecial = true
    }
  }

  /// Takes over a list of tokens, or tokens by their names.
  private mutating func takeList(
    _ name: String, of settings: Settings, isSpecial: Bool? = nil
  ) throws(CheckpointError) {
    guard let value = settings.value(name) else { return }
    if value.members != nil, let table = try settings.optionalObject(name) {
      for key in table.names {
        setNamed(key, try AddedToken(table, key, isSpecial: isSpecial))
      }
      return
    }
    for (index, element) in try settings.elements(name).enumerated() {
      let token: AddedToken
      if let text = element.string {
        token = AddedToken(text, isSpecial: true)
      } else {
        let place = "\(name)[\(index)]"
        token = try AddedToken(
          try Settings(element, path: place, file: settings.file), isSpecial: isSpecial)
      }
      if !listed.contains(where: { $0.content.utf8.elementsEqual(token.content.utf8) }) {
        listed.append(token)
      }
    }
  }

  private mutating func setNamed(_ name: String, _ token: AddedToken) {
    var token = token
    token.isSpecial = true
    let place = named.firstIndex { $0.name.utf8.elementsEqual(name.utf8) }
    if let place {
      named[place].token = token
    } else {
      named.append(Named(name: name, token: token))
    }
  }
}

extension AddedToken {
  /// Reads the token under a name: text, which is special, or an object.
  fileprivate init(
    _ settings: Settings, _ name: String, isSpecial: Bool?
  ) throws(CheckpointError) {
    if let text = settings.value(name)?.string {
      self.init(text, isSpecial: true)
    } else if let object = try settings.optionalObject(name) {
      try self.init(object, isSpecial: isSpecial)
    } else {
      throw settings.error(.malformed, name, "expected a token, found null")
    }
  }
}
