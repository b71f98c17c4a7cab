// Flips, shifts, rotations and colours against torchvision's values.
#include "training/data/pictures/image_ops.h"

#include <gtest/gtest.h>
#include <temper_test_paths.h>

#include <array>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace temper::training {
namespace {

struct ImageOpCase {
  std::string op;
  std::vector<double> arguments;
  std::array<std::int64_t, 3> shape{};  // channels, height, width
  std::vector<float> image;             // from 0 to 1
  std::vector<float> result;
};

// As tools/oracle/image_ops.py wrote them, one a line.
std::vector<ImageOpCase> image_op_cases() {
  std::ifstream file(TEMPER_SOURCE_DIR "/tests/training/data/expected/image_ops.txt");
  std::vector<ImageOpCase> cases;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("#")) {
      continue;
    }
    std::istringstream in(line);
    ImageOpCase c;
    std::size_t arguments = 0;
    in >> c.op >> arguments;
    c.arguments.resize(arguments);
    for (double& argument : c.arguments) {
      in >> argument;
    }
    in >> c.shape[0] >> c.shape[1] >> c.shape[2];
    c.image.resize(static_cast<std::size_t>(c.shape[0] * c.shape[1] * c.shape[2]));
    c.result.resize(c.image.size());
    for (std::vector<float>* values : {&c.image, &c.result}) {
      for (float& value : *values) {
        in >> value;
      }
    }
    EXPECT_FALSE(in.fail()) << line;
    cases.push_back(std::move(c));
  }
  EXPECT_GE(cases.size(), 40u);
  return cases;
}

using Apply = std::function<void(ImageView, const std::vector<double>&, std::span<float>)>;

const std::map<std::string, Apply>& operations() {
  const auto shifted = [](PaddingMode mode) -> Apply {
    return [mode](ImageView image, const std::vector<double>& a, std::span<float> scratch) {
      shift(image, static_cast<std::int64_t>(a[0]), static_cast<std::int64_t>(a[1]), mode,
            static_cast<float>(a[2]), scratch);
    };
  };
  const auto rotated = [](bool bilinear) -> Apply {
    return [bilinear](ImageView image, const std::vector<double>& a, std::span<float> scratch) {
      rotate(image, a[0], bilinear, static_cast<float>(a[1]), scratch);
    };
  };
  using Adjust = void (*)(ImageView, float, float);
  const auto adjusted = [](Adjust adjust) -> Apply {
    return [adjust](ImageView image, const std::vector<double>& a, std::span<float>) {
      adjust(image, static_cast<float>(a[0]), 1);
    };
  };
  static const std::map<std::string, Apply> kOperations = {
      {"flip_horizontally", [](ImageView image, auto&, auto) { flip_horizontally(image); }},
      {"flip_vertically", [](ImageView image, auto&, auto) { flip_vertically(image); }},
      {"shift_constant", shifted(PaddingMode::kConstant)},
      {"shift_edge", shifted(PaddingMode::kEdge)},
      {"shift_reflect", shifted(PaddingMode::kReflect)},
      {"rotate_nearest", rotated(false)},
      {"rotate_bilinear", rotated(true)},
      {"erase",
       [](ImageView image, auto& a, auto) {
         erase(image, static_cast<std::int64_t>(a[0]), static_cast<std::int64_t>(a[1]),
               static_cast<std::int64_t>(a[2]), static_cast<std::int64_t>(a[3]));
       }},
      {"brightness", adjusted(&adjust_brightness)},
      {"contrast", adjusted(&adjust_contrast)},
      {"saturation", adjusted(&adjust_saturation)},
      {"hue", adjusted(&adjust_hue)},
      {"normalise",
       [](ImageView image, auto&, auto) {
         const std::vector<double> mean = {0.4914, 0.4822, 0.4465};
         const std::vector<double> deviation = {0.247, 0.2435, 0.2616};
         normalise(image, mean, deviation);
       }},
  };
  return kOperations;
}

TEST(ImageOps, AreThoseOfTorchvision) {
  for (const ImageOpCase& c : image_op_cases()) {
    std::vector<float> pixels = c.image;
    std::vector<float> scratch(pixels.size());
    operations().at(c.op)({pixels.data(), c.shape[0], c.shape[1], c.shape[2]}, c.arguments,
                          scratch);
    for (std::size_t i = 0; i < pixels.size(); ++i) {
      // torchvision computes coordinates and colours in single precision.
      ASSERT_NEAR(pixels[i], c.result[i], 2e-5)
          << c.op << " " << (c.arguments.empty() ? 0 : c.arguments[0]) << ", element " << i;
    }
  }
}

TEST(ImageOps, ColoursScaleWithWhite) {
  for (const ImageOpCase& c : image_op_cases()) {
    if (c.op != "brightness" && c.op != "contrast" && c.op != "saturation" && c.op != "hue") {
      continue;
    }
    std::vector<float> pixels = c.image;
    for (float& pixel : pixels) {
      pixel *= 255;
    }
    const ImageView image{pixels.data(), c.shape[0], c.shape[1], c.shape[2]};
    const auto factor = static_cast<float>(c.arguments[0]);
    c.op == "brightness" ? adjust_brightness(image, factor, 255)
    : c.op == "contrast" ? adjust_contrast(image, factor, 255)
    : c.op == "hue"      ? adjust_hue(image, factor, 255)
                         : adjust_saturation(image, factor, 255);
    for (std::size_t i = 0; i < pixels.size(); ++i) {
      ASSERT_NEAR(pixels[i], 255 * c.result[i], 255 * 2e-5) << c.op << ", element " << i;
    }
  }
}

}  // namespace
}  // namespace temper::training
