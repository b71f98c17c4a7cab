#include "graph/onnx/surgery/load_weights.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <onnx.pb.h>

#include "graph/onnx/places.h"
#include "graph/onnx/surgery/load_rest.h"
#include "graph/onnx/surgery/restore_bias.h"
#include "graph/onnx/surgery/untie.h"
#include "graph/onnx/surgery/weight_uses.h"
#include "graph/onnx/surgery/weight_values.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

bool is_zero(const Tensor& tensor) {
  const std::vector<double> values = tensor.values<double>();
  return std::all_of(values.begin(), values.end(), [](double value) { return value == 0; });
}

class Loader {
 public:
  Loader(ModelEdit& edit, const WeightSource& source, const LoadWeightsOptions& options)
      : edit_(edit),
        options_(options),
        flat_(edit.flat()),
        index_(flat_),
        names_(source, names_of_weights(edit, flat_), options.prefix) {}

  LoadReport load() {
    report_.prefix = names_.prefix();
    found_ = find_weight_uses(edit_, flat_, index_, names_, options_.batchnorm_epsilon);
    apply_map(edit_, names_, options_.map, found_);
    fold_by_order(edit_, index_, names_, options_.batchnorm_epsilon, found_);
    find_the_rest(edit_, flat_, names_, found_);
    check_any();
    std::map<std::string, std::vector<const WeightUse*>> by_tensor;
    std::vector<std::string> order;
    for (const WeightUse& use : found_.uses) {
      std::vector<const WeightUse*>& uses = by_tensor[use.tensor];
      if (uses.empty()) {
        order.push_back(use.tensor);
      }
      uses.push_back(&use);
    }
    for (const std::string& tensor : order) {
      set(tensor, by_tensor[tensor]);
    }
    for (const MissingBias& missing : found_.missing) {
      add_missing(missing);
    }
    list_left();
    note_choices();
    check_strict();
    check_weights();
    return std::move(report_);
  }

 private:
  using Uses = std::vector<const WeightUse*>;

  // Whether two sources say the same: an embedding and a head that share one tensor.
  bool same_value(const Assignment& a, const Assignment& b) const {
    if (a == b) {
      return true;
    }
    return !a.norm && !b.norm && !a.is_part && !b.is_part && a.turned == b.turned &&
           names_.at(a.source).shape == names_.at(b.source).shape &&
           names_.at(a.source).dtype == names_.at(b.source).dtype &&
           equal_bits(names_.at(a.source).read(), names_.at(b.source).read());
  }

  void set(const std::string& tensor, const Uses& uses) {
    std::vector<std::pair<const Assignment*, Uses>> groups;
    Uses others;
    for (const WeightUse* use : uses) {
      if (!use->from) {
        others.push_back(use);
        continue;
      }
      mark(*use->from);
      const auto same = std::find_if(groups.begin(), groups.end(), [&](const auto& group) {
        return same_value(*group.first, *use->from);
      });
      if (same == groups.end()) {
        groups.push_back({&*use->from, {use}});
      } else {
        same->second.push_back(use);
      }
    }
    if (groups.empty()) {
      keep(tensor, uses);
      return;
    }
    const TensorHeader header = edit_.header(tensor);
    // Equal numbers of several modules were written once; one of them keeps the tensor, unless
    // somebody reads it who is none of them.
    const bool kept_by_others = !others.empty() && is_uniform(edit_.read(tensor));
    const auto named = std::find_if(groups.begin(), groups.end(), [&](const auto& group) {
      return group.first->source != kNoSource && names_.short_name(group.first->source) == tensor;
    });
    const auto keeper = kept_by_others          ? groups.end()
                        : named == groups.end() ? groups.begin()
                                                : named;
    for (auto group = groups.begin(); group != groups.end(); ++group) {
      const Assignment& from = *group->first;
      const Tensor value = assigned_value(names_, from, header.dtype, header.shape);
      std::string name = tensor;
      if (group == keeper) {
        edit_.set_value(tensor, value);
      } else {
        name = edit_.unique(from.source == kNoSource ? tensor : names_.short_name(from.source));
        edit_.add_tensor(name, value, header.file_type);
        for (const WeightUse* use : group->second) {
          edit_.node_of(*use->node).set_input(static_cast<int>(use->input), name);
        }
        ++separated_;
      }
      report(name, from, header.shape, false);
    }
  }

  void add_missing(const MissingBias& missing) {
    mark(missing.from);
    const TensorHeader header = edit_.header(missing.weight);
    const Shape shape = missing.layer ? Shape{units_of(edit_, *missing.layer)} : header.shape;
    const Tensor value = assigned_value(names_, missing.from, header.dtype, shape);
    if (is_zero(value)) {
      return;
    }
    std::string name;
    if (missing.layer) {
      name = add_bias(edit_, *missing.layer, value);
    } else {
      name = edit_.unique(names_.short_name(missing.from.source));
      edit_.add_tensor(name, value, header.file_type);
      wire::NodeProto& node = edit_.node_of(*missing.node);
      while (node.input_size() < 3) {
        node.add_input();
      }
      node.set_input(2, name);
    }
    report(name, missing.from, shape, true);
  }

