#include "training/session/input_places.h"

#include <algorithm>
#include <map>
#include <utility>

#include "runtime/base/error.h"
#include "runtime/base/text_bytes.h"
#include "training/data/row_shape.h"
#include "training/session/recurrent_uses.h"

namespace temper::training {
namespace {

using graph::Dim;
using graph::Graph;
using graph::Node;
using graph::Value;
using graph::ValueId;
using Kind = InputPlace::Kind;

// In small letters, without what separates words.
std::string word_of(const std::string& symbol) {
  std::string word;
  for (const char c : symbol) {
    if (c != '_' && c != '-' && c != '.' && c != ' ') {
      word += ascii_lower(c);
    }
  }
  return word;
}

bool is_among(const std::string& word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool names_batch(const std::string& symbol) {
  return word_of(symbol).find("batch") != std::string::npos;
}

// A name that is mostly the batch's, but may be something else.
bool may_name_batch(const std::string& symbol) {
  return is_among(word_of(symbol), {"n", "b", "bs", "bsz"});
}

std::string dims_of(const Value& value) {
  std::vector<std::int64_t> sizes;
  std::vector<std::string> names;
  for (const Dim& dim : value.dims) {
    sizes.push_back(dim.value);
    names.push_back(dim.symbol);
  }
  return value.rank_known ? dims_text(sizes, names) : "[?]";
}

class Finder {
 public:
  Finder(const Graph& graph, const std::vector<graph::OnnxValueInfo>& outputs,
         const ModelSettings& settings)
      : graph_(graph), outputs_(outputs), settings_(settings), uses_(graph) {
    for (const ValueId id : graph.inputs) {
      const std::vector<Dim>& dims = graph.value(id).dims;
      for (std::size_t axis = 0; axis < dims.size(); ++axis) {
        const std::string& symbol = dims[axis].symbol;
        const bool behind_length = axis == 1 && names_length(dims[0].symbol);
        if (dims[axis].value < 0 &&
            (names_batch(symbol) || ((axis == 0 || behind_length) && may_name_batch(symbol)))) {
          batch_names_.emplace(symbol, graph.value(id).name);
        }
      }
    }
  }

  InputLayout find() {
    check_names();
    InputLayout layout;
    for (const ValueId id : graph_.inputs) {
      layout.places.push_back(place(id));
    }
    return layout;
  }

 private:
  const InputSettings* settings_of(const std::string& name) const {
    const auto found = std::find_if(settings_.inputs.begin(), settings_.inputs.end(),
                                    [&](const InputSettings& each) { return each.name == name; });
    return found == settings_.inputs.end() ? nullptr : &*found;
  }

  void check_names() const {
    std::vector<std::string> names;
    for (const ValueId id : graph_.inputs) {
      names.push_back(graph_.value(id).name);
    }
    for (const InputSettings& each : settings_.inputs) {
      TEMPER_CHECK(std::find(names.begin(), names.end(), each.name) != names.end(),
                   ErrorCode::kInvalidArgument, "model.input.", each.name,
                   ": the model has no input '", each.name, "' (it has ", join(names, ", "), ")");
    }
  }

  InputPlace place(ValueId id) const {
    const Value& value = graph_.value(id);
    InputPlace made;
    made.name = value.name;
    made.dims = dims_of(value);
    const Node* recurrent = uses_.state_of(id);
    made.is_state = recurrent != nullptr;
    const InputSettings* said = settings_of(value.name);
    made.has_value = said != nullptr && said->has_value();
    if (said != nullptr && !said->carry.empty()) {
      made.carry = carried_by(id, said->carry);
      made.is_state = true;
    }
    if (said != nullptr && said->batch_axis.kind != BatchAxisSettings::Kind::kInferred) {
      return as_said(*said, value, std::move(made));
    }
    if (value.rank_known && value.dims.empty()) {
      made.kind = Kind::kShared;
      made.why = "a single number";
      return made;
    }
    infer_axis(id, recurrent, made);
    // A state that is computed with by other operators than the recurrent ones.
    made.is_state = made.is_state || (made.axis > 0 && graph_.inputs.size() > 1 &&
                                      is_returned(value, static_cast<std::size_t>(made.axis)));
    return made;
  }

  InputPlace as_said(const InputSettings& said, const Value& value, InputPlace made) const {
    made.why = concat("model.input.", made.name, ".batch_axis");
    if (said.batch_axis.kind == BatchAxisSettings::Kind::kNone) {
      TEMPER_CHECK(made.has_value, ErrorCode::kInvalidArgument, made.why,
                   " = \"none\": data give a row for each sample, so write what the input ",
                   made.dims, " is: model.input.", made.name,
                   ".value = a number, a list of numbers or the path of a .npy file");
      made.kind = Kind::kShared;
      return made;
    }
    made.axis = said.batch_axis.axis;
    TEMPER_CHECK(value.rank_known && made.axis < static_cast<int>(value.dims.size()),
                 ErrorCode::kInvalidArgument, made.why, " is ", made.axis, ", but the input is ",
                 made.dims, ", whose dimensions go from 0 to ",
                 static_cast<int>(value.dims.size()) - 1);
    return made;
  }

  // The output that an input is carried from.
  std::string carried_by(ValueId id, const std::string& said) const {
    const Value& value = graph_.value(id);
    const std::string key = concat("model.input.", value.name, ".carry");
    TEMPER_CHECK(is_float(value.dtype), ErrorCode::kInvalidArgument, key, ": the input is ",
                 value.dtype, "; a state that goes on to the next batch is of floats");
    std::vector<std::string> names;
    std::vector<std::string> alike;
    for (const graph::OnnxValueInfo& output : outputs_) {
      names.push_back(output.name);
      if (output.rank_known && output.dims.size() == value.dims.size() &&
          has_dims_of(value, output.dims)) {
        alike.push_back(output.name);
      }
    }
    if (said != kCarryAuto) {
      TEMPER_CHECK(std::find(names.begin(), names.end(), said) != names.end(),
                   ErrorCode::kInvalidArgument, key, " is \"", said,
                   "\", but the model has no such output (it has ", join(names, ", "), ")");
      return said;
    }
    const std::vector<std::string> ends = uses_.ends_of(id);
    const std::vector<std::string>& found = ends.empty() ? alike : ends;
    TEMPER_CHECK(found.size() == 1, ErrorCode::kInvalidArgument, key, " = \"", said, "\": ",
                 found.empty() ? concat("no output is the state afterwards (there are ",
                                        join(names, ", "), ")")
                               : concat("it may be any of ", join(found, ", ")),
                 "; write the name of the output");
    return found.front();
  }

  // As far as they are known.
  static bool has_dims_of(const Value& value, const std::vector<Dim>& dims) {
    for (std::size_t i = 0; i < dims.size(); ++i) {
      const Dim &ours = value.dims[i], &theirs = dims[i];
      const bool known = ours.value >= 0 && theirs.value >= 0;
      if (known ? ours.value != theirs.value : ours.symbol != theirs.symbol) {
        return false;
      }
    }
    return true;
  }

  void infer_axis(ValueId id, const Node* recurrent, InputPlace& made) const {
    const Value& value = graph_.value(id);
    for (std::size_t axis = 0; axis < value.dims.size(); ++axis) {
      const Dim& dim = value.dims[axis];
      const auto named = batch_names_.find(dim.symbol);
      if (dim.value < 0 && named != batch_names_.end()) {
        made.axis = static_cast<int>(axis);
        made.why =
            concat("dimension ", axis, " is named '", dim.symbol, "'",
                   named->second == value.name ? "" : concat(", as in '", named->second, "'"));
        return;
      }
    }
    if (recurrent != nullptr) {
      const auto rank = static_cast<int>(value.dims.size());
      const bool first = recurrent->attrs.get_int("layout", 0) != 0;
      made.axis = first ? 0 : std::max(rank - 2, 0);
      made.why = concat("feeds the state of ", recurrent->origin);
      return;
    }
    const RecurrentUses::Sequence* sequence = uses_.sequence_of(id);
    if (sequence != nullptr && sequence->batch_axis < static_cast<int>(value.dims.size())) {
      made.axis = sequence->batch_axis;
      made.why = concat(sequence->node->origin, " goes along another dimension");
      return;
    }
    if (!made.carry.empty() && infer_only_open(value, made)) {
      return;
    }
    made.why = "the first dimension, as nothing says otherwise";
    infer_from_states(value, made);
    if (made.axis == 0) {
      infer_from_open(value, made);
    }
  }

  // The one dimension that is open, where of another input the first one is: a state that goes into
  // the branches of an If.
  void infer_from_open(const Value& value, InputPlace& made) const {
    const auto is_open = [](const Dim& dim) { return dim.value < 0; };
    if (value.dims.size() < 2 || value.dims[0].value <= 1 ||
        std::count_if(value.dims.begin(), value.dims.end(), is_open) != 1) {
      return;
    }
    for (const ValueId other : graph_.inputs) {
      const Value& leading = graph_.value(other);
      if (!leading.dims.empty() && is_open(leading.dims[0])) {
        const auto found = std::find_if(value.dims.begin(), value.dims.end(), is_open);
        made.axis = static_cast<int>(found - value.dims.begin());
        made.why = concat("its open dimension, as the first one of '", leading.name, "' is");
        return;
      }
    }
  }

  static bool infer_only_open(const Value& value, InputPlace& made) {
    const auto is_open = [](const Dim& dim) { return dim.value < 0; };
    if (std::count_if(value.dims.begin(), value.dims.end(), is_open) != 1) {
      return false;
    }
    const auto found = std::find_if(value.dims.begin(), value.dims.end(), is_open);
    made.axis = static_cast<int>(found - value.dims.begin());
    made.why = "the only size of the state that is open";
    return true;
  }

  // Where a state fixes the batch and one other dimension alone has its size.
  void infer_from_states(const Value& value, InputPlace& made) const {
    for (const ValueId other : graph_.inputs) {
      const Value& state = graph_.value(other);
      if (uses_.state_of(other) == nullptr || state.dims.size() < 2) {
        continue;
      }
      const std::int64_t batch = state.dims[state.dims.size() - 2].value;
      const auto has_size = [&](const Dim& dim) { return dim.value == batch; };
      if (batch >= 0 && !value.dims.empty() && value.dims[0].value != batch &&
          std::count_if(value.dims.begin(), value.dims.end(), has_size) == 1) {
        const auto found = std::find_if(value.dims.begin(), value.dims.end(), has_size);
        made.axis = static_cast<int>(found - value.dims.begin());
        made.why = concat("as many as the state '", state.name, "' is for");
        return;
      }
    }
  }

  // Whether an output has the same dimensions, as far as they are known: the state afterwards.
  bool is_returned(const Value& value, std::size_t batch) const {
    const auto fits = [&](const std::vector<Dim>& dims) {
      for (std::size_t i = 0; i < dims.size(); ++i) {
        const Dim &ours = value.dims[i], &theirs = dims[i];
        const bool same = ours.value == theirs.value && ours.symbol == theirs.symbol;
        const bool open = i != batch && (ours.value < 0 || theirs.value < 0);
        if (!same && !open) {
          return false;
        }
      }
      return true;
    };
    return std::any_of(outputs_.begin(), outputs_.end(), [&](const graph::OnnxValueInfo& output) {
      return output.rank_known && output.dims.size() == value.dims.size() && fits(output.dims);
    });
  }

  const Graph& graph_;
  const std::vector<graph::OnnxValueInfo>& outputs_;
  const ModelSettings& settings_;
  RecurrentUses uses_;
  std::map<std::string, std::string> batch_names_;  // with an input that has it
};

}  // namespace

bool names_length(const std::string& symbol) {
  return is_among(word_of(symbol), {"t", "l", "s", "seq", "seqlen", "sequence", "sequencelength",
                                    "time", "timesteps", "steps", "length", "len", "frames"});
}

InputLayout find_input_places(const Graph& graph, const std::vector<graph::OnnxValueInfo>& outputs,
                              const ModelSettings& settings) {
  return Finder(graph, outputs, settings).find();
}

}  // namespace temper::training
