// A compiled JSON Schema (draft 2020-12, the subset of SPEC section 3) and its judgement of a value.
// Owns: what each keyword means for a parsed value, judged where it stands. Must never: copy a
// payload, round a number, read a schema's text again (JSONSchemaCompiler did), or recurse
// deeper than JSONDocument.maxDepth.

/// A schema for any number of documents. It may be shared by threads.
package struct JSONSchema: Sendable {
  /// The schema's own text and its nodes, in which the values of `const` and `enum` stand.
  let document: JSONDocument
  let bytes: [UInt8]
  /// The characters of the property names and of the strings among the literals.
  var texts: [UInt8] = []
  var rules: [Rule] = []
  /// Of each rule one run, ordered by the name's length and then its bytes.
  var properties: [Property] = []
  var literals: [Literal] = []
  var root = Self.anything

  /// Instead of a rule's index: the schemas `true` and `false`.
  static let anything = -1
  static let nothing = -2

  /// One schema object. Indices go into `rules`, ranges into `properties` and `literals`.
  struct Rule: Sendable {
    var types = Types.all
    var format: StringFormat?
    /// In code points.
    var shortest = 0
    var longest = Int.max
    var minimum: JSONNumber?
    var maximum: JSONNumber?
    var const: Int?
    var enumeration: Range<Int>?
    var properties = 0..<0
    /// How many of `properties` must be there.
    var required = 0
    var additional = JSONSchema.anything
    var items = JSONSchema.anything
  }

  struct Types: OptionSet, Sendable {
    var rawValue: UInt8
    static let null = Types(rawValue: 1)
    static let boolean = Types(rawValue: 2)
    static let integer = Types(rawValue: 4)
    static let number = Types(rawValue: 8)
    static let string = Types(rawValue: 16)
    static let array = Types(rawValue: 32)
    static let object = Types(rawValue: 64)
    static let all = Types(rawValue: 127)
  }

  /// A name in `properties`, in `required`, or in both.
  struct Property: Sendable {
    /// In `texts`.
    var name: Range<Int>
    /// nil where only `required` names it.
    var rule: Int?
    var isRequired: Bool
  }

  /// A value of `const` or `enum`.
  struct Literal: Sendable {
    /// In the schema's document.
    var node: Int
    /// A string's characters in `texts`.
    var text = 0..<0
    var number: JSONNumber?
  }

  /// Whether the value at `node` of `document`, parsed from `bytes`, is valid.
  package func accepts(_ document: JSONDocument, _ node: Int, _ bytes: Span<UInt8>) -> Bool {
    accepts(root, document, node, bytes)
  }

  private func accepts(
    _ index: Int, _ document: JSONDocument, _ node: Int, _ bytes: Span<UInt8>
  ) -> Bool {
    guard index >= 0 else { return index == Self.anything }
    switch document.nodes[node].kind {
    case .null: return rules[index].types.contains(.null) && isListed(index, document, node, bytes)
    case .bool:
      return rules[index].types.contains(.boolean) && isListed(index, document, node, bytes)
    case .number: return acceptsNumber(index, bytes, document.nodes[node].range)
    case .string, .name:
      guard document.nodes[node].escaped else {
        return acceptsString(index, bytes, document.nodes[node].range)
      }
      let text = document.unescaped(node, in: bytes)
      return acceptsString(index, text.span, 0..<text.count)
    case .array:
      guard rules[index].types.contains(.array), isListed(index, document, node, bytes) else {
        return false
      }
      return acceptsItems(rules[index].items, document, node, bytes)
    case .object:
      guard rules[index].types.contains(.object), isListed(index, document, node, bytes) else {
        return false
      }
      return acceptsMembers(index, document, node, bytes)
    }
  }

  private func acceptsNumber(_ index: Int, _ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
    let rule = rules[index]
    guard !rule.types.isDisjoint(with: [.number, .integer]) else { return false }
    let isUnbounded = rule.minimum == nil && rule.maximum == nil
    let isUnlisted = rule.const == nil && rule.enumeration == nil
    if isUnbounded, isUnlisted, rule.types.contains(.number) { return true }
    let number = JSONNumber(bytes, range)
    guard rule.types.contains(.number) || number.isInteger else { return false }
    if let minimum = rule.minimum {
      guard number.order(bytes, minimum, self.bytes.span) >= 0 else { return false }
    }
    if let maximum = rule.maximum {
      guard number.order(bytes, maximum, self.bytes.span) <= 0 else { return false }
    }
    func isSame(_ literal: Literal) -> Bool {
      literal.number.map { number.order(bytes, $0, self.bytes.span) == 0 } ?? false
    }
    if let const = rule.const, !isSame(literals[const]) { return false }
    guard let list = rule.enumeration else { return true }
    for i in list where isSame(literals[i]) { return true }
    return false
  }

  private func acceptsString(_ index: Int, _ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
    let rule = rules[index]
    guard rule.types.contains(.string) else { return false }
    if rule.shortest > 0 || rule.longest < .max {
      var length = 0
      for i in range where bytes[i] & 0xc0 != 0x80 { length += 1 }
      guard length >= rule.shortest, length <= rule.longest else { return false }
    }
    if let format = rule.format, !format.accepts(bytes.extracting(range)) { return false }
    func isSame(_ literal: Literal) -> Bool {
      document.nodes[literal.node].kind == .string
        && bytes.order(range, texts.span, literal.text) == 0
    }
    if let const = rule.const, !isSame(literals[const]) { return false }
    guard let list = rule.enumeration else { return true }
    for i in list where isSame(literals[i]) { return true }
    return false
  }

  /// Whether a value that is no number and no string is one that `const` and `enum` allow.
  private func isListed(
    _ index: Int, _ document: JSONDocument, _ node: Int, _ bytes: Span<UInt8>
  ) -> Bool {
    func isSame(_ literal: Int) -> Bool {
      self.document.isEqual(literals[literal].node, self.bytes.span, document, node, bytes)
    }
    if let const = rules[index].const, !isSame(const) { return false }
    guard let list = rules[index].enumeration else { return true }
    for i in list where isSame(i) { return true }
    return false
  }

  private func acceptsItems(
    _ items: Int, _ document: JSONDocument, _ node: Int, _ bytes: Span<UInt8>
  ) -> Bool {
    guard items != Self.anything else { return true }
    let end = Int(document.nodes[node].next)
    var child = node + 1
    while child < end {
      guard accepts(items, document, child, bytes) else { return false }
      child = Int(document.nodes[child].next)
    }
    return true
  }

  private func acceptsMembers(
    _ index: Int, _ document: JSONDocument, _ node: Int, _ bytes: Span<UInt8>
  ) -> Bool {
    let names = rules[index].properties
    let additional = rules[index].additional
    guard !names.isEmpty || additional != Self.anything else { return true }
    let end = Int(document.nodes[node].next)
    // Names stand once in a parsed object, so counting those required is enough.
    var missing = rules[index].required
    var child = node + 1
    while child < end {
      var rule = additional
      if let property = property(names, document, child, bytes) {
        if properties[property].isRequired { missing -= 1 }
        rule = properties[property].rule ?? additional
      }
      guard accepts(rule, document, child + 1, bytes) else { return false }
      child = Int(document.nodes[child + 1].next)
    }
    return missing == 0
  }

  /// Which of `names` the name at `node` is, by bisection: a payload decides how many names are
  /// looked up.
  private func property(
    _ names: Range<Int>, _ document: JSONDocument, _ node: Int, _ bytes: Span<UInt8>
  ) -> Int? {
    guard !names.isEmpty else { return nil }
    guard document.nodes[node].escaped else {
      return property(names, bytes, document.nodes[node].range)
    }
    let text = document.unescaped(node, in: bytes)
    return property(names, text.span, 0..<text.count)
  }

  private func property(
    _ names: Range<Int>, _ bytes: Span<UInt8>, _ name: Range<Int>
  ) -> Int? {
    var left = names
    while !left.isEmpty {
      let middle = left.lowerBound + left.count / 2
      let order = bytes.order(name, texts.span, properties[middle].name)
      if order == 0 { return middle }
      left = order < 0 ? left.lowerBound..<middle : middle + 1..<left.upperBound
    }
    return nil
  }
}

