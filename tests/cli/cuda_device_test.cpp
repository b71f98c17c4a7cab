// The command asked for a GPU on a machine that has none, and what `doctor` says of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/cli/run_command.h"

namespace temper::test {
namespace {

using testing::HasSubstr;

// The line of `temper doctor` that begins with a name, without it.
std::string doctor_line(const std::string& name) {
  const std::string text = "\n" + run_temper({"doctor"}).out;
  const std::size_t at = text.find("\n" + name + " ");
  if (at == std::string::npos) {
    return "";
  }
  const std::size_t begin = text.find_first_not_of(' ', at + 1 + name.size());
  return text.substr(begin, text.find('\n', begin) - begin);
}

class CudaDevice : public testing::TestWithParam<const char*> {};

TEST_P(CudaDevice, IsRefusedWithWhatIsMissingWhereThereIsNone) {
  const std::string found = doctor_line("device cuda");
  if (!found.starts_with("not available: ")) {
    GTEST_SKIP() << "there is a GPU: " << found;
  }
  const ScratchFolder folder;
  const CommandResult result =
      run_temper({"train", digits("digits.toml"), std::string("train.device=") + GetParam(),
                  "train.out=" + folder / "run"});
  EXPECT_EQ(result.exit_code, 8) << result.err;
  const bool is_built = !doctor_line("CUDA build").starts_with("none");
  EXPECT_THAT(result.err, HasSubstr(is_built ? "NVIDIA" : "-DTEMPER_CUDA=ON")) << found;
  EXPECT_THAT(result.err, HasSubstr("train.device = \"cpu\""));
}

INSTANTIATE_TEST_SUITE_P(Names, CudaDevice, testing::Values("cuda", "cuda:1"));

TEST(Doctor, SaysOfEachPartOfCudaWhatItIsOrWhatToInstall) {
  const std::string build = doctor_line("CUDA build");
  ASSERT_NE(build, "");
  if (build.starts_with("none")) {
    EXPECT_THAT(build, HasSubstr("-DTEMPER_CUDA=ON"));
    return;
  }
  for (const char* part : {"CUDA driver", "cuBLASLt", "cuDNN"}) {
    const std::string line = doctor_line(part);
    // A version and a file, or what to do.
    EXPECT_TRUE(line.starts_with("missing: ") ? line.find("install ") != std::string::npos
                                              : line.find(".so") != std::string::npos)
        << part << ": " << line;
  }
}

}  // namespace
}  // namespace temper::test
