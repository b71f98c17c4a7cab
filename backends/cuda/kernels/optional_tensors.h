// Tensors of an op by number, null where the query has none: arguments are only as many as the
// query's.
#pragma once

#include "runtime/backend/kernel.h"

namespace temper::cuda {

class OptionalTensors {
 public:
  explicit OptionalTensors(const OpQuery& query)
      : inputs_(query.inputs.size()), outputs_(query.outputs.size()) {}

  template <class T>
  const T* input(const KernelArgs& args, std::size_t i) const {
    return i < inputs_ ? static_cast<const T*>(args.inputs[i]) : nullptr;
  }
  template <class T>
  T* output(const KernelArgs& args, std::size_t i) const {
    return i < outputs_ ? static_cast<T*>(args.outputs[i]) : nullptr;
  }

 private:
  std::size_t inputs_, outputs_;
};

}  // namespace temper::cuda
