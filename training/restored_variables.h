// The variables of a store as they were: what a rehearsal or another model's weights changed comes
// back, also after an error.
#pragma once

#include <vector>

#include "runtime/exec/variable_store.h"

namespace temper::training {

class RestoredVariables {
 public:
  // REQUIRES: `store` outlives this.
  explicit RestoredVariables(VariableStore& store) : store_(store) {
    for (int i = 0; i < store_.count(); ++i) {
      values_.push_back(store_.get(i));
    }
  }
  ~RestoredVariables() {
    for (int i = 0; i < store_.count(); ++i) {
      store_.set(i, values_[static_cast<std::size_t>(i)]);
    }
  }
  RestoredVariables(const RestoredVariables&) = delete;
  RestoredVariables& operator=(const RestoredVariables&) = delete;

  // As it was.
  const Tensor& value(int variable) const { return values_[static_cast<std::size_t>(variable)]; }

 private:
  VariableStore& store_;
  std::vector<Tensor> values_;
};

}  // namespace temper::training
