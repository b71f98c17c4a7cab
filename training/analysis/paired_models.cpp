#include "training/analysis/paired_models.h"

#include <algorithm>

#include "graph/onnx/surgery/trial_run.h"
#include "graph/ops/standard_ops.h"
#include "graph/passes/bind_shapes.h"
#include "graph/passes/expand_ops.h"
#include "graph/passes/training_mode.h"
#include "runtime/base/error.h"
#include "training/session/session.h"

namespace temper::training {
namespace {

using graph::Graph;
using graph::Value;
using graph::ValueId;

constexpr std::int64_t kSamples = 2;
constexpr std::int64_t kLength = 8;  // of dimensions that nobody gave a size

Graph imported(const graph::OnnxModel& model) {
  try {
    return model.build_graph(graph::standard_ops());
  } catch (Error& error) {
    error.add_note("without running them the files can be compared with --no-run");
    throw;
  }
}

// The inputs of b in the order of those of a.
void order_inputs(const Graph& a, Graph& b, const std::string& path_a, const std::string& path_b) {
  TEMPER_CHECK(a.inputs.size() == b.inputs.size(), ErrorCode::kInvalidArgument, path_a, " has ",
               a.inputs.size(), " inputs and ", path_b, " has ", b.inputs.size(),
               ": they cannot be run on the same data; --no-run compares the files alone");
  std::vector<ValueId> ordered(a.inputs.size());
  std::vector<ValueId> left;
  for (const ValueId id : b.inputs) {
    const auto same = std::find_if(a.inputs.begin(), a.inputs.end(), [&](ValueId other) {
      return a.value(other).name == b.value(id).name;
    });
    if (same == a.inputs.end()) {
      left.push_back(id);
    } else {
      ordered[static_cast<std::size_t>(same - a.inputs.begin())] = id;
    }
  }
  auto next = left.begin();
  for (ValueId& id : ordered) {
    if (!id.valid()) {
      id = *next++;
    }
  }
  b.inputs = std::move(ordered);
}

// Every dimension gets its number in both.
void settle_sizes(Graph& a, Graph& b, const graph::BatchInfo& batch,
                  std::map<std::string, std::int64_t> symbols) {
  const auto size_of_symbol = [&](const graph::Dim& dim, std::size_t axis) {
    const std::int64_t chosen =
        axis == 0 || (!dim.symbol.empty() && dim.symbol == batch.symbol) ? kSamples : kLength;
    return dim.symbol.empty() ? chosen : symbols.try_emplace(dim.symbol, chosen).first->second;
  };
  for (std::size_t i = 0; i < a.inputs.size(); ++i) {
    Value &x = a.value(a.inputs[i]), &y = b.value(b.inputs[i]);
    const bool known = x.rank_known && y.rank_known;
    TEMPER_CHECK(known && x.dims.size() == y.dims.size(), ErrorCode::kInvalidArgument, "input '",
                 x.name, "' has ", x.dims.size(), " dimensions, and '", y.name, "' has ",
                 y.dims.size(), known ? "" : " (one says none)",
                 ": they cannot be run on the same data; --no-run compares the files alone");
    for (std::size_t axis = 0; axis < x.dims.size(); ++axis) {
      graph::Dim &one = x.dims[axis], &other = y.dims[axis];
      TEMPER_CHECK(one.value < 0 || other.value < 0 || one.value == other.value,
                   ErrorCode::kInvalidArgument, "dimension ", axis, " of input '", x.name, "' is ",
                   one.value, " in the first model and ", other.value,
                   " in the second: they cannot be run on the same data; --no-run compares the "
                   "files alone");
      // A name that both have elsewhere is one size everywhere.
      const std::int64_t fixed = std::max(one.value, other.value);
      for (const graph::Dim* dim : {&one, &other}) {
        if (fixed >= 0 && dim->value < 0 && !dim->symbol.empty()) {
          symbols[dim->symbol] = fixed;
        }
      }
      const std::int64_t size = fixed >= 0           ? fixed
                                : one.symbol.empty() ? size_of_symbol(other, axis)
                                                     : size_of_symbol(one, axis);
      for (const graph::Dim* dim : {&one, &other}) {
        if (!dim->symbol.empty()) {
          symbols.try_emplace(dim->symbol, size);
        }
      }
      one.value = other.value = size;
    }
  }
}

void finish(Graph& graph, const std::string& path, const Backend& reference) {
  try {
    graph::bind_shapes(graph, {}, kSamples, reference);
    graph::expand_foreign_ops(graph);
    graph::apply_inference_mode(graph);
  } catch (Error& error) {
    error.add_note(concat("while compiling ", path));
    throw;
  }
}

std::string shown_inputs(const BoundModel& model) {
  std::string text;
  for (std::size_t i = 0; i < model.inputs.size(); ++i) {
    text += concat(i == 0 ? "" : ", ", model.graph.value(model.graph.inputs[i]).name, " ",
                   model.inputs[i].dtype(), model.inputs[i].shape());
  }
  return text;
}

// The model on the first batch, as a session has it.
BoundModel on_first_batch(const std::string& model, Recipe recipe, const Backend& reference) {
  recipe.model.path = model;
  SessionNeeds needs;
  needs.target = false;
  needs.stored_preprocessing = true;
  Session session(std::move(recipe), {}, needs);
  const auto loader = session.make_ordered_loader(session.recipe().data.batch_size);
  const Batch* batch = loader->next();
  TEMPER_ASSERT(batch != nullptr);
  BoundModel bound{make_graph(session.engine().imported(), session.engine().settings(),
                              session.request(GraphKind::kPredict, *batch), reference)
                       .graph,
                   {}};
  for (const ValueId id : bound.graph.inputs) {
    const Value& input = bound.graph.value(id);
    const std::vector<Field>& fields = session.train_data().fields();
    const auto field = std::find_if(fields.begin(), fields.end(), [&](const Field& each) {
      return each.name == input.name && !each.is_target;
    });
    TEMPER_CHECK(field != fields.end(), ErrorCode::kUnsupported, "input '", input.name, "' of ",
                 model, " is a state that goes on from batch to batch: compare without --data");
    const Tensor& given = batch->fields[static_cast<std::size_t>(field - fields.begin())];
    bound.inputs.push_back(given.to_plain(input.dtype));
  }
  return bound;
}

}  // namespace

BoundPair pair_on_made_up(const graph::OnnxModel& a, const graph::OnnxModel& b,
                          const std::map<std::string, std::int64_t>& symbols,
                          const Backend& reference) {
  Graph graph_a = imported(a), graph_b = imported(b);
  order_inputs(graph_a, graph_b, a.path(), b.path());
  const graph::BatchInfo batch =
      a.batch().kind == graph::BatchInfo::Kind::kSymbolic ? a.batch() : b.batch();
  settle_sizes(graph_a, graph_b, batch, symbols);
  finish(graph_a, a.path(), reference);
  finish(graph_b, b.path(), reference);
  BoundPair pair{{std::move(graph_a), {}}, {std::move(graph_b), {}}, ""};
  for (std::size_t i = 0; i < pair.a.graph.inputs.size(); ++i) {
    const Value& one = pair.a.graph.value(pair.a.graph.inputs[i]);
    const Value& other = pair.b.graph.value(pair.b.graph.inputs[i]);
    pair.a.inputs.push_back(graph::trial_samples(one.dtype, one.shape, i + 1));
    pair.b.inputs.push_back(one.dtype == other.dtype ? pair.a.inputs.back()
                                                     : pair.a.inputs.back().to_plain(other.dtype));
  }
  pair.inputs = concat("made-up inputs: ", shown_inputs(pair.a));
  return pair;
}

BoundPair pair_on_data(const std::string& a, const std::string& b, const Recipe& recipe,
                       const Backend& reference) {
  BoundPair pair{on_first_batch(a, recipe, reference), on_first_batch(b, recipe, reference), ""};
  std::map<ValueId, Tensor> given;
  for (std::size_t i = 0; i < pair.b.inputs.size(); ++i) {
    given[pair.b.graph.inputs[i]] = pair.b.inputs[i];
  }
  order_inputs(pair.a.graph, pair.b.graph, a, b);
  for (std::size_t i = 0; i < pair.b.inputs.size(); ++i) {
    pair.b.inputs[i] = given.at(pair.b.graph.inputs[i]);
  }
  pair.inputs = concat("the first batch of ", recipe.data.train, ": ", shown_inputs(pair.a));
  return pair;
}

}  // namespace temper::training
