#include "graph/onnx/deploy/cut.h"

#include <algorithm>
#include <set>

#include <onnx.pb.h>

#include "graph/onnx/deploy/rename_reads.h"
#include "graph/onnx/graph_messages.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

using Names = std::set<std::string>;
using Infos = google::protobuf::RepeatedPtrField<wire::ValueInfoProto>;

template <class List, class IsGone>
int remove_if(List& list, const IsGone& is_gone) {
  int removed = 0;
  for (int i = list.size(); i-- > 0;) {
    if (is_gone(list.Get(i))) {
      list.DeleteSubrange(i, 1);
      ++removed;
    }
  }
  return removed;
}

class Cutter {
 public:
  Cutter(ModelEdit& edit, const Cut& wanted) : edit_(edit), wanted_(wanted) {
    for (const std::string& value : values_of_nodes(edit)) {
      given_by_nodes_.insert(value);
    }
    for (const auto& input : edit.graph().input()) {
      model_inputs_.insert(input.name());
    }
    for (const auto& tensor : edit.graph().initializer()) {
      stored_.insert(tensor.name());
    }
  }

  void run() {
    if (!wanted_.outputs.empty()) {
      take_ports(*edit_.graph().mutable_output(), wanted_.outputs, "--outputs");
    }
    if (!wanted_.inputs.empty()) {
      cut_inputs();
    }
    remove_rest();
  }

 private:
  void check_known(const std::string& name, const char* option) const {
    if (given_by_nodes_.contains(name) || model_inputs_.contains(name)) {
      return;
    }
    std::vector<std::string> last = values_of_nodes(edit_);
    constexpr std::size_t kShown = 8;
    last.erase(last.begin(), last.size() > kShown ? last.end() - kShown : last.begin());
    fail(ErrorCode::kInvalidArgument, option, " names '", name,
         "', which no node of the model gives and no input is; nodes give ", given_by_nodes_.size(),
         " values, the last of them ", join(last, ", "));
  }

  wire::ValueInfoProto info_of(const std::string& name) {
    if (const wire::ValueInfoProto* known = edit_.find_value_info(name)) {
      return *known;
    }
    const auto found = wanted_.infos.find(name);
    TEMPER_CHECK(found != wanted_.infos.end(), ErrorCode::kUnsupported, "the type of value '", name,
                 "' is not known: neither does the file say it nor could the model be run");
    wire::ValueInfoProto made;
    made.set_name(name);
    auto& type = *made.mutable_type()->mutable_tensor_type();
    type.set_elem_type(onnx_type(found->second.dtype));
    for (const Dim& dim : found->second.dims) {
      auto& one = *type.mutable_shape()->add_dim();
      if (dim.value >= 0) {
        one.set_dim_value(dim.value);
      } else if (!dim.symbol.empty()) {
        one.set_dim_param(dim.symbol);
      }
    }
    return made;
  }

  void take_ports(Infos& ports, const std::vector<std::string>& names, const char* option) {
    Infos made;
    Names seen;
    for (const std::string& name : names) {
      check_known(name, option);
      TEMPER_CHECK(seen.insert(name).second, ErrorCode::kInvalidArgument, option, " names '", name,
                   "' twice");
      *made.Add() = info_of(name);
    }
    ports.Swap(&made);
  }

  // What gave the new inputs gives values that nothing reads.
  void cut_inputs() {
    Infos stored;  // old files name initializers among the inputs
    for (const auto& input : edit_.graph().input()) {
      if (stored_.contains(input.name())) {
        *stored.Add() = input;
      }
    }
    take_ports(*edit_.graph().mutable_input(), wanted_.inputs, "--from");
    for (auto& input : stored) {
      *edit_.graph().mutable_input()->Add() = std::move(input);
    }
    const Names inputs(wanted_.inputs.begin(), wanted_.inputs.end());
    for (auto& node : *edit_.graph().mutable_node()) {
      for (auto& output : *node.mutable_output()) {
        if (inputs.contains(output)) {
          output = edit_.unique(output + "_before");
        }
      }
    }
  }

  Names needed_values() {
    Names needed;
    for (const auto& output : edit_.graph().output()) {
      needed.insert(output.name());
    }
    const auto& nodes = edit_.graph().node();
    std::vector<bool> taken(static_cast<std::size_t>(nodes.size()), false);
    for (bool grew = true; grew;) {  // once more where a file is not in order
      grew = false;
      for (int i = nodes.size(); i-- > 0;) {
        const auto& node = nodes.Get(i);
        if (!taken[static_cast<std::size_t>(i)] &&
            std::any_of(node.output().begin(), node.output().end(),
                        [&](const std::string& name) { return needed.contains(name); })) {
          taken[static_cast<std::size_t>(i)] = grew = true;
          add_reads(node, needed);
        }
      }
    }
    needed.erase("");
    return needed;
  }

  static void add_reads(const wire::NodeProto& node, Names& needed) {
    needed.insert(node.input().begin(), node.input().end());
    for (const auto& attribute : node.attribute()) {
      if (attribute.has_g()) {
        needed.merge(reads_of_body(attribute.g()));
      }
    }
  }

  void remove_rest() {
    const Names needed = needed_values();
    wire::GraphProto& graph = *edit_.proto().mutable_graph();
    check_inputs(needed);
    const int nodes = remove_if(*graph.mutable_node(), [&](const wire::NodeProto& node) {
      return std::none_of(node.output().begin(), node.output().end(),
                          [&](const std::string& name) { return needed.contains(name); });
    });
    const auto is_unread = [&](const auto& named) { return !needed.contains(named.name()); };
    const int tensors = remove_if(*graph.mutable_initializer(), is_unread);
    const int inputs = remove_if(*graph.mutable_input(), is_unread);
    remove_if(*graph.mutable_value_info(), is_unread);
    edit_.note(concat("--outputs, --from: ", nodes, " nodes, ", tensors, " tensors and ", inputs,
                      " inputs that nothing reads are gone"));
  }

  void check_inputs(const Names& needed) const {
    if (wanted_.inputs.empty()) {
      return;
    }
    for (const std::string& name : wanted_.inputs) {
      TEMPER_CHECK(needed.contains(name), ErrorCode::kInvalidArgument, "--from names '", name,
                   "', which no output needs");
    }
    for (const std::string& name : model_inputs_) {
      const bool named =
          std::find(wanted_.inputs.begin(), wanted_.inputs.end(), name) != wanted_.inputs.end();
      TEMPER_CHECK(named || stored_.contains(name) || !needed.contains(name),
                   ErrorCode::kInvalidArgument, "the outputs need the input '", name,
                   "' too, which --from does not name");
    }
  }

  ModelEdit& edit_;
  const Cut& wanted_;
  Names given_by_nodes_, model_inputs_, stored_;
};

}  // namespace

std::vector<std::string> values_of_nodes(ModelEdit& edit) {
  std::vector<std::string> values;
  for (const auto& node : edit.graph().node()) {
    for (const std::string& output : node.output()) {
      if (!output.empty()) {
        values.push_back(output);
      }
    }
  }
  return values;
}

void cut(ModelEdit& edit, const Cut& wanted) { Cutter(edit, wanted).run(); }

}  // namespace temper::graph
