// exp, erf, tanh and the activations on vectors, written once for all instruction sets. The file that includes this has
// defined LANES and made its instruction set the target of all functions that follow.
//
// `a * b + c` in one expression becomes a fused multiply-add where the target has it. The coefficients are made by
// fixtures/engine/coefficients.py. The errors, in units in the last place against float64, are measured by
// VectorMathTests over the whole range and stated in docs/engine.md.

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef float vector __attribute__((ext_vector_type(LANES)));
typedef int32_t integers __attribute__((ext_vector_type(LANES)));

#define INLINE static inline __attribute__((always_inline))

INLINE vector splat(float value) { return (vector)(value); }

INLINE vector load(const float *from) {
  vector result;
  memcpy(&result, from, sizeof result);
  return result;
}

INLINE void store(float *to, vector value) { memcpy(to, &value, sizeof value); }

#ifndef MASKED_LANES
// The first `count` < LANES floats; the other lanes are 0.
INLINE vector load_part(const float *from, size_t count) {
  float lanes[LANES] = {0};
  memcpy(lanes, from, count * sizeof(float));
  return load(lanes);
}

INLINE void store_part(float *to, vector value, size_t count) {
  memcpy(to, &value, count * sizeof(float));
}
#endif

#ifndef HAS_GREATER
// The greater one; `other` if one of them is no number.
INLINE vector greater(vector value, vector other) {
  const integers mask = value > other;
  return (vector)((mask & (integers)value) | (~mask & (integers)other));
}
#endif

// Lane by lane `yes` where the mask's lane is all ones, `no` where it is 0.
INLINE vector choose(integers mask, vector yes, vector no) {
  return (vector)((mask & (integers)yes) | (~mask & (integers)no));
}

// A NaN in `value` comes out; one in `limit` does not.
INLINE vector at_most(vector value, float limit) {
  return choose(value > splat(limit), splat(limit), value);
}

INLINE vector at_least(vector value, float limit) {
  return choose(value < splat(limit), splat(limit), value);
}

INLINE vector magnitude(vector value) { return (vector)((integers)value & 0x7FFFFFFF); }

INLINE vector with_sign_of(vector value, vector sign) {
  return (vector)(((integers)value & 0x7FFFFFFF) | ((integers)sign & (integers)splat(-0.0f)));
}

INLINE float sum_of_lanes(vector value) {
  float lanes[LANES];
  store(lanes, value);
  for (size_t width = LANES / 2; width > 0; width /= 2)
    for (size_t lane = 0; lane < width; lane++) lanes[lane] += lanes[lane + width];
  return lanes[0];
}

// The largest lane; NaN if one is NaN.
INLINE float largest_lane(vector value) {
  float lanes[LANES];
  store(lanes, value);
  float largest = lanes[0];
  for (size_t lane = 1; lane < LANES; lane++)
    largest = lanes[lane] <= largest || largest != largest ? largest : lanes[lane];
  return largest;
}

// exp(x) = 2^n · result, with n = x / ln 2 rounded. ln 2 is taken off in two parts, the first of which has so few digits that
// its multiples are exact.
INLINE vector exp_of_remainder(vector x, integers *n) {
  const vector rounding = splat(12582912.0f);  // 1.5 · 2^23: adding it leaves an integer in the low bits
  vector shifted = x * 1.44269504f + rounding;
  *n = (integers)shifted - (integers)rounding;
  vector whole = shifted - rounding;
  vector r = x - whole * 0.693359375f;
  r = r + whole * 2.12194440e-4f;
  vector p = r * 0.00138186989f + 0.00836871564f;
  p = p * r + 0.0416682921f;
  p = p * r + 0.166665211f;
  p = p * r + 0.49999994f;
  p = p * (r * r) + r;
  return p + 1.0f;
}

// exp(x), within 1.1 units in the last place, results below the normal numbers included: 2^n is multiplied in two steps, since
// n may go beyond what one exponent holds.
INLINE vector vector_exp(vector x) {
  integers n;
  vector p = exp_of_remainder(at_least(at_most(x, 89.0f), -104.5f), &n);
  integers half = n >> 1;
  return p * (vector)((half + 127) << 23) * (vector)((n - half + 127) << 23);
}

// exp(x) for no x above 0, within 1.1 units in the last place; 0 where that is less than the normal numbers.
INLINE vector exp_of_negative(vector x) {
  integers n;
  // From here on n is -127, which stands for 0.
  vector p = exp_of_remainder(greater(splat(-88.0f), x), &n);
  return p * (vector)((n + 127) << 23);
}

