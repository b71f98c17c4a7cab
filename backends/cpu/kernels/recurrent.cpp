// LSTM, GRU, RNN and their gradients in f32, without peepholes, clip and activations other than the
// default ones.
#include <algorithm>
#include <array>
#include <vector>

#include "backends/cpu/parallel.h"
#include "backends/cpu/recurrence.h"
#include "runtime/backend/kernel_table.h"
#include "runtime/base/error.h"

namespace temper::cpu {
namespace {

using Cell = RecurrencePlan::Cell;

constexpr std::size_t kP = 7;  // of an LSTM: peepholes
constexpr std::size_t kMostOutputs = 8;
enum Function : std::int64_t { kRelu, kTanh, kSigmoid };  // as the op's file numbers them

// ONNX's i-th activation: an LSTM has three a direction, a GRU two.
std::int64_t default_function(const RecurrencePlan& plan, std::size_t i) {
  const std::size_t each = plan.is(Cell::kLstm) ? 3 : 2;
  return !plan.is(Cell::kRnn) && i % each == 0 ? kSigmoid : kTanh;
}

// "" or why these kernels do not take it.
std::string plan_recurrence(const OpQuery& query, RecurrencePlan& plan) {
  const Attrs& attrs = *query.attrs;
  plan.backward = query.op.ends_with("Grad");
  plan.cell = query.op.starts_with("LSTM")  ? Cell::kLstm
              : query.op.starts_with("GRU") ? Cell::kGru
                                            : Cell::kRnn;
  plan.gates = plan.is(Cell::kLstm) ? 4 : plan.is(Cell::kGru) ? 3 : 1;
  for (std::size_t i = 0; i < query.inputs.size(); ++i) {
    const DType dtype = query.inputs[i].dtype;
    if (i != kLengths && query.inputs[i].present() && dtype != DType::kFloat32 &&
        dtype != DType::kOpaque) {
      return concat("only f32, not ", query.inputs[i].dtype);
    }
  }
  if (plan.is(Cell::kLstm) && has_input(query, kP)) {
    return "not with peepholes";
  }
  if (attrs.get_double("clip", 0) != 0 || attrs.get_int("input_forget", 0) != 0) {
    return "not with clip or input_forget";
  }
  const Shape& x = query.inputs[kX].shape;
  plan.batch_first = attrs.get_int("layout", 0) != 0;
  plan.steps = x[plan.batch_first ? 1 : 0];
  plan.batch = x[plan.batch_first ? 0 : 1];
  plan.inputs = x[2];
  plan.directions = query.inputs[kW].shape[0];
  plan.hidden = query.inputs[kR].shape[2];
  if (x.element_count() == 0 || plan.hidden == 0) {
    return "a tensor has no elements";
  }
  plan.reversed = attrs.get_string("direction", "forward") == "reverse";
  plan.reset_behind = plan.is(Cell::kGru) && attrs.get_int("linear_before_reset", 0) != 0;
  plan.input_count = query.inputs.size();
  const auto is_there = [](const std::vector<TensorSpec>& specs, std::int64_t at) {
    const auto i = static_cast<std::size_t>(at);
    return i < specs.size() && specs[i].present();
  };
  plan.keeps_tape = !plan.backward && is_there(query.outputs, plan.tape_output());
  plan.has_tape = plan.backward && is_there(query.inputs, plan.tape_input());
  plan.has_lengths = has_input(query, kLengths);
  const std::vector<std::int64_t> functions = attrs.get_ints("functions");
  for (std::size_t i = 0; i < functions.size(); ++i) {
    if (plan.is(Cell::kRnn) && functions[i] == kRelu) {
      plan.relu[i] = true;
    } else if (functions[i] != default_function(plan, i)) {
      return "only the default activations";
    }
  }
  const double flops = 2.0 * static_cast<double>(plan.rows()) *
                       static_cast<double>(plan.gate_rows() * (plan.hidden + plan.inputs));
  plan.threads = threads_for_flops(query.threads, flops);
  const std::int64_t share = (plan.batch * plan.directions + plan.threads - 1) / plan.threads;
  plan.slice = std::min(plan.batch, (share + 7) / 8 * 8);
  return {};
}

Support supports(const OpQuery& query) {
  RecurrencePlan plan;
  const std::string reason = plan_recurrence(query, plan);
  return reason.empty() ? Support::yes() : Support::no(reason);
}

void note_lengths(const RecurrencePlan& plan, const KernelArgs& args) {
  const auto* lengths = static_cast<const std::int32_t*>(args.inputs[kLengths]);
  for (std::int64_t n = 0; n < plan.batch; ++n) {
    if (lengths[n] < 0 || lengths[n] > plan.steps) {
      args.note_index(lengths[n], 0, plan.steps + 1);
    }
  }
}

std::unique_ptr<Kernel> prepare(const OpQuery& query) {
  RecurrencePlan plan;
  const std::string reason = plan_recurrence(query, plan);
  TEMPER_ASSERT(reason.empty(), reason);
  auto kernel = make_kernel([plan, outputs = query.outputs.size()](const KernelArgs& given) {
    // All outputs that an op may have, null behind those of the query.
    std::array<void*, kMostOutputs> made{};
    std::copy_n(given.outputs, outputs, made.begin());
    KernelArgs args = given;
    args.outputs = made.data();
    if (plan.has_lengths) {
      note_lengths(plan, args);
    }
    run_recurrence(plan, args);
  });
  kernel->workspace_bytes = recurrence_workspace(plan);
  kernel->opaque_bytes.assign(query.outputs.size(), 0);
  if (plan.keeps_tape) {
    kernel->opaque_bytes[static_cast<std::size_t>(plan.tape_output())] = recurrence_tape(plan);
  }
  kernel->description = "steps by packed weights, sgemm";
  return kernel;
}

}  // namespace

void register_recurrent(KernelTable& table) {
  for (const char* op : {"LSTM", "LSTMGrad", "GRU", "GRUGrad", "RNN", "RNNGrad"}) {
    table.add(op, "cpu", supports, prepare);
  }
}

}  // namespace temper::cpu
