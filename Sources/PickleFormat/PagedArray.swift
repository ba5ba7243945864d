/// A growing array in pages, so that growing never copies what is there: the memory that it takes is that of its
/// elements, not up to three times as much.
struct PagedArray<Element: Sendable>: Sendable {
  private static var shift: Int { 14 }
  private static var pageSize: Int { 1 << shift }

  private var pages: [[Element]] = []
  private(set) var count = 0

  subscript(index: Int) -> Element {
    get { pages[index >> Self.shift][index & (Self.pageSize - 1)] }
    set { pages[index >> Self.shift][index & (Self.pageSize - 1)] = newValue }
  }

  mutating func append(_ element: Element) {
    if count & (Self.pageSize - 1) == 0 {
      var page: [Element] = []
      // The first page grows as it is needed: most pickles are small.
      if count > 0 { page.reserveCapacity(Self.pageSize) }
      pages.append(page)
    }
    pages[pages.count - 1].append(element)
    count += 1
  }
}
