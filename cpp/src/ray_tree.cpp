#include "ray_tree.hpp"

#include <algorithm>

#include "engine.hpp"
#include "ray_descent.hpp"

namespace cvxnn {

using exact::Integer;
using exact::Rows;

RayTree::RayTree(const Rows& rows, Index first, const Rows& tracked)
    : n_rows_(static_cast<Index>(rows.size())), n_tracked_(static_cast<Index>(tracked.size())) {
  const Index rank = static_cast<Index>(rows.front().size());
  std::vector<Index> order{first};
  for (Index k = 0; k < n_rows_; ++k) {
    if (k != first) order.push_back(k);
  }
  Rows ordered;
  for (const Index k : order) ordered.push_back(rows[k]);
  for (const Index place : exact::first_basis(ordered, rank)) basis_.push_back(order[place]);

  Integer largest = 0;
  for (Index j = 0; j < rank; ++j) {
    Rows others;
    for (Index k = 0; k < rank; ++k) {
      if (k != j) others.push_back(rows[basis_[k]]);
    }
    exact::Row ray = exact::kernel(others, rank).front();
    if (exact::dot(rows[basis_[j]], ray) < 0) {
      for (Integer& value : ray) value = -value;
    }
    exact::Row values;
    for (const exact::Row& row : rows) values.push_back(exact::dot(row, ray));
    for (const exact::Row& row : tracked) values.push_back(exact::dot(row, ray));
    for (const Integer& value : values) largest = std::max(largest, Integer(abs(value)));
    values_.push_back(std::move(values));
  }
  small_ = largest < Integer(1) << 50;
  if (!small_) return;
  for (const exact::Row& values : values_) {
    for (const Integer& value : values) {
      small_values_.push_back(static_cast<double>(static_cast<std::int64_t>(value)));
    }
  }
}

namespace {

// Follows `prefix` from the root and calls on_cone(descent, cone) with what is reached. Doubles
// give way to integers where they do not suffice.
template <class T, class OnCone>
bool follow(const RayTree& tree, const std::vector<std::int32_t>& prefix, const OnCone& on_cone) {
  RayDescent<T> descent(tree);
  const std::size_t n_signs = static_cast<std::size_t>(tree.rank() - 1);
  RayCone<T> cone = descent.orthant({prefix.begin(), prefix.begin() + n_signs});
  RayCone<T> next;
  for (std::size_t i = n_signs; i < prefix.size(); ++i) {
    if (cone.active.empty()) return true;
    if (!descent.child(cone, descent.choose_split(cone), prefix[i] != 0, next)) return false;
    std::swap(cone, next);
  }
  on_cone(descent, cone);
  return true;
}

}  // namespace

bool RayTree::descend(const std::vector<std::int32_t>& prefix, const Visit& visit,
                      std::vector<std::vector<std::int32_t>>& rest) const {
  const std::size_t n_signs = static_cast<std::size_t>(rank() - 1);
  if (prefix.size() < n_signs) {
    for (const std::int32_t sign : {0, 1}) {
      std::vector<std::int32_t> longer = prefix;
      longer.push_back(sign);
      if (!descend(longer, visit, rest)) continue;
      if (sign == 0) {
        rest.push_back(prefix);
        rest.back().push_back(1);
      }
      return true;
    }
    return false;
  }
  bool stopped = false;
  std::vector<std::int32_t> path = prefix;
  const auto from = [&](auto& descent, const auto& cone) {
    stopped = descent.visit(cone, path, visit, rest);
  };
  if (!small_ || !follow<double>(*this, prefix, from)) follow<Integer>(*this, prefix, from);
  return stopped;
}

namespace {

void visit_tracked(RayDescent<Integer>& descent, const RayCone<Integer>& cone,
                   const RayTree::VisitTracked& visit) {
  if (cone.active.empty()) {
    Rows rays;
    for (Index ray = 0; ray < cone.n_rays; ++ray) {
      const auto begin = cone.values.begin() + ray * cone.stride();
      rays.emplace_back(begin, begin + cone.stride());
    }
    return visit(cone.pattern.data(), rays);
  }
  const Index split = descent.choose_split(cone);
  for (const bool positive : {false, true}) {
    RayCone<Integer> half;
    descent.child(cone, split, positive, half);
    visit_tracked(descent, half, visit);
  }
}

bool contains(const std::vector<Word>& a, const std::vector<Word>& b) {
  for (std::size_t w = 0; w < a.size(); ++w) {
    if ((b[w] & ~a[w]) != 0) return false;
  }
  return true;
}

// A constraint bounds the cell if no other one has all its rays and more.
template <class T>
RayTree::Facets facets_of(const RayCone<T>& cone, Index rank, Index n_tight_words) {
  struct Face {
    Index row;
    std::vector<Word> rays;
  };
  std::vector<Face> faces;
  for (Index c = 0; c < cone.n_constraints; ++c) {
    Face face{cone.constraint_rows[c], std::vector<Word>(words_for(cone.n_rays), 0)};
    Index n_rays = 0;
    for (Index ray = 0; ray < cone.n_rays; ++ray) {
      if (!get_bit(&cone.tight[ray * n_tight_words], c)) continue;
      set_bit(face.rays.data(), ray);
      ++n_rays;
    }
    if (n_rays >= rank - 1) faces.push_back(std::move(face));
  }
  std::vector<Face> bounding;
  for (const Face& face : faces) {
    const bool redundant = std::any_of(faces.begin(), faces.end(), [&](const Face& other) {
      return other.rays != face.rays && contains(other.rays, face.rays);
    });
    if (!redundant) bounding.push_back(face);
  }
  std::sort(bounding.begin(), bounding.end(),
            [](const Face& a, const Face& b) { return a.row < b.row; });
  RayTree::Facets facets;
  const std::size_t n = bounding.size();
  facets.adjacent.assign(n * n, 0);
  for (std::size_t i = 0; i < n; ++i) {
    facets.rows.push_back(bounding[i].row);
    for (std::size_t k = 0; k < i; ++k) {
      std::vector<Word> shared = bounding[i].rays;
      for (std::size_t w = 0; w < shared.size(); ++w) shared[w] &= bounding[k].rays[w];
      const auto n_around = std::count_if(bounding.begin(), bounding.end(), [&](const Face& face) {
        return contains(face.rays, shared);
      });
      facets.adjacent[i * n + k] = facets.adjacent[k * n + i] = n_around == 2;
    }
  }
  return facets;
}

template <class T>
bool find_facets(const RayTree& tree, const std::vector<std::int32_t>& signs, const Word* pattern,
                 RayTree::Facets& facets) {
  RayDescent<T> descent(tree);
  RayCone<T> cone = descent.orthant(signs);
  RayCone<T> next;
  while (!cone.active.empty()) {
    const Index split = descent.choose_split(cone);
    if (!descent.child(cone, split, get_bit(pattern, cone.active[split]), next)) return false;
    std::swap(cone, next);
  }
  facets = facets_of(cone, tree.rank(), tree.n_words());
  return true;
}

}  // namespace

void RayTree::descend_tracked(const VisitTracked& visit) const {
  const Index n_signs = rank() - 1;
  for (Index orthant = 0; orthant < Index{1} << n_signs; ++orthant) {
    std::vector<std::int32_t> signs;
    for (Index j = 0; j < n_signs; ++j) signs.push_back((orthant >> j) & 1);
    RayDescent<Integer> descent(*this);
    visit_tracked(descent, descent.orthant(signs), visit);
  }
}

RayTree::Facets RayTree::facets(const Word* pattern) const {
  std::vector<std::int32_t> signs;
  for (Index j = 1; j < rank(); ++j) signs.push_back(get_bit(pattern, basis_[j]));
  Facets found;
  if (!small_ || !find_facets<double>(*this, signs, pattern, found)) {
    find_facets<Integer>(*this, signs, pattern, found);
  }
  return found;
}

std::vector<Task> explore_ray_tree(const NormalForm& form, const Task& task, PatternSink& sink,
                                   Poller& poller) {
  const RayTree tree(form.rows, form.affine ? form.n_rows() - 1 : 0);
  std::vector<Task> rest;
  int until_poll = 0;
  tree.descend(
      task,
      [&](const Word* pattern) {
        std::copy_n(pattern, sink.n_words(), sink.next());
        sink.commit();
        if (++until_poll % 256 == 0) poller.check();
        return sink.exhausted();
      },
      rest);
  sink.flush();
  // what is left of the last cell visited may be nothing; the order is that of the descent
  return rest;
}

}  // namespace cvxnn
