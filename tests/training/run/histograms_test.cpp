// log.histograms: what is written, and that a run is the same with it.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/training/support/tiny_run.h"
#include "tests/training/test_files.h"

namespace temper::training {
namespace {

std::string text_of_files_under(const std::string& folder) {
  std::string text;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) {
      std::ifstream file(entry.path(), std::ios::binary);
      text.append(std::istreambuf_iterator<char>(file), {});
    }
  }
  return text;
}

TEST(Histograms, HaveWeightsAndGradientsOfEveryParameterAndChangeNoBitOfTheRun) {
  const TempFolder scratch;
  write_tiny_model(scratch.path("m.onnx"));
  write_tiny_data(scratch.path("d.npz"), 40, 5);
  for (const char* accumulate : {"train.accumulate=1", "train.accumulate=2"}) {
    const std::string out = scratch.path(accumulate);
    const auto run = [&](const std::string& name, const char* histograms) {
      return run_tiny(tiny_recipe(scratch.path("m.onnx"), scratch.path("d.npz"), out + name,
                                  {accumulate, "clip.value=0.01", "log.tensorboard=true",
                                   "train.epochs=2", histograms}),
                      false);
    };
    const RunRecord with = run("with", "log.histograms=2");
    const RunRecord without = run("without", "log.histograms=0");
    EXPECT_EQ(with.variables, without.variables);
    EXPECT_EQ(with.losses, without.losses);
    const std::string events = text_of_files_under(out + "with/tensorboard");
    for (const char* tag : {"gradients/w1", "gradients/b2", "weights/w1", "weights/bn.weight"}) {
      EXPECT_NE(events.find(tag), std::string::npos) << tag;
    }
    const std::string none = text_of_files_under(out + "without/tensorboard");
    EXPECT_EQ(none.find("gradients/"), std::string::npos);
  }
}

}  // namespace
}  // namespace temper::training
