// What the tests of loops and branches share: models in double, and y and its gradients as a step
// of the plan, evaluated, and written out.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "graph/ir/graph.h"
#include "tests/graph/onnx/wire_writer.h"
#include "tests/graph/small_graph.h"

namespace temper::test {

inline constexpr int kDouble = 11, kInt = 7, kBool = 9;  // TensorProto.DataType

// Values without a pattern, from -1 to 1.
Doubles numbers(std::int64_t count, double seed);
Message doubles(const std::string& name, const Dims& dims, double seed);
Message scalar(const std::string& name, std::int64_t value);
Message info(const std::string& name, const Dims& dims);

// The graph's outputs, by a plan.
std::vector<Tensor> run_plan(Graph graph, const std::map<ValueId, Tensor>& given);

struct Computed {
  Doubles y;
  std::map<std::string, Doubles> gradients;
  std::map<std::string, int> ops;
};

// How y is computed, and the gradients of the sum of y^2 with respect to all variables and float
// inputs.
struct Run {
  std::int64_t unroll = 64;
  std::int64_t steps = 0;  // the value of an integer input
  bool evaluates = false;  // by graph/passes/evaluate in place of a plan
  // 2: the gradients are those of the sum of the squares of the first ones, and so on.
  int order = 1;
  std::int64_t max_trip_count = 1000;
};

Graph with_gradients(const ModelParts& parts, const Run& run);
std::map<ValueId, Tensor> inputs_of(const Graph& graph, const Run& run);
Computed compute(const ModelParts& parts, const Run& run);

// To 1e-12 of the largest value.
void expect_close(const Doubles& got, const Doubles& wanted, const std::string& what);
// One model, or two that do the same, as a step of the plan against written out.
void expect_equal(const ModelParts& looped, const Run& run, const ModelParts& unrolled,
                  const char* op);

}  // namespace temper::test
