package import LanguageModels
internal import TensorEngine
public import TensorValues

/// Defaults for what models compute. Each is about three times the largest error that was seen of PyTorch 2.13 itself, against
/// its own float64 run, over random BERT and GPT-2 models 24 to 768 wide and 2 to 12 layers deep, in `max(|b|, scale)`;
/// `docs/verification.md` has the table.
extension Tolerance {
  /// For float32 and float64 references: 2·10⁻⁶ + 5·10⁻⁵ · max(|b|, scale).
  ///
  /// PyTorch's float32 was 1.3·10⁻⁵ off at most. Both sides may be in error. The absolute part is for a single score that
  /// cancels to almost nothing out of terms of order 1.
  public static let float32 = Tolerance(absolute: 2e-6, relative: 5e-5)

  /// For references computed in float16: 10⁻⁴ + 3·10⁻² · max(|b|, scale).
  ///
  /// PyTorch's float16 was 9·10⁻³ off at 128 and 768 wide. A reference of float16 weights that was computed in float32 is
  /// a float32 reference.
  public static let float16 = Tolerance(absolute: 1e-4, relative: 3e-2)

  /// For references computed in bfloat16: 10⁻³ + 3·10⁻¹ · max(|b|, scale).
  ///
  /// PyTorch's bfloat16 was 9·10⁻² off at 128 and 768 wide: such a reference shows gross errors only. Record in float32 or
  /// float64 instead.
  public static let bfloat16 = Tolerance(absolute: 1e-3, relative: 3e-1)

  /// For a model with products of int8: 2·10⁻³ + 1 · max(|b|, scale).
  ///
  /// Weights and rows are rounded to 127 steps of their largest magnitude. Random models 12 layers deep were 0.17 off at most,
  /// all-MiniLM-L6-v2, which has numbers far larger than others beside them, 0.33. This shows gross errors only: how near results are,
  /// cosine and ranking tell.
  public static let int8 = Tolerance(absolute: 2e-3, relative: 1)

  /// The default for a reference that was computed in a type; that of float32 where nothing narrower is stated.
  public static func standard(computedIn dtype: DType?) -> Tolerance {
    switch dtype {
    case .i8: int8
    case .f16: float16
    case .bf16: bfloat16
    default: float32
    }
  }

  /// The default for what a model computes, beside a reference that was computed in a type: the wider one, if products of the
  /// model are of int8.
  package static func standard(
    for model: any LanguageModel, computedIn dtype: DType?
  ) -> Tolerance {
    let other = standard(computedIn: dtype)
    let isQuantized = model.parameters.contains { $0.element == .int8 }
    return isQuantized && other.relative < int8.relative ? int8 : other
  }
}