extension JSONDocument {
  /// Whether the value at `node`, parsed from `bytes`, is the value at `other` of `document`,
  /// parsed from `its`: numbers by value, objects whatever their members' order.
  ///
  /// The work is bounded by the size of the first, whatever the second is, its numbers' digits
  /// aside.
  func isEqual(
    _ node: Int, _ bytes: Span<UInt8>, _ document: JSONDocument, _ other: Int, _ its: Span<UInt8>
  ) -> Bool {
    let (a, b) = (nodes[node], document.nodes[other])
    guard a.kind == b.kind else { return false }
    switch a.kind {
    case .null: return true
    case .bool: return bytes[Int(a.start)] == its[Int(b.start)]
    case .number:
      return JSONNumber(bytes, a.range).order(bytes, JSONNumber(its, b.range), its) == 0
    case .string, .name: return isSameText(node, bytes, document, other, its)
    case .array:
      var (mine, theirs) = (node + 1, other + 1)
      while mine < Int(a.next), theirs < Int(b.next) {
        guard isEqual(mine, bytes, document, theirs, its) else { return false }
        (mine, theirs) = (Int(nodes[mine].next), Int(document.nodes[theirs].next))
      }
      return mine == Int(a.next) && theirs == Int(b.next)
    case .object:
      var unmatched = 0
      var mine = node + 1
      while mine < Int(a.next) {
        unmatched += 1
        mine = Int(nodes[mine + 1].next)
      }
      var theirs = other + 1
      while theirs < Int(b.next) {
        guard unmatched > 0 else { return false }
        unmatched -= 1
        mine = node + 1
        while mine < Int(a.next), !isSameText(mine, bytes, document, theirs, its) {
          mine = Int(nodes[mine + 1].next)
        }
        guard mine < Int(a.next), isEqual(mine + 1, bytes, document, theirs + 1, its) else {
          return false
        }
        theirs = Int(document.nodes[theirs + 1].next)
      }
      return unmatched == 0
    }
  }

  /// Whether two strings or two names are the same characters.
  private func isSameText(
    _ node: Int, _ bytes: Span<UInt8>, _ document: JSONDocument, _ other: Int, _ its: Span<UInt8>
  ) -> Bool {
    let (a, b) = (nodes[node], document.nodes[other])
    guard a.escaped || b.escaped else { return bytes.order(a.range, its, b.range) == 0 }
    // A name's `next` is a hash of its characters. An escape spells one octet with six at most.
    guard a.kind == .string || a.next == b.next, b.range.count <= 6 * a.range.count,
      a.range.count <= 6 * b.range.count
    else { return false }
    return unescaped(node, in: bytes) == document.unescaped(other, in: its)
  }
}
