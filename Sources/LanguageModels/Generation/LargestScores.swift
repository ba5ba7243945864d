/// The places of the highest scores, the highest first; of equal ones the first. What is no number is above all, as in torch.
package func largestPlaces(_ count: Int, of scores: [Float]) -> [Int] {
  let wanted = min(count, scores.count)
  var best: [Int] = []
  best.reserveCapacity(wanted + 1)
  for (place, score) in scores.enumerated() {
    if best.count == wanted {
      guard let last = best.last, isHigher(score, scores[last]) else { continue }
      best.removeLast()
    }
    // After all that are at least as high.
    var low = 0
    var high = best.count
    while low < high {
      let middle = (low + high) / 2
      if isHigher(score, scores[best[middle]]) { high = middle } else { low = middle + 1 }
    }
    best.insert(place, at: low)
  }
  return best
}

@inline(__always)
private func isHigher(_ score: Float, _ other: Float) -> Bool {
  score > other || (score.isNaN && !other.isNaN)
}
