/// The best factors of a rank for a matrix, by the norm of what is left.
///
/// A basis of the largest directions is found by subspace iteration with rows to spare, from numbers that are the same each time; within it
/// the matrix is diagonalised by Jacobi's rotations (Halko, Martinsson and Tropp 2011, sections 4.4 and 5.1). A matrix of no more than that
/// rank comes out to float64's rounding.
struct LowRankFactors {
  /// `[rank, columns]`.
  let down: [Double]
  /// `[rows, rank]`.
  let up: [Double]
  /// The part of the sum of all squares that the product has.
  let share: Double

  /// Directions that are followed beside those that are wanted, and how often.
  private static let spare = 8
  private static let rounds = 4

  /// - Parameter rank: At most the smaller number of rows and columns.
  init(of values: [Double], rows: Int, columns: Int, rank: Int) {
    let matrix = Matrix(rows: rows, columns: columns, values)
    let width = min(rank + Self.spare, rows, columns)
    let total = values.reduce(0) { $0 + $1 * $1 }
    var basis = matrix.times(Matrix(seeded: columns, width)).orthonormal()
    for _ in 0..<Self.rounds {
      basis = matrix.times(matrix.transposedTimes(basis).orthonormal()).orthonormal()
    }
    // What the matrix is within the basis, a row for each direction.
    let within = matrix.transposedTimes(basis).transposed()
    let (squares, rotation) = within.times(within.transposed()).diagonalised()
    let order = squares.indices.sorted { squares[$0] > squares[$1] }.prefix(rank)
    var (down, up) = ([Double](), Matrix(rows: rows, columns: rank))
    var kept = 0.0
    for (place, index) in order.enumerated() {
      kept += max(0, squares[index])
      // Both factors get the root of the singular value.
      let root = max(0, squares[index]).squareRoot().squareRoot()
      for row in 0..<rows {
        var sum = 0.0
        for direction in 0..<width {
          sum += basis[row, direction] * rotation[direction, index]
        }
        up[row, place] = sum * root
      }
      for column in 0..<columns {
        var sum = 0.0
        for direction in 0..<width {
          sum += rotation[direction, index] * within[direction, column]
        }
        down.append(root > 0 ? sum / root : 0)
      }
    }
    self.down = down
    self.up = up.values
    share = total > 0 ? min(1, kept / total) : 1
  }
}

/// Numbers in rows.
private struct Matrix {
  let rows: Int
  let columns: Int
  var values: [Double]

  init(rows: Int, columns: Int, _ values: [Double]? = nil) {
    self.rows = rows
    self.columns = columns
    self.values = values ?? [Double](repeating: 0, count: rows * columns)
  }

  /// Numbers evenly drawn between -1 and 1 (SplitMix64), the same each time.
  init(seeded rows: Int, _ columns: Int) {
    self.init(rows: rows, columns: columns)
    var state: UInt64 = 0
    for index in values.indices {
      state &+= 0x9E37_79B9_7F4A_7C15
      var bits = state
      bits = (bits ^ bits >> 30) &* 0xBF58_476D_1CE4_E5B9
      bits = (bits ^ bits >> 27) &* 0x94D0_49BB_1331_11EB
      values[index] = Double(Int64(bitPattern: bits ^ bits >> 31)) * 0x1p-63
    }
  }

  subscript(row: Int, column: Int) -> Double {
    get { values[row * columns + column] }
    set { values[row * columns + column] = newValue }
  }

  func transposed() -> Matrix {
    var result = Matrix(rows: columns, columns: rows)
    for row in 0..<rows { for column in 0..<columns { result[column, row] = self[row, column] } }
    return result
  }

  /// This · other.
  func times(_ other: Matrix) -> Matrix {
    var result = Matrix(rows: rows, columns: other.columns)
    for row in 0..<rows {
      for place in 0..<columns {
        result.add(self[row, place], times: other, row: place, to: row)
      }
    }
    return result
  }

  /// Thisᵀ · other.
  func transposedTimes(_ other: Matrix) -> Matrix {
    var result = Matrix(rows: columns, columns: other.columns)
    for row in 0..<rows {
      for place in 0..<columns { result.add(self[row, place], times: other, row: row, to: place) }
    }
    return result
  }

  private mutating func add(_ factor: Double, times other: Matrix, row: Int, to target: Int) {
    guard factor != 0 else { return }
    let (from, to) = (row * columns, target * columns)
    for column in 0..<columns { values[to + column] += factor * other.values[from + column] }
  }

  /// The columns made orthonormal, twice over, as once leaves what was nearly parallel not quite so; what is nothing stays nothing.
  func orthonormal() -> Matrix {
    var columnsOf = transposed()
    for column in 0..<columns {
      let before = columnsOf.squares(column)
      for _ in 0..<2 {
        for other in 0..<column {
          var product = 0.0
          for row in 0..<rows { product += columnsOf[column, row] * columnsOf[other, row] }
          for row in 0..<rows { columnsOf[column, row] -= product * columnsOf[other, row] }
        }
      }
      let length = columnsOf.squares(column).squareRoot()
      let isNothing = length <= before.squareRoot() * 1e-13
      for row in 0..<rows {
        columnsOf[column, row] = isNothing ? 0 : columnsOf[column, row] / length
      }
    }
    return columnsOf.transposed()
  }

  private func squares(_ row: Int) -> Double {
    (0..<columns).reduce(0) { $0 + self[row, $1] * self[row, $1] }
  }

  /// Eigenvalues and eigenvectors, in columns, of a symmetric matrix: rotations in turn until nothing is left beside the diagonal.
  func diagonalised() -> (values: [Double], vectors: Matrix) {
    var matrix = self
    var vectors = Matrix(rows: rows, columns: rows)
    for index in 0..<rows { vectors[index, index] = 1 }
    for _ in 0..<60 {
      var rest = 0.0, size = 0.0
      for row in 0..<rows {
        for column in 0..<rows {
          let square = matrix[row, column] * matrix[row, column]
          size += square
          if row != column { rest += square }
        }
      }
      if rest <= size * 1e-30 { break }
      for first in 0..<rows {
        for second in (first + 1)..<max(rows, first + 1) {
          matrix.rotate(first, second, &vectors)
        }
      }
    }
    return ((0..<rows).map { matrix[$0, $0] }, vectors)
  }

  private mutating func rotate(_ first: Int, _ second: Int, _ vectors: inout Matrix) {
    let aside = self[first, second]
    guard aside != 0 else { return }
    let ratio = (self[second, second] - self[first, first]) / (2 * aside)
    let tangent =
      (ratio >= 0 ? 1 : -1) / (abs(ratio) + (ratio * ratio + 1).squareRoot())
    let cosine = 1 / (tangent * tangent + 1).squareRoot()
    let sine = tangent * cosine
    for index in 0..<rows {
      let (left, right) = (self[index, first], self[index, second])
      self[index, first] = cosine * left - sine * right
      self[index, second] = sine * left + cosine * right
    }
    for index in 0..<rows {
      let (left, right) = (self[first, index], self[second, index])
      self[first, index] = cosine * left - sine * right
      self[second, index] = sine * left + cosine * right
      let (own, other) = (vectors[index, first], vectors[index, second])
      vectors[index, first] = cosine * own - sine * other
      vectors[index, second] = sine * own + cosine * other
    }
  }
}
