#include "graph/onnx/deploy/opset.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include <onnx.pb.h>

#include "graph/onnx/deploy/constant_numbers.h"
#include "graph/onnx/deploy/fixed_tensors.h"
#include "graph/onnx/deploy/opset_bodies.h"
#include "graph/onnx/deploy/opset_fit.h"
#include "graph/onnx/deploy/opset_node.h"
#include "graph/onnx/deploy/rename_reads.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

constexpr std::int64_t kOldest = 7, kNewest = 28;
constexpr std::int64_t kMostNumbers = 4096;  // of what becomes an attribute
constexpr std::int64_t kMostStored = std::int64_t{1}
                                     << 22;  // elements of what an opset cannot compute

// The IR version of the release of ONNX that brought the opset.
std::int64_t ir_of_opset(std::int64_t opset) {
  constexpr std::pair<int, int> kVersions[] = {{8, 3},   {9, 4},   {10, 5},  {11, 6},
                                               {14, 7},  {18, 8},  {20, 9},  {22, 10},
                                               {23, 11}, {24, 12}, {27, 13}, {28, 14}};
  for (const auto& [last, ir] : kVersions) {
    if (opset <= last) {
      return ir;
    }
  }
  return 14;
}

class OpsetEdit {
 public:
  OpsetEdit(ModelEdit& edit, const OpsetOptions& options)
      : edit_(edit),
        reference_(*options.reference),
        known_(options.observe(edit.model())),
        facts_(edit, known_),
        change_{edit, known_, facts_, edit.opset(), options.opset, {}},
        fit_(change_) {}

  void run() {
    read_before_ = read_values(edit_);
    refuse_parts();
    if (change_.to < change_.from) {
      compute_what_is_fixed();
    }
    lift_tensors_of_concerned_bodies();
    for (const PlacedNode& one : all_nodes(edit_)) {
      convert(one);
    }
    for (const PlacedNode& one : all_nodes(edit_)) {
      if (std::find(refused_.begin(), refused_.end(), one.node) == refused_.end()) {
        fit_.fit(*one.node, one.where);
      }
    }
    TEMPER_CHECK(change_.reasons.empty(), ErrorCode::kUnsupported,
                 "the model cannot be written in opset ", change_.to, ":\n  ",
                 join(change_.reasons, "\n  "));
    remove_unread_parts(edit_, &read_before_);
    set_versions();
    edit_.note(
        concat("--opset: from ", change_.from, " to ", change_.to, ", ", rewritten_,
               " nodes were written in another form",
               stored_ > 0 ? concat(", ", stored_, " that always give the same were stored") : ""));
  }

 private:
  void refuse_parts() {
    if (edit_.proto().functions_size() > 0) {
      change_.reasons.push_back("the file has functions of its own, which are not converted");
    }
    for (const auto& tensor : edit_.graph().initializer()) {
      if (change_.to < 13 && tensor.data_type() == 16) {
        change_.reasons.push_back(concat("tensor '", tensor.name(), "' is BFLOAT16, of opset 13"));
      }
    }
  }

  // Nodes that are of another form there, and numbers that such nodes read.
  void compute_what_is_fixed() {
    numbers_to_tensors(edit_);
    FixedTensors fixed(edit_, facts_, reference_);
    std::set<std::string> wanted;
    const auto want = [&](const std::string& name, std::int64_t most, bool whole) {
      if (fixed.contains(name) && fixed.shape(name).element_count() <= most &&
          !(whole && is_float(fixed.dtype(name)) && fixed.shape(name).element_count() > 1)) {
        wanted.insert(name);
      }
    };
    for (const PlacedNode& one : all_nodes(edit_)) {
      if (!fit_.is_concerned(*one.node)) {
        continue;
      }
      const std::int64_t most = fit_.is_missing(*one.node) ? kMostStored : kMostNumbers;
      for (const std::string& output : one.node->output()) {
        want(output, most, false);
      }
      for (const std::string& input : one.node->input()) {
        want(input, kMostNumbers, true);
      }
    }
    if (wanted.empty()) {
      return;
    }
    stored_ = fixed.store(wanted).size();
    remove_unread_parts(edit_, &read_before_);
  }

  void lift_tensors_of_concerned_bodies() {
    for (const PlacedNode& one : all_nodes(edit_)) {
      if (!one.where.empty() && fit_.is_concerned(*one.node)) {
        lift_body_tensors(edit_);
        return;
      }
    }
  }

  void convert(const PlacedNode& place) {
    wire::NodeProto& node = *place.node;
    const std::string before = node.SerializeAsString();
    OpsetNode one(change_, node, place.where);
    const std::size_t reasons = change_.reasons.size();
    if (change_.to > change_.from) {
      raise_node(one);
    } else if (!expand_node(one)) {
      lower_node(one);
    }
    rewritten_ += one.removed() || node.SerializeAsString() != before ? 1 : 0;
    if (change_.reasons.size() > reasons && !one.removed()) {
      refused_.push_back(&node);
    }
  }

  void set_versions() {
    for (auto& import : *edit_.proto().mutable_opset_import()) {
      if (normal_domain(import.domain()).empty()) {
        import.set_version(change_.to);
      }
    }
    const std::int64_t ir = ir_of_opset(change_.to);
    if (change_.to < change_.from || edit_.proto().ir_version() < ir) {
      edit_.proto().set_ir_version(ir);
    }
  }

  ModelEdit& edit_;
  const Backend& reference_;
  KnownValues known_;
  ValueFacts facts_;
  OpsetChange change_;
  OpsetFit fit_;
  std::set<std::string> read_before_;  // what of these is no longer read may go
  std::vector<const wire::NodeProto*> refused_;
  std::size_t stored_ = 0;
  int rewritten_ = 0;
};

}  // namespace

void to_opset(ModelEdit& edit, const OpsetOptions& options) {
  TEMPER_CHECK(options.opset >= kOldest && options.opset <= kNewest, ErrorCode::kInvalidArgument,
               "--opset is ", options.opset, ", expected ", kOldest, " to ", kNewest);
  if (edit.opset() == options.opset) {
    edit.note(concat("--opset: the file has opset ", options.opset, " already"));
    return;
  }
  OpsetEdit(edit, options).run();
}

}  // namespace temper::graph