  void report(const std::string& tensor, const Assignment& from, const Shape& shape, bool added) {
    LoadedWeight row;
    row.tensor = tensor;
    row.from = from.source == kNoSource ? "" : names_.at(from.source).name;
    row.how = from.how;
    row.folded = from.norm ? from.norm->module : "";
    row.shape = shape;
    row.transposed = from.turned;
    row.added = added;
    row.guessed = from.is_guess;
    if (from.norm && from.norm->epsilon_from == "assumed") {
      ++assumed_epsilons_;
    }
    report_.loaded.push_back(std::move(row));
  }

  void mark(const Assignment& from) {
    used_.insert(from.source);
    if (from.norm) {
      used_.insert({from.norm->scale, from.norm->shift, from.norm->mean, from.norm->variance});
    }
  }

  // A tensor without a source is worth a line where it is learned, or is a table of numbers.
  void keep(const std::string& tensor, const Uses& uses) {
    const TensorHeader header = edit_.header(tensor);
    const bool learned = std::any_of(uses.begin(), uses.end(), [](const WeightUse* use) {
      return find_place(*use->node, static_cast<int>(use->input)) != nullptr;
    });
    if (header.elements > 1 && (learned || !is_uniform(edit_.read(tensor)))) {
      report_.left_in_model.emplace_back(tensor, header.shape);
      if (learned) {
        report_.weights_left.push_back(tensor);
      }
    }
  }

  void list_left() {
    int outside = 0;
    for (int i = 0; i < names_.size(); ++i) {
      const UnreadTensor& tensor = names_.at(i);
      if (used_.contains(i) || !is_float(tensor.dtype)) {
        continue;
      }
      if (!names_.is_in_root(i)) {
        ++outside;
      } else if (!is_known_twice(names_, used_, i)) {
        report_.left_in_checkpoint.emplace_back(tensor.name, tensor.shape);
      }
    }
    if (outside > 0) {
      report_.notes.push_back(concat(outside, " tensors of the checkpoint outside of '",
                                     names_.prefix(), "' were not looked at"));
    }
  }

  void note_choices() {
    for (const std::string& other : names_.alternatives()) {
      report_.notes.push_back(concat("the weights are those of '", names_.prefix(),
                                     "'; as many names are under '", other, "': --prefix ",
                                     other.empty() ? "\"\"" : other, " takes them"));
    }
    if (separated_ > 0) {
      report_.notes.push_back(concat(separated_,
                                     " tensors that the exporter had written once for "
                                     "several modules, being equal, are tensors of their own"));
    }
    if (assumed_epsilons_ > 0) {
      report_.notes.push_back(concat(
          "neither file says the epsilon of the folded BatchNorms: ", options_.batchnorm_epsilon,
          " is assumed (--batchnorm-epsilon)"));
    }
  }

  void check_any() const {
    const bool any = std::any_of(found_.uses.begin(), found_.uses.end(),
                                 [](const WeightUse& use) { return use.from.has_value(); });
    const auto first_named =
        std::find_if(found_.uses.begin(), found_.uses.end(),
                     [](const WeightUse& use) { return !is_anonymous(use.tensor); });
    TEMPER_CHECK(any, ErrorCode::kInvalidArgument,
                 "no tensor of the model is found in the checkpoint: the model has such as '",
                 first_named == found_.uses.end() ? "" : first_named->tensor,
                 "', the checkpoint such as '", names_.size() == 0 ? "" : names_.at(0).name,
                 "'. Name them in a file for --map, with lines such as: model.weight = "
                 "checkpoint.weight");
  }

  // A network with some layers of the checkpoint and some of the file's is seldom meant.
  void check_weights() const {
    const std::vector<std::string>& left = report_.weights_left;
    TEMPER_CHECK(options_.partial || left.empty(), ErrorCode::kInvalidArgument, left.size(),
                 " weights of the model have no source in the checkpoint: ", join(left, ", "),
                 ". --map FILE names it for each; --partial leaves them at the model's values");
  }

  void check_strict() const {
    if (!options_.strict) {
      return;
    }
    std::vector<std::string> wrong;
    for (const auto& [name, shape] : report_.left_in_model) {
      wrong.push_back(concat("'", name, "' of the model has no source"));
    }
    for (const auto& [name, shape] : report_.left_in_checkpoint) {
      wrong.push_back(concat("'", name, "' of the checkpoint has no place"));
    }
    for (const LoadedWeight& row : report_.loaded) {
      if (row.guessed) {
        wrong.push_back(concat("'", row.tensor, "' would be guessed from '",
                               row.folded.empty() ? row.from : row.folded, "' (", row.how, ")"));
      }
    }
    TEMPER_CHECK(wrong.empty(), ErrorCode::kInvalidArgument, "--strict: ", join(wrong, "; "),
                 ". --map FILE says what is meant");
  }

  ModelEdit& edit_;
  const LoadWeightsOptions& options_;
  FlatGraph flat_;
  FlatIndex index_;
  SourceNames names_;
  UsesFound found_;
  LoadReport report_;
  std::set<int> used_;
  int separated_ = 0;
  int assumed_epsilons_ = 0;
};

}  // namespace

LoadReport load_weights(ModelEdit& edit, const WeightSource& source,
                        const LoadWeightsOptions& options) {
  return Loader(edit, source, options).load();
}

}  // namespace temper::graph
