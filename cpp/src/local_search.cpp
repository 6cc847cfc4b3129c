#include "local_search.hpp"

#include <algorithm>

namespace cvxnn {
namespace {

constexpr double kSameStart = 0.999;  // cosine; from points this close one ascent is enough
constexpr double kSamePeak = 0.99999;
constexpr std::size_t kMostStarts = 96;
constexpr int kMostSteps = 40;
constexpr double kGain = 1e-9;  // relative, of a step worth taking

double value_at(const Vector& outputs, const Vector& v, int sign) {
  return sign * v.dot(outputs.cwiseMax(0.0));
}

// On a cell the value is linear, with this gradient; u moves towards it as long as the value grows,
// which takes it across cells.
Peak ascend(const Matrix& X, const Vector& v, Peak peak) {
  Vector outputs = X * peak.u;
  peak.value = value_at(outputs, v, peak.sign);
  for (int step = 0; step < kMostSteps; ++step) {
    const Vector active = (outputs.array() > 0.0).select(v, 0.0);
    const Vector uphill = peak.sign * (X.transpose() * active);
    if (uphill.isZero(0)) break;
    bool higher = false;
    for (double share = 1.0; share > 1e-3 && !higher; share *= 0.5) {
      const Vector u = ((1.0 - share) * peak.u + share * uphill.normalized()).normalized();
      Vector trial = X * u;
      const double value = value_at(trial, v, peak.sign);
      higher = value > peak.value * (1.0 + kGain);
      if (!higher) continue;
      peak.u = u;
      peak.value = value;
      outputs = std::move(trial);
    }
    if (!higher) break;
  }
  return peak;
}

std::vector<Peak> spread_out(const std::vector<Peak>& peaks, double cosine, std::size_t most) {
  std::vector<Peak> chosen;
  for (const Peak& peak : peaks) {
    if (chosen.size() == most) break;
    const bool close = std::any_of(chosen.begin(), chosen.end(), [&](const Peak& other) {
      return other.sign == peak.sign && other.u.dot(peak.u) > cosine;
    });
    if (!close) chosen.push_back(peak);
  }
  return chosen;
}

}  // namespace

std::vector<Peak> distinct_maxima(const Matrix& X, const Vector& v, const std::vector<Peak>& starts,
                                  double floor, std::size_t most, const Execution& execution) {
  std::vector<Peak> peaks = spread_out(starts, kSameStart, kMostStarts);
  const double cost = 40.0 * static_cast<double>(X.size());
  parallel_for(static_cast<Index>(peaks.size()), cost, execution,
               [&](Index i, int, const auto&) { peaks[i] = ascend(X, v, std::move(peaks[i])); });
  std::stable_sort(peaks.begin(), peaks.end(),
                   [](const Peak& a, const Peak& b) { return a.value > b.value; });
  peaks = spread_out(peaks, kSamePeak, most);
  const auto low = [&](const Peak& peak) { return !(peak.value > floor); };
  peaks.erase(std::remove_if(peaks.begin(), peaks.end(), low), peaks.end());
  return peaks;
}

}  // namespace cvxnn