// erfc(t) = exp(t Q(t)) for 1 ≤ t, and for no t above 6 less than erfc(6) = 2e-17. The exponent is within -39 and 0, where
// exp needs none of its precautions.
INLINE vector erfc_tail(vector t) {
  t = at_most(t, 6.0f);
  vector q = t * 9.63200478e-07f + -3.21676489e-05f;
  q = q * t + 0.000477197347f;
  q = q * t + -0.00420030951f;
  q = q * t + 0.0248721931f;
  q = q * t + -0.107478201f;
  q = q * t + -0.634420455f;
  q = q * t + -0.12882471f;
  integers n;
  vector p = exp_of_remainder(q * t - t, &n);
  return p * (vector)((n + 127) << 23);
}

// erf(x) for |x| ≤ 1.
INLINE vector erf_centre(vector x) {
  vector s = x * x;
  vector p = s * 7.80690389e-05f + -0.00079978531f;
  p = p * s + 0.0051871622f;
  p = p * s + -0.0268533472f;
  p = p * s + 0.112835787f;
  p = p * s + -0.37612626f;
  p = p * s + 0.128379166f;
  return p * x + x;
}

// erf(x), within 1.3 units in the last place.
INLINE vector vector_erf(vector x) {
  vector t = magnitude(x);
  vector tail = with_sign_of(1.0f - erfc_tail(t), x);
  return choose(t > splat(1.0f), tail, erf_centre(x));
}

// tanh(x), within 1.4 units in the last place: x + x^3 P(x^2) near 0, and 1 - 2 / (exp(2x) + 1) further out.
INLINE vector vector_tanh(vector x) {
  vector t = magnitude(x), s = x * x;
  vector p = s * -0.00569229666f + 0.0206281673f;
  p = p * s + -0.0537365153f;
  p = p * s + 0.133314058f;
  p = p * s + -0.333332807f;
  vector centre = p * (s * x) + x;
  vector tail = 1.0f - 2.0f / (vector_exp(t + t) + 1.0f);
  return choose(t > splat(0.625f), with_sign_of(tail, x), centre);
}

INLINE vector vector_sigmoid(vector x) { return 1.0f / (1.0f + vector_exp(-x)); }

// MARK: Activations (transformers 5.23, activations.py)

INLINE vector identity_activation(vector x) { return x; }

// x (1 + erf(x / √2)) / 2. In the negative tail erfc itself is taken, so nothing is lost by 1 - 0.99….
INLINE vector gelu_activation(vector x) {
  vector z = x * 0.707106781f;
  vector t = magnitude(z);
  vector half_tail = 0.5f * erfc_tail(t);
  vector outer = choose(z < splat(0.0f), half_tail, 1.0f - half_tail);
  return x * choose(t > splat(1.0f), outer, 0.5f + 0.5f * erf_centre(z));
}

// x (1 + tanh(u)) / 2 with u = √(2/π) (x + 0.044715 x^3), as x · sigmoid(2u), which keeps its digits for negative x.
INLINE vector gelu_tanh_activation(vector x) {
  vector cubic = x * x * 0.044715f + 1.0f;
  return x / (1.0f + vector_exp(x * -1.59576912f * cubic));
}

INLINE vector gelu_quick_activation(vector x) { return x * vector_sigmoid(1.702f * x); }
INLINE vector gelu_clipped_activation(vector x) {
  return at_least(at_most(gelu_activation(x), 10.0f), -10.0f);
}
INLINE vector relu_activation(vector x) { return at_least(x, 0.0f); }
INLINE vector relu_squared_activation(vector x) {
  vector positive = at_least(x, 0.0f);
  return positive * positive;
}
INLINE vector relu6_activation(vector x) { return at_most(at_least(x, 0.0f), 6.0f); }
INLINE vector leaky_relu_activation(vector x) { return choose(x < splat(0.0f), 0.01f * x, x); }
INLINE vector silu_activation(vector x) { return x / (1.0f + vector_exp(-x)); }
INLINE vector hard_swish_activation(vector x) {
  return x * at_most(at_least(x + 3.0f, 0.0f), 6.0f) / 6.0f;
}

// x · tanh(ln(1 + e)) with e = exp(x), and tanh(ln w) = (w² - 1) / (w² + 1). Beyond 20 that is 1.
INLINE vector mish_activation(vector x) {
  vector e = vector_exp(at_most(x, 20.0f));
  vector w = e * e + 2.0f * e;
  return x * (w / (w + 2.0f));
}

INLINE vector laplace_activation(vector x) {
  return 0.5f * (1.0f + vector_erf((x - 0.707107f) / (0.282095f * 1.41421356f)));
}

// √ln(1 + exp(x)); softplus is x itself beyond 20, as in PyTorch.
INLINE vector sqrt_softplus_activation(vector x) {
  float lanes[LANES];
  store(lanes, x);
  for (size_t lane = 0; lane < LANES; lane++)
    lanes[lane] = sqrtf(lanes[lane] > 20.0f ? lanes[lane] : log1pf(expf(lanes[lane])));
  return load(lanes);
}
