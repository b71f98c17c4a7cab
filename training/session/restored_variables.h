// The variables of a store as they were: what a rehearsal or another model's weights changed comes
// back, also after an error.
#pragma once

#include <cstring>
#include <vector>

#include "runtime/exec/variable_store.h"

namespace temper::training {

class RestoredVariables {
 public:
  // REQUIRES: `store` outlives this.
  explicit RestoredVariables(VariableStore& store) : store_(store) {
    for (int i = 0; i < store_.count(); ++i) {
      const StoreVariable& variable = store_.variable(i);
      values_.emplace_back(variable.dtype, variable.shape, variable.layout, "a saved variable");
      copy_bytes(store_.tensor(i), values_.back());
    }
  }
  // Byte by byte in the variable's own layout: nothing that can fail while an error is on its way.
  ~RestoredVariables() {
    for (int i = 0; i < store_.count(); ++i) {
      copy_bytes(value(i), store_.tensor(i));
    }
  }
  RestoredVariables(const RestoredVariables&) = delete;
  RestoredVariables& operator=(const RestoredVariables&) = delete;

  // As it was, in the variable's layout.
  const Tensor& value(int variable) const { return values_[static_cast<std::size_t>(variable)]; }

 private:
  static void copy_bytes(const Tensor& from, Tensor& to) {
    std::memcpy(to.data(), from.data(), static_cast<std::size_t>(from.bytes()));
  }

  VariableStore& store_;
  std::vector<Tensor> values_;
};

}  // namespace temper::training
