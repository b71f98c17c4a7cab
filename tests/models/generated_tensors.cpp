#include "tests/models/generated_tensors.h"

#include "runtime/base/fnv.h"

namespace temper {
namespace {

// splitmix64's output function (Steele, Lea, Flood 2014) at position `index` of the stream that
// starts at `key`.
std::uint64_t random_bits(std::uint64_t key, std::uint64_t index) {
  std::uint64_t z = key + (index + 1) * 0x9e3779b97f4a7c15ULL;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

}  // namespace

std::vector<float> generate_floats(std::string_view name, std::int64_t count, double shift,
                                   double scale) {
  const std::uint64_t key = fnv1a64(name);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto top = static_cast<std::int64_t>(random_bits(key, i) >> 40);
    const float unit = static_cast<float>(top - (std::int64_t{1} << 23)) * 0x1p-23F;
    const float scaled = static_cast<float>(scale) * unit;
    values[i] = static_cast<float>(shift) + scaled;
  }
  return values;
}

std::vector<std::int64_t> generate_classes(std::string_view name, std::int64_t count,
                                           std::int64_t classes) {
  const std::uint64_t key = fnv1a64(name);
  std::vector<std::int64_t> values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::uint64_t bits = random_bits(key, i) >> 33;
    values[i] = static_cast<std::int64_t>(bits % static_cast<std::uint64_t>(classes));
  }
  return values;
}

}  // namespace temper
