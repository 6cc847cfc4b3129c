// One cache line of floats or doubles, kept in registers. Lanes are added one by one in the same
// order on every instruction set, so that sums of lines are the same bits everywhere.
#pragma once

#include "cvxnn/types.hpp"

#if defined(__AVX512F__) || defined(__AVX2__)
#include <immintrin.h>
#endif

namespace cvxnn {

template <class Real>
constexpr Index kLanes = 64 / sizeof(Real);

template <class Real>
struct CacheLine;

#if defined(__AVX512F__)

template <>
struct CacheLine<float> {
  __m512 lanes = _mm512_setzero_ps();

  void load(const float* from) { lanes = _mm512_loadu_ps(from); }
  void add(const float* from) { lanes = _mm512_add_ps(lanes, _mm512_loadu_ps(from)); }
  void store(float* to) const { _mm512_storeu_ps(to, lanes); }
};

template <>
struct CacheLine<double> {
  __m512d lanes = _mm512_setzero_pd();

  void load(const double* from) { lanes = _mm512_loadu_pd(from); }
  void add(const double* from) { lanes = _mm512_add_pd(lanes, _mm512_loadu_pd(from)); }
  void store(double* to) const { _mm512_storeu_pd(to, lanes); }
};

#elif defined(__AVX2__)

template <>
struct CacheLine<float> {
  __m256 low = _mm256_setzero_ps();
  __m256 high = _mm256_setzero_ps();

  void load(const float* from) {
    low = _mm256_loadu_ps(from);
    high = _mm256_loadu_ps(from + 8);
  }
  void add(const float* from) {
    low = _mm256_add_ps(low, _mm256_loadu_ps(from));
    high = _mm256_add_ps(high, _mm256_loadu_ps(from + 8));
  }
  void store(float* to) const {
    _mm256_storeu_ps(to, low);
    _mm256_storeu_ps(to + 8, high);
  }
};

template <>
struct CacheLine<double> {
  __m256d low = _mm256_setzero_pd();
  __m256d high = _mm256_setzero_pd();

  void load(const double* from) {
    low = _mm256_loadu_pd(from);
    high = _mm256_loadu_pd(from + 4);
  }
  void add(const double* from) {
    low = _mm256_add_pd(low, _mm256_loadu_pd(from));
    high = _mm256_add_pd(high, _mm256_loadu_pd(from + 4));
  }
  void store(double* to) const {
    _mm256_storeu_pd(to, low);
    _mm256_storeu_pd(to + 4, high);
  }
};

#else

template <class Real>
struct CacheLine {
  using Lanes = Eigen::Array<Real, kLanes<Real>, 1>;

  Lanes lanes = Lanes::Zero();

  void load(const Real* from) { lanes = Lanes::Map(from); }
  void add(const Real* from) { lanes += Lanes::Map(from); }
  void store(Real* to) const { Lanes::Map(to) = lanes; }
};

#endif

}  // namespace cvxnn
