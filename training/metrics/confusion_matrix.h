// Counts of true against predicted classes over a whole set, and what follows from them. Precision,
// recall, F1 (= Dice) and Jaccard (= IoU) are those of scikit-learn with zero_division = 0.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace temper::training {

struct ClassCounts {
  std::int64_t both = 0;       // of this class and predicted so
  std::int64_t predicted = 0;  // predicted as this class
  std::int64_t support = 0;    // of this class

  double precision() const { return ratio(both, predicted); }
  double recall() const { return ratio(both, support); }
  // 2 TP / (2 TP + FP + FN)
  double f1() const { return ratio(2 * both, predicted + support); }
  // TP / (TP + FP + FN)
  double iou() const { return ratio(both, predicted + support - both); }
  // Whether it occurs at all, in truth or prediction.
  bool occurs() const { return predicted + support > 0; }

 private:
  static double ratio(std::int64_t part, std::int64_t whole) {
    return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
  }
};

// "macro": the mean over the classes that occur; "weighted": weighted by support; "micro": of the
// summed counts. `figure` is one of ClassCounts' functions. 0 when no class occurs.
double average(const std::vector<ClassCounts>& classes, double (ClassCounts::*figure)() const,
               std::string_view how);

class ConfusionMatrix {
 public:
  explicit ConfusionMatrix(std::int64_t classes = 0);

  // REQUIRES: 0 <= truth, predicted < classes().
  void add(std::int64_t truth, std::int64_t predicted) {
    ++counts_[static_cast<std::size_t>(truth * classes_ + predicted)];
  }
  // REQUIRES: as many classes.
  void merge(const ConfusionMatrix& other);

  std::int64_t classes() const { return classes_; }
  std::int64_t count(std::int64_t truth, std::int64_t predicted) const {
    return counts_[static_cast<std::size_t>(truth * classes_ + predicted)];
  }
  std::int64_t total() const;
  double accuracy() const;
  std::vector<ClassCounts> per_class() const;

 private:
  std::int64_t classes_ = 0;
  std::vector<std::int64_t> counts_;  // [truth, predicted]
};

}  // namespace temper::training
