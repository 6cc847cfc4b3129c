#include "local_search.hpp"

#include <algorithm>
#include <random>

namespace cvxnn {
namespace {

constexpr double kSameStart = 0.999;  // cosine; from points this close one ascent is enough
constexpr double kSamePeak = 0.99999;
constexpr Index kTogether = 16;  // points whose outputs are computed by one product
constexpr int kMostSteps = 60;
constexpr double kGain = 1e-9;      // relative, of a step worth taking
constexpr double kShortest = 1e-3;  // share of the way to the gradient
constexpr double kStretch = 1.5;    // of that share after a step that was worth it

// On a cell the value is linear, with this gradient; points move towards it as long as the value
// grows, which takes them across cells.
class Ascent {
 public:
  Ascent(const HiddenLayer& layer, const Vector& v, Peak* peaks, Index count)
      : layer_(layer),
        v_(v),
        peaks_(peaks),
        u_(layer.X.cols(), count),
        share_(Vector::Ones(count)) {
    for (Index i = 0; i < count; ++i) u_.col(i) = peaks[i].u;
    outputs_ = layer.X * u_;
    for (Index i = 0; i < count; ++i) peaks_[i].value = value_of(outputs_, i);
  }

  void run() {
    for (int step = 0; step < kMostSteps && (share_.array() >= kShortest).any(); ++step) advance();
    for (Index i = 0; i < u_.cols(); ++i) peaks_[i].u = layer_.canonical(u_.col(i));
  }

 private:
  double value_of(const Matrix& outputs, Index i) const {
    return peaks_[i].sign * v_.dot(layer_.activated(outputs.col(i)));
  }

  void advance() {
    const auto on = (outputs_.array() > 0.0).cast<double>();
    const Matrix active = (layer_.slope + (1.0 - layer_.slope) * on).colwise() * v_.array();
    const Matrix slopes = layer_.X.transpose() * active;
    Matrix next(u_.rows(), u_.cols());
    for (Index i = 0; i < u_.cols(); ++i) {
      const double length = slopes.col(i).norm();
      if (!(length > 0.0)) share_(i) = 0.0;
      const double along = share_(i) > 0.0 ? peaks_[i].sign * share_(i) / length : 0.0;
      next.col(i) = ((1.0 - share_(i)) * u_.col(i) + along * slopes.col(i)).normalized();
    }
    const Matrix trial = layer_.X * next;
    for (Index i = 0; i < u_.cols(); ++i) {
      const double value = value_of(trial, i);
      const bool higher = value > peaks_[i].value * (1.0 + kGain);
      share_(i) = higher ? std::min(1.0, kStretch * share_(i)) : 0.5 * share_(i);
      if (!higher) continue;
      peaks_[i].value = value;
      u_.col(i) = next.col(i);
      outputs_.col(i) = trial.col(i);
    }
  }

  const HiddenLayer& layer_;
  const Vector& v_;
  Peak* peaks_;
  Matrix u_;
  Matrix outputs_;
  Vector share_;
};

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

std::vector<Peak> distinct_maxima(const HiddenLayer& layer, const Vector& v,
                                  const std::vector<Peak>& starts, const PeakLimits& limits,
                                  const Execution& execution) {
  std::vector<Peak> peaks = spread_out(starts, kSameStart, limits.most_starts);
  const Index count = static_cast<Index>(peaks.size());
  const double cost = 40.0 * static_cast<double>(kTogether * layer.X.size());
  parallel_for((count + kTogether - 1) / kTogether, cost, execution,
               [&](Index batch, int, const auto&) {
                 const Index begin = batch * kTogether;
                 Ascent(layer, v, &peaks[begin], std::min(kTogether, count - begin)).run();
               });
  std::stable_sort(peaks.begin(), peaks.end(),
                   [](const Peak& a, const Peak& b) { return a.value > b.value; });
  peaks = spread_out(peaks, kSamePeak, limits.most);
  const auto low = [&](const Peak& peak) { return !(peak.value > limits.floor); };
  peaks.erase(std::remove_if(peaks.begin(), peaks.end(), low), peaks.end());
  return peaks;
}

Matrix random_directions(const Matrix& X, Index count, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto unit = [&] { return static_cast<double>(random() >> 11) * 0x1p-53; };
  Vector scale = X.colwise().norm().transpose();
  scale = (scale.array() > 0.0).select(scale, 1.0);
  Matrix directions(X.cols(), count);
  for (Index i = 0; i < count; ++i) {
    auto u = directions.col(i);
    for (Index j = 0; j < u.size(); ++j) u(j) = unit() + unit() + unit() + unit() - 2.0;
    const Index sample = static_cast<Index>(random() % static_cast<std::uint64_t>(X.rows()));
    const Vector x = X.row(sample).transpose().cwiseQuotient(scale);
    if (!x.isZero(0)) u -= (u.dot(x) / x.squaredNorm()) * x;
    u = u.cwiseQuotient(scale);
    u.normalize();
  }
  return directions;
}

}  // namespace cvxnn
