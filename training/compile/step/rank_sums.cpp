#include "training/compile/step/rank_sums.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "runtime/base/error.h"

namespace temper::training {
namespace {

using graph::Builder;
using graph::Graph;
using graph::PortRole;
using graph::ValueId;

// 1 where all statistics of this rank are finite. Invalid where there are none.
ValueId own_finite(Builder& builder) {
  std::vector<ValueId> statistics;
  for (const graph::UpdateBinding& update : builder.graph().updates) {
    if (builder.graph().variable(update.variable).is(graph::VariableKind::kStatistic)) {
      statistics.push_back(update.value);
    }
  }
  return statistics.empty()
             ? ValueId{}
             : builder.cast(builder.op("AllFinite", std::move(statistics)), DType::kInt64);
}

// What is to be exchanged at once.
class Exchange {
 public:
  // Where the sum will be.
  std::size_t add(ValueId value) {
    values_.push_back(value);
    return values_.size() - 1;
  }
  std::vector<ValueId> sums(Builder& builder, int ranks) {
    return values_.empty() ? std::vector<ValueId>{}
                           : builder.ops("AllReduce", values_, static_cast<int>(values_.size()),
                                         {{"ranks", std::int64_t{ranks}}});
  }

 private:
  std::vector<ValueId> values_;
};

// v, of whose gradient each rank has its part alone.
ValueId shared_value(Builder& builder, ValueId v, int ranks) {
  const ValueId part = builder.scale(v, 1.0 / ranks);
  return builder.add(part, builder.op("StopGradient", {builder.sub(v, part)}));
}

LossPart penalty_of_all(Builder& builder, const LossPart& part, int ranks, std::int64_t rows) {
  return part_of_batch(builder, part.of, shared_value(builder, part.value, ranks), rows);
}

struct Places {
  std::size_t sum = 0, count = 0;
};

LossPart part_of_all(Builder& builder, const LossPart& own, const Places& at,
                     const std::vector<ValueId>& sums, const GraphRequest& request) {
  LossPart part = own;
  part.sums.places =
      own.sums.places * static_cast<double>(request.all_rows) / static_cast<double>(request.batch);
  const bool counts_all = own.sums.counts_all(builder.graph());
  part.sums.sum = sums[at.sum];
  part.sums.count =
      counts_all ? builder.scalar(builder.dtype(own.sums.count), part.sums.places) : sums[at.count];
  part.value = builder.reshape(loss_value(builder, own.of.form, part.sums), {});
  return part;
}

}  // namespace

void shift_position(Graph& graph, const GraphRequest& request, graph::VariableId position) {
  if (request.first_row == 0) {
    return;
  }
  Builder builder(graph, "rows of this rank");
  const ValueId before = graph.read_variable(position);
  const ValueId shifted =
      builder.add(before, builder.scalar(DType::kInt64, static_cast<double>(request.first_row)));
  graph.replace_uses(before, shifted);
  graph.node(graph.value(shifted).producer).inputs[0] = before;
}

RankSums sum_over_ranks(Graph& graph, const CompileSettings& settings, const GraphRequest& request,
                        const LossParts& own) {
  if (settings.ranks == 1) {
    return {own, {}};
  }
  Builder builder(graph, "sums over the ranks");
  Exchange exchange;
  std::vector<Places> places;
  for (const LossPart& part : own.parts) {
    Places& at = places.emplace_back();
    if (!part.of.penalty) {
      at.sum = exchange.add(part.sums.sum);
      at.count = part.sums.counts_all(graph) ? 0 : exchange.add(part.sums.count);
    }
  }
  const auto accuracy = std::find_if(
      graph.outputs.begin(), graph.outputs.end(),
      [](const Graph::Output& output) { return output.port.role == PortRole::kAccuracy; });
  const std::size_t right = accuracy == graph.outputs.end() ? 0 : exchange.add(accuracy->value);
  const ValueId finite = request.kind == GraphKind::kMicro ? ValueId{} : own_finite(builder);
  const std::size_t all_finite = finite.valid() ? exchange.add(finite) : 0;
  const std::vector<ValueId> sums = exchange.sums(builder, settings.ranks);
  if (accuracy != graph.outputs.end()) {
    accuracy->value = sums[right];
  }
  RankSums made;
  made.finite = finite.valid() ? sums[all_finite] : ValueId{};
  for (std::size_t i = 0; i < own.parts.size(); ++i) {
    const LossPart& part = own.parts[i];
    made.loss.parts.push_back(part.of.penalty
                                  ? penalty_of_all(builder, part, settings.ranks, request.all_rows)
                                  : part_of_all(builder, part, places[i], sums, request));
    const LossPart& whole = made.loss.parts.back();
    const ValueId weighted =
        whole.of.factor == 1 ? whole.value : builder.scale(whole.value, whole.of.factor);
    ValueId& total = made.loss.total;
    total =
        total.valid() ? builder.add(total, builder.cast(weighted, builder.dtype(total))) : weighted;
  }
  graph.value(own.total).name.clear();
  graph.value(made.loss.total).name = "loss";
  return made;
}

}  // namespace temper::training
