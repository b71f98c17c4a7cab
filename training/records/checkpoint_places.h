// Which file of a checkpoint holds a variable, and under which name. Names tell kinds apart by how
// they begin, so no tensor of a model is taken for anything else:
//   weights.safetensors    the model's tensors by their names ("generator::w" in a run of two)
//   ema.safetensors        their averages by the same names
//   optimizer.safetensors  moment/exp_avg/w, accumulator/0/w, staged/mean, scalar/MODEL/rates/0,
//                          snapshot/tensor/w, snapshot/average/w, snapshot/moment/exp_avg/w, ...
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "runtime/exec/variable_store.h"

namespace temper::training {

inline constexpr const char* kWeightsFile = "weights.safetensors";
inline constexpr const char* kOptimizerFile = "optimizer.safetensors";
inline constexpr const char* kAveragesFile = "ema.safetensors";  // of a run that averages weights

struct CheckpointPlace {
  const char* file;
  std::string name;
};

// Empty: it is not saved. A teacher's tensors do not change: they are in its own file.
std::optional<CheckpointPlace> checkpoint_place(const VariableStore& store, int variable);

// The name of a model's tensor in weights.safetensors and ema.safetensors: its own, but for those
// that the format keeps for itself, and back.
std::string name_in_file(std::string name);
std::string name_of_tensor(std::string in_file);

}  // namespace temper::training
