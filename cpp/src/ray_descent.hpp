// One cone of a ray tree cut in two: the rays of each half, and the rows that still split it.
#pragma once

#include <algorithm>
#include <limits>
#include <memory>
#include <numeric>

#include "ray_tree.hpp"

namespace cvxnn {

namespace ray {

constexpr double kLargest = 0x1p52;  // doubles are exact integers up to here and a little beyond
constexpr double kReduceAbove = 0x1p24;

inline int popcount(Word word) {
  word -= (word >> 1) & 0x5555555555555555ULL;
  word = (word & 0x3333333333333333ULL) + ((word >> 2) & 0x3333333333333333ULL);
  word = (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0fULL;
  return static_cast<int>((word * 0x0101010101010101ULL) >> 56);
}

inline double divisor_of(double a, double b) {
  return static_cast<double>(std::gcd(static_cast<std::int64_t>(a), static_cast<std::int64_t>(b)));
}

inline exact::Integer divisor_of(const exact::Integer& a, const exact::Integer& b) {
  return gcd(a, b);
}

// Divides a ray by the common divisor of its values; returns the new bound on them.
template <class T>
T make_primitive(T* values, Index n) {
  T divisor = 0;
  T largest = 0;
  for (Index c = 0; c < n; ++c) {
    const T value = values[c] < 0 ? T(-values[c]) : values[c];
    if (value == 0) continue;
    if (divisor != 1) divisor = divisor_of(divisor, value);
    if (value > largest) largest = value;
  }
  if (divisor > 1) {
    for (Index c = 0; c < n; ++c) values[c] /= divisor;
    largest /= divisor;
  }
  return largest;
}

inline bool too_large(double bound) { return bound >= kLargest; }
inline bool too_large(const exact::Integer&) { return false; }

inline bool worth_reducing(double bound) { return bound > kReduceAbove; }
inline bool worth_reducing(const exact::Integer& bound) { return bound > exact::Integer(1) << 62; }

}  // namespace ray

// The descent from one cone; buffers are kept for each depth.
template <class T>
class RayDescent {
 public:
  explicit RayDescent(const RayTree& tree)
      : tree_(tree), n_tight_words_(words_for(tree.n_rows())) {}

  // The orthant with these signs of the rows of the basis (the first one is positive).
  RayCone<T> orthant(const std::vector<std::int32_t>& signs) {
    const Index rank = tree_.rank();
    RayCone<T> cone;
    cone.n_rays = rank;
    cone.n_tracked = tree_.n_tracked_;
    cone.pattern.assign(static_cast<std::size_t>(tree_.n_words()), 0);
    cone.active.resize(static_cast<std::size_t>(tree_.n_rows()));
    std::iota(cone.active.begin(), cone.active.end(), Index{0});
    cone.n_constraints = rank;
    cone.constraint_rows = tree_.basis_;
    const Index stride = cone.stride();
    cone.values.resize(static_cast<std::size_t>(rank * stride));
    cone.tight.assign(static_cast<std::size_t>(rank * n_tight_words_), 0);
    for (Index j = 0; j < rank; ++j) {
      const bool positive = j == 0 || signs[j - 1] != 0;
      for (Index c = 0; c < stride; ++c) {
        const T value = root_value(j, c);
        cone.values[j * stride + c] = positive ? value : T(-value);
      }
      cone.size.push_back(ray::make_primitive(&cone.values[j * stride], stride));
      for (Index k = 0; k < rank; ++k) {
        if (k != j) set_bit(&cone.tight[j * n_tight_words_], k);
      }
    }
    RayCone<T> settled;
    settle(cone, cone.n_rays, {}, settled);
    return settled;
  }

  // The active row whose split makes the fewest pairs of rays to look at.
  static Index choose_split(const RayCone<T>& cone) {
    const Index n_active = static_cast<Index>(cone.active.size());
    if (n_active == 1) return 0;
    Index best = 0;
    Index fewest = std::numeric_limits<Index>::max();
    const Index stride = cone.stride();
    for (Index c = 0; c < n_active; ++c) {
      Index positive = 0;
      Index negative = 0;
      for (Index ray = 0; ray < cone.n_rays; ++ray) {
        const T& value = cone.values[ray * stride + c];
        positive += value > 0;
        negative += value < 0;
      }
      if (positive * negative < fewest) {
        fewest = positive * negative;
        best = c;
      }
    }
    return best;
  }

