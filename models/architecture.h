// Fresh models by the name of their architecture: what `temper new` writes, and what a program
// that links the library builds and writes the same way.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/network.h"
#include "runtime/base/attrs.h"

namespace temper::models {

// Opsets in whose form models are written.
inline constexpr std::int64_t kOldestOpset = 18;
inline constexpr std::int64_t kDefaultOpset = 20;
inline constexpr std::int64_t kNewestOpset = 28;

// One size or choice of an architecture, such as "classes".
struct ModelOption {
  std::string name;
  // Also its type: a whole number, a share below 1 (double), one of `choices`, or a list of whole
  // numbers.
  AttrValue fallback;
  std::string help;
  std::int64_t least = 1;                 // of whole numbers
  std::vector<std::string> choices = {};  // of a text
  bool is_switch = false;                 // 0 or 1
};

struct Architecture {
  std::string name;
  std::string summary;  // one line: inputs, outputs, whose sizes the defaults are
  std::vector<ModelOption> options;
  // `options`: all of them.
  void (*build)(Network& network, const Attrs& options) = nullptr;
};

std::span<const Architecture> architectures();
// THROWS: kInvalidArgument, with the names there are.
const Architecture& find_architecture(std::string_view name);

// `given` with defaults filled in. THROWS: kInvalidArgument for an option that the architecture
// does not have, or a value that it cannot have.
Attrs complete_options(const Architecture& architecture, const Attrs& given);

// The model, its parameters as PyTorch would initialise them, drawn from `seed`. Values are drawn
// when they are read: even a large model takes no memory here. THROWS: as complete_options, and
// for an opset outside kOldestOpset to kNewestOpset; options that do not fit together.
FreshModel make_model(const Architecture& architecture, const Attrs& given = {},
                      std::uint64_t seed = 0, std::int64_t opset = kDefaultOpset);

// Elements of all parameters; running statistics are none.
std::int64_t parameter_count(const FreshModel& model);

// THROWS: kIo.
void write_model(const FreshModel& model, const std::string& path);

}  // namespace temper::models
