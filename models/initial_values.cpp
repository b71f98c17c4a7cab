#include "models/initial_values.h"

#include <array>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <numbers>
#include <span>

#include "backends/common/philox.h"

namespace temper::models {
namespace {

// Element i is made of block i / 4 alone: of its word, or, as Box and Muller did, of a pair of its
// words.
class DrawnValue final : public graph::StoredValue {
 public:
  DrawnValue(const Init& init, std::uint64_t seed, std::uint64_t number)
      : init_(init), stream_(seed, number) {}

  void read(std::int64_t first, std::span<std::byte> out) const override {
    auto at = static_cast<std::uint64_t>(first);
    std::array<float, 4> block{};
    bool fresh = true;
    for (std::size_t done = 0; done + sizeof(float) <= out.size(); done += sizeof(float), ++at) {
      if (fresh || at % 4 == 0) {
        block = elements(at / 4);
        fresh = false;
      }
      std::memcpy(out.data() + done, &block[at % 4], sizeof(float));
    }
  }

 private:
  std::array<float, 4> elements(std::uint64_t number) const {
    const PhiloxBlock words = stream_.block(number);
    std::array<double, 4> drawn{};
    if (init_.kind == Init::Kind::kUniform) {
      for (std::size_t i = 0; i < 4; ++i) {
        drawn[i] = 2 * static_cast<double>(philox_uniform(words[i])) - 1;
      }
    } else {
      for (std::size_t i = 0; i < 4; i += 2) {
        const double u = (static_cast<double>(words[i]) + 1) * 0x1p-32;
        const double angle = 2 * std::numbers::pi * static_cast<double>(words[i + 1]) * 0x1p-32;
        const double radius = std::sqrt(-2 * std::log(u));
        drawn[i] = radius * std::cos(angle);
        drawn[i + 1] = radius * std::sin(angle);
      }
    }
    std::array<float, 4> values{};
    for (std::size_t i = 0; i < 4; ++i) {
      values[i] = static_cast<float>(init_.mean + init_.spread * drawn[i]);
    }
    return values;
  }

  Init init_;
  PhiloxStream stream_;
};

}  // namespace

Init Init::fan_in(std::int64_t inputs) {
  return uniform(1 / std::sqrt(static_cast<double>(inputs)));
}

Init Init::fan_out(std::int64_t outputs) {
  return normal(std::sqrt(2 / static_cast<double>(outputs)));
}

Init Init::xavier(std::int64_t inputs, std::int64_t outputs) {
  return uniform(std::sqrt(6 / static_cast<double>(inputs + outputs)));
}

graph::SharedValue draw(const Init& init, std::uint64_t seed, std::uint64_t number) {
  if (init.spread == 0) {
    return graph::make_filled_value(DType::kFloat32, init.mean);
  }
  return std::make_shared<const DrawnValue>(init, seed, number);
}

}  // namespace temper::models
