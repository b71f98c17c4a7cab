// A kernel that wants one of its inputs in a form only it can read: a weight in the terms of a fast
// convolution, say. By itself it brings the input into that form in each run; where the input is
// the same in every run, whoever makes the plan takes that part of the work out and has it done
// once.
#pragma once

#include <cstddef>
#include <memory>

#include "runtime/backend/kernel.h"

namespace temper {

class PreparesInput {
 public:
  // From input `input` of the kernel, its only input, `kernel` makes `bytes`, its only output.
  struct Preparation {
    std::size_t input = 0;
    std::size_t bytes = 0;
    std::unique_ptr<Kernel> kernel;
  };

  virtual ~PreparesInput() = default;
  // From now on the kernel reads in the input's place what this gives. At most once, before bind().
  virtual Preparation take_preparation() = 0;
};

}  // namespace temper
