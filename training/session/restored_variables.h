// The variables of a store as they were: what a rehearsal or another model's weights changed comes
// back, also after an error.
#pragma once

#include <vector>

#include "runtime/base/error.h"
#include "runtime/exec/variable_store.h"

namespace temper::training {

class RestoredVariables {
 public:
  // REQUIRES: `store` outlives this.
  explicit RestoredVariables(VariableStore& store) : store_(store) {
    for (int i = 0; i < store_.count(); ++i) {
      values_.push_back(store_.get_stored(i));
    }
  }
  // Byte by byte in the variable's own layout: nothing of ours that can fail while an error is on
  // its way.
  ~RestoredVariables() {
    try {
      for (int i = 0; i < store_.count(); ++i) {
        store_.set_stored(i, value(i));
      }
    } catch (const Error&) {
      // A device that failed: whatever asks it next says so.
    }
  }
  RestoredVariables(const RestoredVariables&) = delete;
  RestoredVariables& operator=(const RestoredVariables&) = delete;

  // As it was, in the variable's layout.
  const Tensor& value(int variable) const { return values_[static_cast<std::size_t>(variable)]; }

 private:
  VariableStore& store_;
  std::vector<Tensor> values_;
};

}  // namespace temper::training
