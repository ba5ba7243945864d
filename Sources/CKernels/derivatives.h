// The derivatives of the activations (transformers 5.23, activations.py), as PyTorch 2.13 has them where there is a corner. Each is
// that of its function in vector_math.h.

INLINE vector identity_derivative(vector x) {
  (void)x;
  return splat(1.0f);
}

// Φ(x) + x φ(x), with the normal distribution's Φ as in gelu_activation.
INLINE vector gelu_derivative(vector x) {
  vector z = x * 0.707106781f;
  vector t = magnitude(z);
  vector half_tail = 0.5f * erfc_tail(t);
  vector outer = choose(z < splat(0.0f), half_tail, 1.0f - half_tail);
  vector distribution = choose(t > splat(1.0f), outer, 0.5f + 0.5f * erf_centre(z));
  return distribution + x * 0.398942280f * vector_exp(-0.5f * x * x);
}

// y = x s with s = sigmoid(u): s + x s (1 - s) u'.
INLINE vector gelu_tanh_derivative(vector x) {
  vector square = x * x;
  vector s = vector_sigmoid(x * 1.59576912f * (square * 0.044715f + 1.0f));
  return s + x * (s * (1.0f - s)) * 1.59576912f * (square * 0.134145f + 1.0f);
}

INLINE vector gelu_quick_derivative(vector x) {
  vector s = vector_sigmoid(1.702f * x);
  return s + 1.702f * x * (s * (1.0f - s));
}

INLINE vector gelu_clipped_derivative(vector x) {
  return choose(gelu_activation(x) > splat(10.0f), splat(0.0f), gelu_derivative(x));
}

INLINE vector relu_derivative(vector x) { return choose(x <= splat(0.0f), splat(0.0f), splat(1.0f)); }
INLINE vector relu_squared_derivative(vector x) { return 2.0f * at_least(x, 0.0f); }
INLINE vector relu6_derivative(vector x) {
  return choose((x <= splat(0.0f)) | (x >= splat(6.0f)), splat(0.0f), splat(1.0f));
}
INLINE vector leaky_relu_derivative(vector x) {
  return choose(x > splat(0.0f), splat(1.0f), splat(0.01f));
}

INLINE vector silu_derivative(vector x) {
  vector s = vector_sigmoid(x);
  return s + x * (s * (1.0f - s));
}

INLINE vector hard_swish_derivative(vector x) {
  vector within = choose(x < splat(3.0f), x / 3.0f + 0.5f, splat(1.0f));
  return choose(x <= splat(-3.0f), splat(0.0f), within);
}

INLINE vector sigmoid_derivative(vector x) {
  vector s = vector_sigmoid(x);
  return s * (1.0f - s);
}

INLINE vector tanh_derivative(vector x) {
  vector t = vector_tanh(x);
  return 1.0f - t * t;
}

// t + x s (1 - t²) with t = tanh(softplus(x)) and s = sigmoid(x); with e = exp(x) and w = e² + 2 e, t = w / (w + 2), and
// s (1 - t²) = 4 e (1 + e) / (w + 2)². Beyond 20 that is 1.
INLINE vector mish_derivative(vector x) {
  x = at_most(x, 20.0f);
  vector e = vector_exp(x);
  vector w = e * e + 2.0f * e;
  vector inverse = 1.0f / (w + 2.0f);
  return w * inverse + x * (4.0f * e * inverse) * ((1.0f + e) * inverse);
}

INLINE vector laplace_derivative(vector x) {
  vector z = (x - 0.707107f) / (0.282095f * 1.41421356f);
  return 0.398942280f / 0.282095f * vector_exp(-(z * z));
}

INLINE vector sqrt_softplus_derivative(vector x) {
  return vector_sigmoid(x) / (2.0f * sqrt_softplus_activation(x));
}
