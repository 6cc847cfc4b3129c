// The best x86-64 level that this processor and its operating system support.
#pragma once

#if defined(__x86_64__) && defined(__GNUC__)
#include <cpuid.h>
#endif

namespace cvxnn {

#if defined(__x86_64__) && defined(__GNUC__)

// Levels as in the x86-64 psABI. cpuid is read directly: __builtin_cpu_supports knows some of
// these features only in recent compilers.
inline const char* cpu_level() {
  struct Registers {
    unsigned a = 0, b = 0, c = 0, d = 0;
  };
  const auto cpuid = [](unsigned leaf) {
    Registers r;
    __get_cpuid_count(leaf, 0, &r.a, &r.b, &r.c, &r.d);  // zeros if the leaf is absent
    return r;
  };
  const auto all = [](unsigned bits, unsigned mask) { return (bits & mask) == mask; };

  const Registers basic = cpuid(1);
  const Registers more = cpuid(7);
  const Registers extended = cpuid(0x80000001u);

  // Without OSXSAVE the operating system does not save vector registers, and xgetbv is illegal.
  constexpr unsigned osxsave = 1u << 27;
  if (!all(basic.c, osxsave)) return "x86-64";
  unsigned saved = 0, saved_high = 0;
  __asm__ volatile("xgetbv" : "=a"(saved), "=d"(saved_high) : "c"(0));
  constexpr unsigned ymm_state = 0x06;              // XMM, upper halves of YMM
  constexpr unsigned zmm_state = ymm_state | 0xe0;  // opmask, ZMM 0-15, ZMM 16-31

  constexpr unsigned v2_c = 1u << 0 | 1u << 9 | 1u << 13  // SSE3, SSSE3, CMPXCHG16B
                            | 1u << 19 | 1u << 20         // SSE4.1, SSE4.2
                            | 1u << 23;                   // POPCNT
  constexpr unsigned v3_c = 1u << 12 | 1u << 22           // FMA, MOVBE
                            | 1u << 28 | 1u << 29;        // AVX, F16C
  constexpr unsigned v3_b = 1u << 3 | 1u << 5 | 1u << 8;  // BMI1, AVX2, BMI2
  constexpr unsigned v3_extended = 1u << 0 | 1u << 5;     // LAHF-SAHF, LZCNT
  constexpr unsigned v4_b = 1u << 16 | 1u << 17           // AVX512F, AVX512DQ
                            | 1u << 28                    // AVX512CD
                            | 1u << 30 | 1u << 31;        // AVX512BW, AVX512VL

  if (!all(saved, ymm_state) || !all(basic.c, v2_c | v3_c) || !all(more.b, v3_b) ||
      !all(extended.c, v3_extended)) {
    return "x86-64";
  }
  if (!all(saved, zmm_state) || !all(more.b, v4_b)) return "x86-64-v3";
  return "x86-64-v4";
}

#else

inline const char* cpu_level() { return "generic"; }

#endif

}  // namespace cvxnn