  // The part of the cone on one side of the active row `split`; false if T is too small for it.
  bool child(const RayCone<T>& cone, Index split, bool positive, RayCone<T>& out) {
    const Index stride = cone.stride();
    const Index words = n_tight_words_;
    kept_.clear();
    inside_.clear();
    outside_.clear();
    for (Index ray = 0; ray < cone.n_rays; ++ray) {
      const T& value = cone.values[ray * stride + split];
      const int side = value == 0 ? 0 : (value > 0) == positive ? 1 : -1;
      if (side >= 0) kept_.push_back(ray);
      if (side > 0) inside_.push_back(ray);
      if (side < 0) outside_.push_back(ray);
    }
    fresh_.n_rays = 0;
    fresh_.values.clear();
    fresh_.tight.clear();
    fresh_.size.clear();
    for (const Index p : inside_) {
      for (const Index q : outside_) {
        if (!adjacent(cone, p, q)) continue;
        T a = cone.values[p * stride + split];
        T b = cone.values[q * stride + split];
        if (a < 0) a = -a;
        if (b < 0) b = -b;
        if (a != 1 && b != 1) {
          const T divisor = ray::divisor_of(a, b);
          a /= divisor;
          b /= divisor;
        }
        T bound = a * cone.size[q] + b * cone.size[p];
        if (ray::too_large(bound)) return false;
        const T* x = &cone.values[p * stride];
        const T* y = &cone.values[q * stride];
        fresh_.values.resize(fresh_.values.size() + static_cast<std::size_t>(stride));
        T* z = fresh_.values.data() + fresh_.n_rays * stride;
        for (Index c = 0; c < stride; ++c) z[c] = b * x[c] + a * y[c];
        if (ray::worth_reducing(bound)) bound = ray::make_primitive(z, stride);
        fresh_.size.push_back(std::move(bound));
        for (Index w = 0; w < words; ++w) {
          fresh_.tight.push_back(cone.tight[p * words + w] & cone.tight[q * words + w]);
        }
        set_bit(fresh_.tight.data() + fresh_.n_rays * words, cone.n_constraints);
        ++fresh_.n_rays;
      }
    }
    out.pattern = cone.pattern;
    if (positive) set_bit(out.pattern.data(), cone.active[split]);
    out.constraint_rows = cone.constraint_rows;
    out.constraint_rows.push_back(cone.active[split]);
    out.n_constraints = cone.n_constraints + 1;
    settle(cone, split, kept_, out);
    return true;
  }

  // Depth-first from `cone`, whose path is `path`; returns whether the visitor wants to stop.
  bool visit(const RayCone<T>& cone, std::vector<std::int32_t>& path, const RayTree::Visit& leaf,
             std::vector<std::vector<std::int32_t>>& rest, std::size_t depth = 0) {
    if (cone.active.empty()) return leaf(cone.pattern.data());
    if (cone.active.size() == 1) return visit_halves(cone, path, leaf, rest);
    const Index split = choose_split(cone);
    while (depth >= cones_.size()) cones_.push_back(std::make_unique<RayCone<T>>());
    for (const bool positive : {false, true}) {
      path.push_back(positive);
      bool stop;
      if (child(cone, split, positive, *cones_[depth])) {
        stop = visit(*cones_[depth], path, leaf, rest, depth + 1);
      } else {
        RayDescent<exact::Integer> wide(tree_);
        RayCone<exact::Integer> exact_child;
        wide.child(widened(cone), split, positive, exact_child);
        stop = wide.visit(exact_child, path, leaf, rest);
      }
      path.pop_back();
      if (stop) {
        if (!positive) {
          rest.push_back(path);
          rest.back().push_back(1);
        }
        return true;
      }
    }
    return false;
  }

  static RayCone<exact::Integer> widened(const RayCone<T>& cone) {
    RayCone<exact::Integer> wide;
    wide.pattern = cone.pattern;
    wide.active = cone.active;
    wide.n_tracked = cone.n_tracked;
    wide.n_rays = cone.n_rays;
    for (const T& value : cone.values) wide.values.emplace_back(value);
    for (const T& value : cone.size) wide.size.emplace_back(value);
    wide.tight = cone.tight;
    wide.n_constraints = cone.n_constraints;
    wide.constraint_rows = cone.constraint_rows;
    return wide;
  }

 private:
  T root_value(Index ray, Index column) const {
    if constexpr (std::is_same_v<T, double>) {
      return tree_.small_values_[ray * (tree_.n_rows() + tree_.n_tracked_) + column];
    } else {
      return tree_.values_[ray][column];
    }
  }

  // One row splits the cone: both halves are cells, and no ray of theirs is needed.
  bool visit_halves(const RayCone<T>& cone, std::vector<std::int32_t>& path,
                    const RayTree::Visit& leaf, std::vector<std::vector<std::int32_t>>& rest) {
    last_ = cone.pattern;
    if (leaf(last_.data())) {
      rest.push_back(path);
      rest.back().push_back(1);
      return true;
    }
    set_bit(last_.data(), cone.active.front());
    return leaf(last_.data());
  }

