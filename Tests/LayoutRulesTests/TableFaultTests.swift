import LayoutRules
import ModelFamilies
import Testing

@Suite("The tables themselves") struct TableFaultTests {
  @Test("Every rule fits a parameter, every parameter has its place, and no two names become one")
  func noFaults() {
    for (family, table) in FamilyList.all.tables { #expect(table.faults(in: family) == []) }
    #expect(FamilyList.all.tables.count >= 11)
  }

  @Test("A rule that fits no parameter is named")
  func nothing() {
    for (family, table) in FamilyList.all.tables {
      let faults = table.withRules { $0 + [LayoutRule("{body}no.such.weight", "name")] }.faults(
        in: family)
      #expect(faults.count == 1)
      #expect(faults.first?.contains("{body}no.such.weight <=> name") == true)
    }
  }

  @Test("Two rules for one name, on either side, are named")
  func twice() {
    for (family, table) in FamilyList.all.tables {
      let first = table.rules[0]
      let again = table.withRules {
        $0 + [LayoutRule(first.canonical.map(\.text), ["another"])]
      }
      #expect(
        again.faults(in: family).contains { $0.contains(first.text) && $0.contains("another") })
      let same = table.withRules { rules in
        [rules[0], LayoutRule(rules[1].canonical.map(\.text), rules[0].foreign.map(\.text))]
          + rules.dropFirst(2)
      }
      #expect(same.faults(in: family).contains { $0.contains("is claimed by") })
    }
  }

  @Test("A parameter without a rule is named")
  func unplaced() {
    for (family, table) in FamilyList.all.tables {
      let rule = table.rules[0]
      let faults = table.withRules { Array($0.dropFirst()) }.faults(in: family)
      #expect(faults.contains { $0.contains(rule.canonical[0].text) })
    }
  }

  @Test("A layer on one side only, and two weights that become two, are named")
  func forms() {
    for (family, table) in FamilyList.all.tables {
      let name = table.rules[0].canonical[0].text
      let perLayer = table.withRules { [LayoutRule(name, "all.{layer}")] + $0.dropFirst() }
      #expect(perLayer.faults(in: family).contains { $0.contains("all.{layer}") })
      let two = table.withRules { [LayoutRule([name, name], ["a", "b"])] + $0.dropFirst() }
      #expect(two.faults(in: family).contains { $0.contains("a + b") })
    }
  }
}
