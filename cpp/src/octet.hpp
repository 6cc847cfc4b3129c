// Eight doubles, or eight words, in registers: AVX-512, AVX2 or plain arrays.
#pragma once

#include <cmath>

#include "cvxnn/bits.hpp"

#if defined(__AVX512BW__) && defined(__AVX512DQ__)
#define CVXNN_AVX512 1
#include <immintrin.h>
#elif defined(__AVX2__)
#define CVXNN_AVX2 1
#include <immintrin.h>
#endif

namespace cvxnn {

constexpr Index kOctet = 8;  // rows come in groups of this many

#if defined(CVXNN_AVX512)

struct Octet {
  __m512d values;

  Octet() = default;
  explicit Octet(__m512d lanes) : values(lanes) {}
  explicit Octet(double value) : values(_mm512_set1_pd(value)) {}
  explicit Octet(const double* from) : values(_mm512_loadu_pd(from)) {}
  void store(double* to) const { _mm512_storeu_pd(to, values); }

  friend Octet operator+(Octet a, Octet b) { return Octet(_mm512_add_pd(a.values, b.values)); }
  friend Octet operator-(Octet a, Octet b) { return Octet(_mm512_sub_pd(a.values, b.values)); }
  friend Octet operator*(Octet a, Octet b) { return Octet(_mm512_mul_pd(a.values, b.values)); }
  friend Octet operator/(Octet a, Octet b) { return Octet(_mm512_div_pd(a.values, b.values)); }
  friend Octet abs(Octet a) { return Octet(_mm512_abs_pd(a.values)); }
  friend Octet min(Octet a, Octet b) { return Octet(_mm512_min_pd(a.values, b.values)); }
  friend Octet max(Octet a, Octet b) { return Octet(_mm512_max_pd(a.values, b.values)); }
  friend double largest(Octet a) { return _mm512_reduce_max_pd(a.values); }
  // b in the given lanes.
  friend Octet blend(Octet a, Octet b, unsigned lanes) {
    return Octet(_mm512_mask_mov_pd(a.values, static_cast<__mmask8>(lanes), b.values));
  }

  // One bit a lane; false for NaN.
  friend unsigned operator<(Octet a, Octet b) {
    return _mm512_cmp_pd_mask(a.values, b.values, _CMP_LT_OQ);
  }
};

struct WordOctet {
  __m512i words = _mm512_setzero_si512();

  void set_bits(unsigned lanes, Word bits) {
    words = _mm512_mask_or_epi64(words, static_cast<__mmask8>(lanes), words,
                                 _mm512_set1_epi64(static_cast<long long>(bits)));
  }
  void store(Word* to) const { _mm512_storeu_si512(to, words); }
};

#elif defined(CVXNN_AVX2)

struct Octet {
  __m256d low, high;

  Octet() = default;
  Octet(__m256d first, __m256d second) : low(first), high(second) {}
  explicit Octet(double value) : low(_mm256_set1_pd(value)), high(low) {}
  explicit Octet(const double* from)
      : low(_mm256_loadu_pd(from)), high(_mm256_loadu_pd(from + 4)) {}
  void store(double* to) const {
    _mm256_storeu_pd(to, low);
    _mm256_storeu_pd(to + 4, high);
  }

  friend Octet operator+(Octet a, Octet b) {
    return {_mm256_add_pd(a.low, b.low), _mm256_add_pd(a.high, b.high)};
  }
  friend Octet operator-(Octet a, Octet b) {
    return {_mm256_sub_pd(a.low, b.low), _mm256_sub_pd(a.high, b.high)};
  }
  friend Octet operator*(Octet a, Octet b) {
    return {_mm256_mul_pd(a.low, b.low), _mm256_mul_pd(a.high, b.high)};
  }
  friend Octet operator/(Octet a, Octet b) {
    return {_mm256_div_pd(a.low, b.low), _mm256_div_pd(a.high, b.high)};
  }
  friend Octet abs(Octet a) {
    const __m256d sign = _mm256_set1_pd(-0.0);
    return {_mm256_andnot_pd(sign, a.low), _mm256_andnot_pd(sign, a.high)};
  }
  friend Octet min(Octet a, Octet b) {
    return {_mm256_min_pd(a.low, b.low), _mm256_min_pd(a.high, b.high)};
  }
  friend Octet max(Octet a, Octet b) {
    return {_mm256_max_pd(a.low, b.low), _mm256_max_pd(a.high, b.high)};
  }
  friend double largest(Octet a) {
    const __m256d four = _mm256_max_pd(a.low, a.high);
    const __m128d two = _mm_max_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
    return _mm_cvtsd_f64(_mm_max_sd(two, _mm_unpackhi_pd(two, two)));
  }
  friend Octet blend(Octet a, Octet b, unsigned lanes) {
    const __m256i chosen = _mm256_set1_epi64x(static_cast<long long>(lanes));
    const auto half = [&](__m256d x, __m256d y, __m256i lane) {
      const __m256i on = _mm256_cmpeq_epi64(_mm256_and_si256(chosen, lane), lane);
      return _mm256_blendv_pd(x, y, _mm256_castsi256_pd(on));
    };
    return {half(a.low, b.low, _mm256_setr_epi64x(1, 2, 4, 8)),
            half(a.high, b.high, _mm256_setr_epi64x(16, 32, 64, 128))};
  }

