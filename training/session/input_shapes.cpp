#include "training/session/input_shapes.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "runtime/base/error.h"
#include "training/data/row_shape.h"

namespace temper::training {
namespace {

using graph::Dim;
using graph::Graph;
using graph::Value;
using graph::ValueId;

class Settler {
 public:
  Settler(Graph& graph, std::string whose) : graph_(graph), whose_(std::move(whose)) {
    for (const ValueId id : graph.inputs) {
      const Value& input = graph.value(id);
      if (!input.dims.empty() && input.dims.front().value < 0) {
        batch_names_.insert(input.dims.front().symbol);
      }
    }
    batch_names_.erase("");
  }

  // `from` names what gives the rows, as in "digits.npz, array 'x'".
  void settle(ValueId id, const Shape& row, const std::string& from) {
    Value& input = graph_.value(id);
    TEMPER_CHECK(input.rank_known, ErrorCode::kUnsupported, whose_, " input '", input.name,
                 "' declares no shape");
    check_batch(input);
    const std::vector<std::int64_t> dims = row_dims(input);
    TEMPER_CHECK(has_dims(row, dims), ErrorCode::kInvalidData, from, " has the shape ", row, ", ",
                 whose_, " input '", input.name, "' takes ", dims_text(dims, names_of(input)),
                 order_hint(row, dims));
    for (std::size_t axis = 1; axis < input.dims.size(); ++axis) {
      const std::string place = concat("dimension ", axis, " of '", input.name, "'");
      settle(input.dims[axis], row[static_cast<int>(axis) - 1], place, from);
    }
  }

  // Names that are known by now, for an input that nothing gives.
  void settle_names(ValueId id) {
    for (Dim& dim : graph_.value(id).dims) {
      const auto known = sizes_.find(dim.symbol);
      if (dim.value < 0 && known != sizes_.end()) {
        dim.value = known->second.size;
      }
    }
  }

 private:
  struct Size {
    std::int64_t size = 0;
    std::string place;
    std::string from;
  };

  void settle(Dim& dim, std::int64_t size, const std::string& place, const std::string& from) {
    if (dim.value < 0 && !dim.symbol.empty()) {
      TEMPER_CHECK(!batch_names_.contains(dim.symbol), ErrorCode::kInvalidArgument, place, " (",
                   size, " in ", from, ") is named '", dim.symbol,
                   "', as the batch is: it would have to be the number of samples in each batch; "
                   "export the model with another name for it");
      const auto [known, is_new] = sizes_.try_emplace(dim.symbol, Size{size, place, from});
      const Size& first = known->second;
      TEMPER_CHECK(first.size == size, ErrorCode::kInvalidData, place, " is ", size, " in ", from,
                   ", but ", first.place, ", which the model gives the same name '", dim.symbol,
                   "', is ", first.size, " in ", first.from, ": both need one size");
    }
    dim.value = size;
  }

  // The first dimension counts samples: one number in all inputs where files have a number.
  void check_batch(const Value& input) {
    TEMPER_CHECK(!input.dims.empty(), ErrorCode::kInvalidArgument, whose_, " input '", input.name,
                 "' is a single number, but data give a row for each sample: write what it is, "
                 "model.input.",
                 input.name, ".value = 0 or another number");
    const std::int64_t fixed = input.dims.front().value;
    if (fixed >= 0) {
      batch_of_ = batch_ < 0 ? input.name : batch_of_;
      batch_ = batch_ < 0 ? fixed : batch_;
      TEMPER_CHECK(batch_ == fixed, ErrorCode::kInvalidArgument, whose_, " input '", input.name,
                   "' has ", fixed, " as its first dimension, '", batch_of_, "' has ", batch_,
                   ": it must be the batch in both, one row for each sample");
    }
  }

  static std::vector<std::int64_t> row_dims(const Value& input) {
    std::vector<std::int64_t> dims;
    for (std::size_t axis = 1; axis < input.dims.size(); ++axis) {
      dims.push_back(input.dims[axis].value);
    }
    return dims;
  }

  static std::vector<std::string> names_of(const Value& input) {
    std::vector<std::string> names;
    for (std::size_t axis = 1; axis < input.dims.size(); ++axis) {
      names.push_back(input.dims[axis].symbol);
    }
    return names;
  }

  Graph& graph_;
  std::string whose_;
  std::set<std::string> batch_names_;
  std::map<std::string, Size> sizes_;
  std::int64_t batch_ = -1;
  std::string batch_of_;
};

}  // namespace

void settle_input_shapes(Graph& graph, const Dataset& data, std::string_view noise) {
  Settler settler(graph, "the model's");
  const std::vector<Field>& fields = data.fields();
  for (const ValueId id : graph.inputs) {
    const std::string& name = graph.value(id).name;
    const auto field = std::find_if(fields.begin(), fields.end(), [&](const Field& each) {
      return !each.is_target && each.name == name;
    });
    const bool is_carried = graph.value(id).port.role == graph::PortRole::kCarriedState;
    if (name != noise && !is_carried) {
      TEMPER_CHECK(field != fields.end(), ErrorCode::kInvalidData, data.where(0, 0),
                   ": the data give nothing for the model's input '", name, "'");
      settler.settle(id, field->row_shape,
                     data.where(static_cast<std::size_t>(field - fields.begin()), 0));
    }
  }
  for (const ValueId id : graph.inputs) {
    if (graph.value(id).name == noise) {
      settler.settle_names(id);
    }
  }
}

void settle_teacher_shapes(Graph& teacher, const Graph& model) {
  Settler settler(teacher, "the teacher's");
  const bool alone = teacher.inputs.size() == 1 && model.inputs.size() == 1;
  for (const ValueId id : teacher.inputs) {
    Value& wanted = teacher.value(id);
    std::vector<std::string> names;
    const Value* given = nullptr;
    for (const ValueId other : model.inputs) {
      const Value& input = model.value(other);
      names.push_back(input.name);
      given = alone || input.name == wanted.name ? &input : given;
    }
    TEMPER_CHECK(given != nullptr, ErrorCode::kInvalidArgument, "the teacher has an input '",
                 wanted.name, "' that the model has not (it has ", join(names, ", "), ")");
    Shape row;
    for (std::size_t axis = 1; axis < given->dims.size(); ++axis) {
      row.push_back(given->dims[axis].value);
    }
    settler.settle(id, row, concat("the model's input '", given->name, "'"));
    wanted.name = given->name;
  }
}

namespace {

void bind_checked(Executor& executor, int input, const Tensor& tensor) {
  const PlanPort& port = executor.plan().inputs.at(static_cast<std::size_t>(input));
  TEMPER_CHECK(port.dtype == tensor.dtype() && port.shape.element_count() == tensor.element_count(),
               ErrorCode::kInvalidData, "'", port.name, "' of the data is ", tensor.dtype(),
               tensor.shape(), " in a batch, the model takes ", port.dtype, port.shape);
  executor.bind_input(input, tensor);
}

}  // namespace

std::optional<Port> input_port(const graph::Graph& graph, const Field& field) {
  for (const graph::ValueId id : graph.inputs) {
    const graph::Value& input = graph.value(id);
    if (!field.is_target && input.name == field.name) {
      return input.port;
    }
  }
  return std::nullopt;
}

void bind_fields(Executor& executor, std::span<const std::optional<Port>> ports,
                 std::span<const Tensor> fields) {
  for (std::size_t i = 0; i < ports.size(); ++i) {
    const int input = ports[i] ? executor.plan().input(*ports[i]) : -1;
    if (input >= 0) {
      bind_checked(executor, input, fields[i]);
    }
  }
}

}  // namespace temper::training
