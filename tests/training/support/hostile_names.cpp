#include "tests/training/support/hostile_names.h"

#include <algorithm>

#include "runtime/base/concat.h"
#include "tests/training/support/renamed_onnx.h"
#include "tests/training/test_files.h"

namespace temper::training {

Names internal_names() {
  return {"target",
          "loss",
          "ok",
          "grad_norm",
          "step.rates",
          "w",
          "w.exp_avg",
          "w.exp_avg_sq",
          "w.exp_avg.average",
          "step.applied",
          "step.attempted",
          "step.position",
          "w.accumulated",
          "w.staged",
          "w.average",
          "average:w",
          "snapshot:w",
          "snapshot of w",
          "teacher::w",
          "generator::w",
          "discriminator::w",
          "scaler.scale",
          "step.loss",
          "step.loss_sum",
          "step.loss.sum",
          "scaler.growth_tracker",
          "optimizer.mu_product",
          "output:w",
          "grad:w",
          "statistic:w",
          "loss_sums:w",
          "activation:Relu:1:w",
          "sample_weight",
          "input_lengths:w",
          "spike",
          "grad_norm_clipped",
          "moment/exp_avg/w",
          "tensor/w",
          "snapshot/tensor/w",
          "scalar/0/rates/0",
          "average/w",
          "__metadata__",
          "__metadata__/",
          "real",
          "fake",
          "penalty",
          "samples",
          "gradient of w",
          "sums of loss",
          "step.spike_window",
          "step.average_weight"};
}

Names turned_names() {
  Names names = internal_names();
  std::rotate(names.begin(), names.begin() + 4, names.begin() + 30);
  std::swap(names[0], names[2]);
  return names;
}

Names odd_names() {
  Names names;
  for (int i = 0; i < 60; ++i) {
    const std::string number = std::to_string(i);
    const std::string odd[] = {
        "a/b/" + number, "module::part::" + number, "two words, a comma " + number,
        "\xc3\xa4\xe6\xb8\xac\xf0\x9f\x99\x82" + number, number + std::string(4000, 'n')};
    names.push_back(odd[i % 5]);
  }
  return names;
}

std::map<std::string, std::string> renaming(const std::vector<std::string>& files,
                                            const Names& names) {
  std::map<std::string, std::string> made;
  for (const std::string& file : files) {
    for (const std::string& name : value_names(read_bytes(file))) {
      const std::size_t next = made.size();
      made.try_emplace(name, next < names.size() ? names[next] : concat(names[1], " ", next));
    }
  }
  return made;
}

}  // namespace temper::training