  friend unsigned operator<(Octet a, Octet b) {
    const auto half = [](__m256d x, __m256d y) {
      return static_cast<unsigned>(_mm256_movemask_pd(_mm256_cmp_pd(x, y, _CMP_LT_OQ)));
    };
    return half(a.low, b.low) | half(a.high, b.high) << 4;
  }
};

struct WordOctet {
  __m256i low = _mm256_setzero_si256();
  __m256i high = _mm256_setzero_si256();

  void set_bits(unsigned lanes, Word bits) {
    const __m256i chosen = _mm256_set1_epi64x(static_cast<long long>(lanes));
    const __m256i value = _mm256_set1_epi64x(static_cast<long long>(bits));
    const auto add = [&](__m256i& words, __m256i lane) {
      const __m256i on = _mm256_cmpeq_epi64(_mm256_and_si256(chosen, lane), lane);
      words = _mm256_or_si256(words, _mm256_and_si256(on, value));
    };
    add(low, _mm256_setr_epi64x(1, 2, 4, 8));
    add(high, _mm256_setr_epi64x(16, 32, 64, 128));
  }
  void store(Word* to) const {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), low);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + 4), high);
  }
};

#else

struct Octet {
  double values[8];

  Octet() = default;
  explicit Octet(double value) {
    for (double& lane : values) lane = value;
  }
  explicit Octet(const double* from) {
    for (int i = 0; i < 8; ++i) values[i] = from[i];
  }
  void store(double* to) const {
    for (int i = 0; i < 8; ++i) to[i] = values[i];
  }

  template <class Operation>
  static Octet each(const Octet& a, const Octet& b, const Operation& operation) {
    Octet result;
    for (int i = 0; i < 8; ++i) result.values[i] = operation(a.values[i], b.values[i]);
    return result;
  }
  friend Octet operator+(const Octet& a, const Octet& b) {
    return each(a, b, [](double x, double y) { return x + y; });
  }
  friend Octet operator-(const Octet& a, const Octet& b) {
    return each(a, b, [](double x, double y) { return x - y; });
  }
  friend Octet operator*(const Octet& a, const Octet& b) {
    return each(a, b, [](double x, double y) { return x * y; });
  }
  friend Octet operator/(const Octet& a, const Octet& b) {
    return each(a, b, [](double x, double y) { return x / y; });
  }
  friend Octet abs(const Octet& a) {
    return each(a, a, [](double x, double) { return std::abs(x); });
  }
  friend Octet min(const Octet& a, const Octet& b) {
    return each(a, b, [](double x, double y) { return x < y ? x : y; });
  }
  friend Octet max(const Octet& a, const Octet& b) {
    return each(a, b, [](double x, double y) { return x > y ? x : y; });
  }
  friend double largest(const Octet& a) {
    double result = a.values[0];
    for (const double value : a.values) result = value > result ? value : result;
    return result;
  }
  friend Octet blend(const Octet& a, const Octet& b, unsigned lanes) {
    Octet result = a;
    for (int i = 0; i < 8; ++i) {
      if ((lanes >> i & 1) != 0) result.values[i] = b.values[i];
    }
    return result;
  }

  friend unsigned operator<(const Octet& a, const Octet& b) {
    unsigned bits = 0;
    for (int i = 0; i < 8; ++i) bits |= static_cast<unsigned>(a.values[i] < b.values[i]) << i;
    return bits;
  }
};

struct WordOctet {
  Word words[8] = {};

  void set_bits(unsigned lanes, Word bits) {
    for (int i = 0; i < 8; ++i) words[i] |= (lanes >> i & 1) != 0 ? bits : 0;
  }
  void store(Word* to) const {
    for (int i = 0; i < 8; ++i) to[i] = words[i];
  }
};

#endif

// Sets the bits i .. i + 7, i a multiple of 8, and clears those after them in the word.
inline void put_octet(Word* words, Index i, Word bits) {
  words[i >> 6] = (i & 63) == 0 ? bits : words[i >> 6] | bits << (i & 63);
}

// Bit i of `out` is 1 where values[i] < bound.
inline void bits_below(const double* values, Index n_padded, double bound, Word* out) {
  const Octet limit(bound);
  for (Index i = 0; i < n_padded; i += kOctet) put_octet(out, i, Octet(values + i) < limit);
}

inline void bits_above(const double* values, Index n_padded, double bound, Word* out) {
  const Octet limit(bound);
  for (Index i = 0; i < n_padded; i += kOctet) put_octet(out, i, limit < Octet(values + i));
}

}  // namespace cvxnn
