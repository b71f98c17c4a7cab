// Cases of the optimizer updates (each of PyTorch's first three steps, from its state before to its
// state after) and of the loss scale's.
#include "runtime/base/concat.h"
#include "tests/ops/closed_form.h"
#include "tests/ops/families.h"
#include "tests/ops/update_formula.h"

namespace temper::op_suite {
namespace {

constexpr std::size_t kFirst =
    4;  // of the seven numbers: the first parameter; the rest is the second

std::vector<double> head(const std::vector<double>& seven) {
  return {seven.begin(), seven.begin() + kFirst};
}
std::vector<double> tail(const std::vector<double>& seven) {
  return {seven.begin() + kFirst, seven.end()};
}

void add_pair(std::vector<OpInput>& inputs, const std::vector<double>& seven) {
  inputs.push_back(values({2, 2}, head(seven)));
  inputs.push_back(values({3}, tail(seven)));
}

OpInput step_input(const UpdateTrajectory& torch, long step) {
  const std::vector<std::int64_t> steps = steps_of(torch, step);
  const Shape shape = steps.size() == 1 ? Shape{} : Shape{2};
  return values(shape, {steps.begin(), steps.end()}).of(DType::kInt64);
}

// A step's inputs: `before` holds the parameter and its states.
std::vector<OpInput> update_inputs(const UpdateTrajectory& torch, const UpdateState& before,
                                   long step, bool ok) {
  const auto groups = static_cast<std::int64_t>(group_count(torch));
  std::vector<OpInput> inputs{values({}, {ok ? 1.0 : 0.0}).of(DType::kBool),
                              values({2 * groups, 3}, rate_table(torch)).of(DType::kFloat64),
                              step_input(torch, step), values({}, {0.5}).of(DType::kFloat32)};
  add_pair(inputs, before[0]);
  std::vector<double> doubled = update_gradient(step);  // the scale halves it again, exactly
  for (double& number : doubled) {
    number *= 2;
  }
  add_pair(inputs, doubled);
  const std::size_t sets = before.size() - (has_group_memory(torch) ? 1 : 0);
  for (std::size_t i = 1; i < sets; ++i) {
    add_pair(inputs, before[i]);
  }
  if (has_group_memory(torch)) {
    const auto count = static_cast<std::int64_t>(before.back().size());
    inputs.push_back(values({count}, before.back()).of(DType::kFloat64));
  }
  return inputs;
}

std::vector<HostTensor> split(const UpdateTrajectory& torch, const UpdateState& state) {
  std::vector<HostTensor> out;
  const std::size_t sets = state.size() - (has_group_memory(torch) ? 1 : 0);
  for (std::size_t i = 0; i < sets; ++i) {
    out.push_back({{2, 2}, head(state[i])});
    out.push_back({{3}, tail(state[i])});
  }
  if (has_group_memory(torch)) {
    out.push_back({{static_cast<std::int64_t>(state.back().size())}, state.back()});
  }
  return out;
}

// The average of two weights moves a quarter of the way to them, all of it, or not at all.
void add_average_cases(std::vector<OpCase>& cases) {
  const std::vector<double> average = update_initial(), current = update_gradient(0);
  for (const double share : {0.25, 1.0, 0.0}) {
    std::vector<double> moved;
    for (std::size_t i = 0; i < average.size(); ++i) {
      moved.push_back(average[i] + share * (current[i] - average[i]));
    }
    OpCase made{.op = "AverageUpdate", .attrs = {{"count", std::int64_t{2}}}};
    made.inputs = {values({}, {1.0}).of(DType::kBool),
                   values({2, 2}, {0.5, share, NAN, NAN}).of(DType::kFloat64),
                   values({}, {3.0}).of(DType::kInt64), missing()};
    add_pair(made.inputs, average);
    add_pair(made.inputs, current);
    made.outputs = 2;
    made.expected = [moved](const std::vector<HostTensor>&) {
      return std::vector<HostTensor>{{{2, 2}, head(moved)}, {{3}, tail(moved)}};
    };
    made.label = concat("share", share);
    cases.push_back(std::move(made));
  }
}

// By hand: the limit is the median plus 2 of its sizes.
void add_spike_cases(std::vector<OpCase>& cases) {
  struct Gate {
    const char* label;
    std::vector<double> window;
    double value = 0;
    bool ok = true;
    bool spike = false;
    bool is_kept = true;  // the value, in the window
  };
  std::vector<double> many;  // 1 to 700, each once, in another order; the median is 350.5
  for (int i = 0; i < 700; ++i) {
    many.push_back(1 + i * 367 % 700);
  }
  const std::vector<Gate> gates = {
      {"even", {4, 1, 100, 2}, 9},
      {"even_above", {4, 1, 100, 2}, 9.5, true, true, false},
      {"odd", {5, 1, 2}, 6},
      {"odd_above", {5, 1, 2}, 6.5, true, true, false},
      {"negative", {-4, -1, -100, -2}, 3},
      {"negative_above", {-4, -1, -100, -2}, 3.5, true, true, false},
      {"equal_middle", {7, 2, 2, 1}, 6.5, true, true, false},
      {"not_full", {HUGE_VAL, HUGE_VAL, 1, 2}, 1000},
      {"not_ok", {4, 1, 100, 2}, 5, false, false, false},
      {"not_ok_above", {4, 1, 100, 2}, 50, false, true, false},
      {"infinite", {4, 1, 100, 2}, HUGE_VAL, false, true, false},
      {"one", {3}, 9},
      {"many", many, 1051},
      {"many_above", many, 1053, true, true, false},
  };
  for (const Gate& gate : gates) {
    const auto count = static_cast<std::int64_t>(gate.window.size());
    std::vector<double> next = gate.window;
    if (gate.is_kept) {
      next.erase(next.begin());
      next.push_back(gate.value);
    }
    OpCase made{.op = "SpikeGate", .attrs = {{"factor", 3.0}}};
    made.inputs = {values({count}, gate.window), values({}, {gate.value}),
                   values({}, {gate.ok ? 1.0 : 0.0}).of(DType::kBool)};
    made.outputs = 3;
    made.expected = [gate, count, next](const std::vector<HostTensor>&) {
      const bool passes = gate.ok && !gate.spike;
      return std::vector<HostTensor>{
          {{}, {passes ? 1.0 : 0.0}}, {{}, {gate.spike ? 1.0 : 0.0}}, {{count}, next}};
    };
    made.label = gate.label;
    cases.push_back(std::move(made));
  }
}

}  // namespace

std::vector<OpCase> update_cases() {
  std::vector<OpCase> cases;
  add_average_cases(cases);
  add_spike_cases(cases);
  for (const UpdateTrajectory& torch : update_trajectories()) {
    UpdateState before = state_before_first(torch);
    for (std::size_t step = 0; step < torch.first.size(); ++step) {
      OpCase made{.op = torch.op, .attrs = torch.attrs};
      made.inputs = update_inputs(torch, before, torch.start + static_cast<long>(step), true);
      const std::vector<HostTensor> after = split(torch, torch.first[step]);
      made.outputs = static_cast<int>(after.size());
      made.expected = [after](const std::vector<HostTensor>&) { return after; };
      made.label = concat(torch.name, "_step", step);
      cases.push_back(made);
      if (step == 1) {
        made.inputs = update_inputs(torch, before, torch.start + static_cast<long>(step), false);
        made.expected = [kept = split(torch, before)](const std::vector<HostTensor>&) {
          return kept;
        };
        made.label = concat(torch.name, "_not_ok");
        cases.push_back(made);
      }
      before = torch.first[step];
    }
  }
  return cases;
}

}  // namespace temper::op_suite
