// ONNX files: loaded, and made a graph.
#include <array>

#include "graph/onnx/import.h"
#include "graph/ops/standard_ops.h"
#include "tests/fuzz/readers.h"

namespace temper::test {
namespace {

void read_model(const FuzzInput& input) {
  input.put_beside("weights.bin", std::string(64, '\1'));
  const graph::OnnxModel model = graph::OnnxModel::load(input.file("model.onnx"));
  static const graph::OpRegistry& ops = graph::standard_ops();
  model.build_graph(ops);
}

}  // namespace

std::span<const FuzzedReader> model_readers() {
  static constexpr std::array<FuzzedReader, 1> kReaders = {{{"onnx", read_model}}};
  return kReaders;
}

}  // namespace temper::test
