// What tests of the edits share: a model prepared in a folder of its own, and its outputs.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "graph/onnx/surgery/prepare.h"
#include "tests/graph/onnx/wire_writer.h"

namespace temper::test {

// A file that tools/oracle/prepare_models.py wrote.
std::string surgery_fixture(const std::string& name);

// Outputs of a model for its first input, whatever it calls its dimensions.
std::vector<Tensor> outputs_of(const std::string& path, const Tensor& input);

// `count` of the entries along dimension 0 of a float32 tensor.
Tensor rows(const Tensor& all, std::int64_t first, std::int64_t count);
// The first `count` samples of NAME.npz.
Tensor samples_of(const std::string& name, std::int64_t count);

// A file that edits made, as long as the test runs.
class PreparedModel {
 public:
  // `symbols`: sizes for trial runs.
  PreparedModel(const std::string& from, const graph::PrepareOptions& options,
                const std::map<std::string, std::int64_t>& symbols = {});
  std::string path() const { return folder_.path("out.onnx"); }
  graph::OnnxModel load() const { return graph::OnnxModel::load(path()); }
  std::vector<Tensor> outputs(const Tensor& input) const { return outputs_of(path(), input); }
  // A stored float tensor; undefined: there is none of this name.
  Tensor tensor(const std::string& name) const;

  graph::Prepared done;

 private:
  TemporaryFolder folder_;
};

}  // namespace temper::test
