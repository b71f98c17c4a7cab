// The committed inputs, what fuzzing found among them, through each reader: an Error or a valid
// load. tools/fuzz.sh goes on from them.
#include <gtest/gtest.h>
#include <temper_test_paths.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "tests/fuzz/readers.h"
#include "tests/training/test_files.h"

namespace temper::test {
namespace {

namespace fs = std::filesystem;

std::vector<FuzzedReader> all_readers() {
  std::vector<FuzzedReader> readers;
  for (const auto& part : {format_readers(), model_readers()}) {
    readers.insert(readers.end(), part.begin(), part.end());
  }
  return readers;
}

fs::path corpus() { return fs::path(TEMPER_SOURCE_DIR) / "tests/fuzz/corpus"; }

class Corpus : public testing::TestWithParam<FuzzedReader> {};

TEST_P(Corpus, EndsInAnErrorOrAValidLoad) {
  const training::TempFolder scratch;
  std::size_t files = 0, taken = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(corpus() / GetParam().name)) {
    const std::string bytes = training::read_bytes(entry.path().string());
    std::string problem;
    const FuzzInput input(std::as_bytes(std::span(bytes)), scratch.path(""));
    EXPECT_TRUE(reads_soundly(GetParam(), input, problem)) << entry.path() << ": " << problem;
    taken += problem.empty() ? 1 : 0;
    ++files;
  }
  EXPECT_GT(files, 0u);
  EXPECT_GT(taken, 0u) << "all inputs are refused: mutations of them reach nothing";
}

// Inputs for one reader are hostile to the others too.
TEST_P(Corpus, OfOtherReadersEndsInAnErrorOrAValidLoad) {
  const training::TempFolder scratch;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(corpus())) {
    if (!entry.is_regular_file()) {
      continue;
    }
    const std::string bytes = training::read_bytes(entry.path().string());
    std::string problem;
    const FuzzInput input(std::as_bytes(std::span(bytes)), scratch.path(""));
    EXPECT_TRUE(reads_soundly(GetParam(), input, problem)) << entry.path() << ": " << problem;
  }
}

INSTANTIATE_TEST_SUITE_P(Readers, Corpus, testing::ValuesIn(all_readers()),
                         [](const auto& each) { return std::string(each.param.name); });

// A folder that no reader has is replayed by nothing.
TEST(CorpusFolders, AreReaders) {
  const std::vector<FuzzedReader> readers = all_readers();
  for (const fs::directory_entry& entry : fs::directory_iterator(corpus())) {
    const std::string name = entry.path().filename().string();
    EXPECT_TRUE(std::any_of(readers.begin(), readers.end(), [&](const FuzzedReader& reader) {
      return reader.name == name;
    })) << name;
  }
}

}  // namespace
}  // namespace temper::test
