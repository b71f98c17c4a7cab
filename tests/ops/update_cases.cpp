// Cases of the optimizer updates (each of PyTorch's five steps, from its state before to its state
// after) and of the loss scale's.
#include "runtime/base/concat.h"
#include "tests/ops/closed_form.h"
#include "tests/ops/expected/optimizer_updates.h"
#include "tests/ops/families.h"

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

// A step's inputs: `before` holds the parameter and its states.
std::vector<OpInput> update_inputs(const UpdateState& before, const std::vector<double>& gradient,
                                   std::size_t step, bool ok) {
  std::vector<OpInput> inputs{values({}, {ok ? 1.0 : 0.0}).of(DType::kBool),
                              values({3}, update_rates()).of(DType::kFloat64),
                              values({}, {static_cast<double>(step)}).of(DType::kInt64),
                              values({}, {0.5}).of(DType::kFloat32)};
  add_pair(inputs, before[0]);
  std::vector<double> doubled = gradient;  // the scale halves it again, exactly
  for (double& number : doubled) {
    number *= 2;
  }
  add_pair(inputs, doubled);
  for (std::size_t i = 1; i < before.size(); ++i) {
    add_pair(inputs, before[i]);
  }
  return inputs;
}

std::vector<HostTensor> split(const UpdateState& state) {
  std::vector<HostTensor> out;
  for (const std::vector<double>& seven : state) {
    out.push_back({{2, 2}, head(seven)});
    out.push_back({{3}, tail(seven)});
  }
  return out;
}

// torch.amp.GradScaler.update() with growth_interval 4; tests/training/compile has whole traces.
void add_loss_scale_cases(std::vector<OpCase>& cases) {
  struct Row {
    const char* label;
    double scale, tracker;
    bool finite;
    double next_scale, next_tracker;
  };
  for (const Row& row :
       {Row{"counts", 1024, 2, true, 1024, 3}, Row{"grows", 1024, 3, true, 2048, 0},
        Row{"backs_off", 1024, 3, false, 512, 0},
        Row{"stays_at_the_largest", 0x1p127, 3, true, 0x1p127, 0},
        Row{"stays_at_min_scale", 1, 2, false, 1, 0}}) {
    OpCase made{.op = "LossScaleUpdate",
                .attrs = {{"growth_interval", std::int64_t{4}}},
                .inputs = {values({}, {row.scale}).of(DType::kFloat32),
                           values({}, {row.tracker}).of(DType::kInt64),
                           values({}, {row.finite ? 1.0 : 0.0}).of(DType::kBool)},
                .outputs = 2,
                .dtypes = {DType::kFloat32},
                .label = row.label};
    made.expected = [row](const std::vector<HostTensor>&) {
      return std::vector<HostTensor>{{{}, {row.next_scale}}, {{}, {row.next_tracker}}};
    };
    cases.push_back(made);
  }
}

}  // namespace

std::vector<OpCase> update_cases() {
  std::vector<OpCase> cases;
  const std::vector<std::vector<double>> gradients = update_gradients();
  for (const UpdateTrajectory& torch : update_trajectories()) {
    const std::size_t states = torch.in_f64.front().size();
    UpdateState before(states, std::vector<double>(7, 0.0));
    before[0] = update_initial();
    for (std::size_t step = 0; step < torch.in_f64.size(); ++step) {
      OpCase made{.op = torch.op, .attrs = torch.attrs};
      made.inputs = update_inputs(before, gradients[step], step, true);
      made.outputs = static_cast<int>(2 * states);
      made.expected = [after = split(torch.in_f64[step])](const std::vector<HostTensor>&) {
        return after;
      };
      made.label = concat(torch.name, "_step", step);
      cases.push_back(made);
      if (step == 1) {
        made.inputs = update_inputs(before, gradients[step], step, false);
        made.expected = [kept = split(before)](const std::vector<HostTensor>&) { return kept; };
        made.label = concat(torch.name, "_not_ok");
        cases.push_back(made);
      }
      before = torch.in_f64[step];
    }
  }
  add_loss_scale_cases(cases);
  return cases;
}

}  // namespace temper::op_suite
