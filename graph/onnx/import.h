// Reading ONNX files: load() checks and parses a file, build_graph() brings it to the canonical
// form of opset 28.
//
// Both refuse what they cannot take: kInvalidModel for a file that breaks ONNX's rules (external
// data included), kIo when the file itself cannot be read, kUnsupported with everything that is
// missing listed at once. Memory is bounded by the file's size. Threading: an OnnxModel is
// immutable after load(); any number of threads may read it.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "graph/ir/graph.h"
#include "graph/ir/op_registry.h"

namespace temper::graph {

struct ImportOptions {
  // External data must lie in the model's folder, links resolved, or in this wider one (a Hugging
  // Face cache) when it is not empty.
  std::string external_data_root;
};

// A graph input or output as the file declares it. 16-bit floats are computed in float32: `dtype`
// is the graph's type.
struct OnnxValueInfo {
  std::string name;
  DType dtype = DType::kUndefined;
  std::string file_type;  // ONNX's name: "FLOAT16"
  bool rank_known = false;
  std::vector<Dim> dims;
};

// What became of one float tensor of the file and why: for `inspect`.
struct TensorDecision {
  std::string name;
  DType dtype = DType::kFloat32;
  std::string file_type;
  Shape shape;
  bool is_variable = false;  // false: a constant of the graph
  VariableKind kind = VariableKind::kParameter;
  bool trainable = false;
  std::string why;
  bool external = false;
};

// Something that a model needs and that is not supported.
struct ImportProblem {
  std::string op;      // "Loop", with its domain in front if it has one; empty: something else
  std::string reason;  // "op Loop: 1 node, such as 'l'", as the error's text says it
  std::int64_t count = 0;
  std::vector<std::string> examples;  // names, at most three
};

// A body of If, Loop, Scan and the like.
struct SubgraphSummary {
  std::string owner;   // "If 'cond'"; nested: "Loop 'outer' > If 'cond'"
  std::string branch;  // the attribute: "then_branch"
  std::vector<std::pair<std::string, std::int64_t>> op_counts;
};

// The batch dimension of the graph's inputs (dimension 0).
struct BatchInfo {
  enum class Kind { kNone, kSymbolic, kFixed } kind = Kind::kNone;
  std::int64_t value = -1;  // kFixed: equal in all inputs that have a dimension
  std::string symbol;       // kSymbolic; may be empty
};

class OnnxModel {
 public:
  static OnnxModel load(const std::string& path, const ImportOptions& options = {});
  ~OnnxModel();
  OnnxModel(OnnxModel&&) noexcept;
  OnnxModel& operator=(OnnxModel&&) noexcept;

  // The graph with float tensors as variables where they are weight-like, masks or factors, and
  // constants otherwise. Scalars and tensors named in `as_variables` become (not trainable)
  // variables too, unless their value is needed when compiling. `decisions`, if given, receives one
  // entry per float tensor of the file, in the file's order; `problems` what is not supported. Both
  // are filled in before the error about it is thrown.
  Graph build_graph(const OpRegistry& registry, const std::set<std::string>& as_variables = {},
                    std::vector<TensorDecision>* decisions = nullptr,
                    std::vector<ImportProblem>* problems = nullptr) const;

  const std::string& path() const;
  std::int64_t ir_version() const;
  std::int64_t opset() const;  // of the default domain; 0 when the file names none
  std::vector<std::pair<std::string, std::int64_t>> opsets() const;
  std::string producer() const;  // "pytorch 2.15.0"
  std::string graph_name() const;
  std::vector<std::pair<std::string, std::string>> metadata() const;
  // Without inputs that have an initializer.
  std::vector<OnnxValueInfo> inputs() const;
  std::vector<OnnxValueInfo> outputs() const;
  BatchInfo batch() const;
  // Nodes after functions are inlined, and how many of each op ("Conv", "com.microsoft::Foo").
  std::vector<std::pair<std::string, std::int64_t>> op_counts() const;
  // The file itself and those beside it that hold tensors.
  std::vector<std::string> files() const;
  // The bodies inside those nodes, which op_counts() leaves out.
  std::vector<SubgraphSummary> subgraphs() const;

  struct Impl;
  const Impl& impl() const { return *impl_; }

 private:
  explicit OnnxModel(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace temper::graph
