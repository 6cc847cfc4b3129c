// Cells as cones given by their extreme rays, split by one row after the other (double
// description). A ray is known by its values on the rows of the arrangement alone, in exact
// integers: doubles while they are small, integers of any size after that.
#pragma once

#include <functional>

#include "cvxnn/bits.hpp"
#include "normal_form.hpp"

namespace cvxnn {

// A cone during the descent.
template <class T>
struct RayCone {
  std::vector<Word> pattern;  // signs of all rows that do not split the cone
  std::vector<Index> active;  // rows that split it; the first columns of `values`
  Index n_tracked = 0;        // further columns, for rows that are only watched
  Index n_rays = 0;
  std::vector<T> values;               // n_rays x (active.size() + n_tracked)
  std::vector<T> size;                 // per ray, a bound on its values
  std::vector<Word> tight;             // per ray, the constraints on which it lies
  Index n_constraints = 0;             // bits used in `tight`
  std::vector<Index> constraint_rows;  // the row of each constraint

  Index stride() const { return static_cast<Index>(active.size()) + n_tracked; }
};

// The rays of the simplicial cones that r independent rows make, as values on all rows: what every
// descent starts from. `tracked` rows are appended: they never split, but their values are kept.
class RayTree {
 public:
  // `first` is a row that is positive on every cell listed.
  RayTree(const exact::Rows& rows, Index first, const exact::Rows& tracked = {});

  Index rank() const { return static_cast<Index>(basis_.size()); }
  Index n_rows() const { return n_rows_; }
  Index n_words() const { return words_for(n_rows_); }

  // Visits every cell whose path starts with `prefix`, entries 0 (negative) and 1 (positive): first
  // the signs of the other rows of the basis, then one sign a split. The visitor gets the pattern;
  // returns whether to stop, which leaves the unvisited rest in `rest`.
  using Visit = std::function<bool(const Word* pattern)>;
  bool descend(const std::vector<std::int32_t>& prefix, const Visit& visit,
               std::vector<std::vector<std::int32_t>>& rest) const;

  // Visits every cell with the values of the tracked rows on its rays.
  using VisitTracked = std::function<void(const Word* pattern, const exact::Rows& rays)>;
  void descend_tracked(const VisitTracked& visit) const;

  // Rows that bound the cell with this pattern, ascending, and which pairs of them meet in a face
  // of codimension two.
  struct Facets {
    std::vector<Index> rows;
    std::vector<char> adjacent;  // rows.size() squared
  };
  Facets facets(const Word* pattern) const;

 private:
  template <class T>
  friend class RayDescent;

  Index n_rows_ = 0;
  std::vector<Index> basis_;  // basis_[0] is the row that is always positive
  exact::Rows values_;        // per ray of the positive orthant, on all rows and the tracked ones
  Index n_tracked_ = 0;
  bool small_ = false;  // whether doubles hold the values with room to spare
  std::vector<double> small_values_;
};

}  // namespace cvxnn