  // Two rays span a face of dimension two if no third lies on all constraints that they share.
  bool adjacent(const RayCone<T>& cone, Index p, Index q) const {
    const Index words = n_tight_words_;
    const Word* a = &cone.tight[p * words];
    const Word* b = &cone.tight[q * words];
    int common = 0;
    for (Index w = 0; w < words; ++w) common += ray::popcount(a[w] & b[w]);
    if (common < tree_.rank() - 2) return false;
    if (words == 1) {
      const Word shared = *a & *b;
      for (Index k = 0; k < cone.n_rays; ++k) {
        if ((cone.tight[k] & shared) == shared && k != p && k != q) return false;
      }
      return true;
    }
    for (Index k = 0; k < cone.n_rays; ++k) {
      if (k == p || k == q) continue;
      const Word* c = &cone.tight[k * words];
      bool contains = true;
      for (Index w = 0; w < words && contains; ++w) contains = (a[w] & b[w] & ~c[w]) == 0;
      if (contains) return false;
    }
    return true;
  }

  // Fills `out` with the kept rays of `cone` and the fresh ones, on the rows that still split.
  // Without a split (`split` == n_rays of an orthant) all rays are kept.
  void settle(const RayCone<T>& cone, Index split, const std::vector<Index>& kept,
              RayCone<T>& out) {
    const bool root = kept.empty();
    const Index stride = cone.stride();
    const Index n_active = static_cast<Index>(cone.active.size());
    const Index n_kept = root ? cone.n_rays : static_cast<Index>(kept.size());
    const Index n_fresh = root ? 0 : fresh_.n_rays;
    most_.assign(static_cast<std::size_t>(n_active), T(0));
    least_.assign(static_cast<std::size_t>(n_active), T(0));
    const auto spread = [&](const T* values) {
      T* most = most_.data();
      T* least = least_.data();
      for (Index c = 0; c < n_active; ++c) {
        most[c] = most[c] < values[c] ? values[c] : most[c];
        least[c] = values[c] < least[c] ? values[c] : least[c];
      }
    };
    for (Index i = 0; i < n_kept; ++i) spread(&cone.values[(root ? i : kept[i]) * stride]);
    for (Index i = 0; i < n_fresh; ++i) spread(&fresh_.values[i * stride]);

    columns_.clear();
    out.active.clear();
    if (root) {
      out.pattern = cone.pattern;
      out.constraint_rows = cone.constraint_rows;
      out.n_constraints = cone.n_constraints;
    }
    for (Index c = 0; c < n_active; ++c) {
      if (!root && c == split) continue;
      if (most_[c] > 0 && least_[c] < 0) {
        columns_.push_back(c);
        out.active.push_back(cone.active[c]);
      } else if (most_[c] > 0) {
        set_bit(out.pattern.data(), cone.active[c]);
      }
    }
    out.n_tracked = cone.n_tracked;
    for (Index c = n_active; c < stride; ++c) columns_.push_back(c);
    const Index out_stride = static_cast<Index>(columns_.size());
    const Index words = n_tight_words_;
    out.n_rays = n_kept + n_fresh;
    out.values.resize(static_cast<std::size_t>(out.n_rays * out_stride));
    out.size.resize(static_cast<std::size_t>(out.n_rays));
    out.tight.resize(static_cast<std::size_t>(out.n_rays * words));
    T* place = out.values.data();
    const auto copy = [&](const T* values) {
      for (const Index c : columns_) *place++ = values[c];
    };
    for (Index i = 0; i < n_kept; ++i) {
      const Index ray = root ? i : kept[i];
      copy(&cone.values[ray * stride]);
      out.size[i] = cone.size[ray];
      std::copy_n(&cone.tight[ray * words], words, &out.tight[i * words]);
      if (!root && cone.values[ray * stride + split] == 0) {
        set_bit(&out.tight[i * words], cone.n_constraints);
      }
    }
    for (Index i = 0; i < n_fresh; ++i) {
      copy(&fresh_.values[i * stride]);
      out.size[n_kept + i] = fresh_.size[i];
    }
    std::copy_n(fresh_.tight.data(), n_fresh * words, out.tight.data() + n_kept * words);
  }

  const RayTree& tree_;
  Index n_tight_words_;
  RayCone<T> fresh_;  // rays made by the split at hand
  std::vector<std::unique_ptr<RayCone<T>>> cones_;
  std::vector<Index> kept_;
  std::vector<Index> inside_;
  std::vector<Index> outside_;
  std::vector<Index> columns_;
  std::vector<T> most_;
  std::vector<T> least_;
  std::vector<Word> last_;
};

}  // namespace cvxnn
