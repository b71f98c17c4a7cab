// [model.input.NAME] and [model.output.NAME] of a recipe: how the samples of a batch lie in what a
// model takes and gives.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace temper::training {

inline constexpr const char* kCarryAuto = "auto";

// Which dimension of a tensor counts the samples of a batch.
struct BatchAxisSettings {
  enum class Kind { kInferred, kAxis, kNone } kind = Kind::kInferred;
  int axis = 0;  // of kAxis

  friend bool operator==(const BatchAxisSettings&, const BatchAxisSettings&) = default;
};

struct InputSettings {
  std::string name;
  BatchAxisSettings batch_axis;
  // What the input is, in place of data: one number for all elements, or one for each element that
  // a sample has; or a .npy file with them.
  std::vector<double> value;
  std::string value_file;
  // A state: the output that the next batch goes on with, or "auto"; empty: not carried.
  std::string carry;

  bool has_value() const { return !value.empty() || !value_file.empty(); }
};

struct OutputSettings {
  std::string name;
  BatchAxisSettings batch_axis;
  std::int64_t time_axis = -1;  // the dimension that comes behind the batch; -1: none
  std::string flatten;  // dimension 0 has both: "batch_time" | "time_batch"; empty: inferred
};

}  // namespace temper::training
