// The generator must give the bytes the expected values were computed from.
#include "tests/models/generated_tensors.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <string>

#include "runtime/base/fnv.h"
#include "tests/models/expected_training.h"

namespace temper {
namespace {

std::string hexadecimal(std::uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
  return text;
}

TEST(GeneratedTensors, HashNamesWithFnv1aOf64Bits) {
  // The published test vectors of FNV-1a.
  EXPECT_EQ(fnv1a64(""), 0xcbf29ce484222325ULL);
  EXPECT_EQ(fnv1a64("foobar"), 0x85944171f73967e8ULL);
}

TEST(GeneratedTensors, StayInTheirRange) {
  for (const float value : generate_floats("any name", 1000, 1.0, 0.5)) {
    EXPECT_GE(value, 0.5F);
    EXPECT_LT(value, 1.5F);
  }
}

TEST(GeneratedTensors, HaveTheBytesTheExpectedValuesWereMadeFrom) {
  for (const char* name : {"tiny_mlp", "mlp", "lenet", "cifar_cnn", "cifar_cnn.raw"}) {
    const ExpectedTraining expected = read_expected(name);
    EXPECT_EQ(hexadecimal(fnv1a64(generated_weights(expected))),
              expected.weights.at("fnv1a64").as_string("fnv1a64"))
        << name;
  }
}

}  // namespace
}  // namespace temper
