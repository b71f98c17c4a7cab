// Runs one op on the CPU backend as a plan would (layouts converted, workspace and opaque values
// given), checks padding and guard words, and gives plain outputs; and the same op on the reference
// backend.
#pragma once

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "backends/backends.h"
#include "runtime/memory/tensor.h"

namespace temper::cpu {

struct Value {
  DType dtype = DType::kFloat32;
  Shape shape = {};
  Layout layout = {};
  bool layout_free = false;
};

struct RunOptions {
  int threads = 2;
  std::string family = {};            // empty: the first row that supports it
  std::vector<Layout> layouts = {};   // inputs arrive in these
  std::vector<int> free_inputs = {};  // weights nobody has given a layout
  const Kernel* forward = nullptr;
};

struct RunResult {
  std::unique_ptr<Kernel> kernel;
  std::string family;
  std::vector<Tensor> outputs;   // plain, undefined where not asked for
  std::vector<Tensor> physical;  // as the kernel wrote them
};

const Backend& cpu_backend();
const Backend& reference_backend();

// Inputs are plain tensors; an undefined one is left out.
OpQuery make_query(std::string_view op, const Attrs& attrs, const std::vector<Tensor>& inputs,
                   const std::vector<Value>& outputs, const RunOptions& options);
RunResult run_op(const Backend& backend, std::string_view op, const Attrs& attrs,
                 const std::vector<Tensor>& inputs, const std::vector<Value>& outputs,
                 const RunOptions& options = {});

// Both backends; every f32 output must agree within `tolerance` of the largest magnitude.
RunResult expect_matches_reference(std::string_view op, const Attrs& attrs,
                                   const std::vector<Tensor>& inputs,
                                   const std::vector<Value>& outputs,
                                   const RunOptions& options = {}, double tolerance = 2e-5);
void expect_close(const Tensor& actual, const Tensor& expected, double tolerance,
                  const std::string& where);

Tensor random_tensor(const Shape& shape, unsigned seed, float low = -1, float high = 1);
// [.., C, ..] with channels in blocks of `block`.
Layout nchw_blocked(const Shape& shape, int block);
Layout nhwc(const Shape& shape);
// Every byte outside the logical elements is zero.
bool padding_is_zero(const Tensor& tensor);

}  // namespace temper::cpu
