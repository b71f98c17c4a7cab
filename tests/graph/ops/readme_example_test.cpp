// The example of graph/ops/README.md stands in the op's own files word for word, so it is built,
// and the op suite runs it.
#include <gtest/gtest.h>
#include <temper_test_paths.h>

#include <string>

#include "runtime/platform/files.h"

namespace temper::graph {
namespace {

std::string without_spaces(std::string text) {
  std::erase_if(text, [](char c) { return c == ' ' || c == '\n'; });
  return text;
}

std::string text_of(const std::string& path) {
  return read_text_file(std::string(TEMPER_SOURCE_DIR) + "/" + path, 1 << 20);
}

TEST(ReadmeExample, IsTheCodeOfTheOp) {
  const std::string readme = text_of("graph/ops/README.md");
  const std::string code = without_spaces(text_of("graph/ops/softsign.cpp") +
                                          text_of("backends/reference/kernels/softsign.cpp"));
  const std::string fence = "```cpp\n";
  int blocks = 0;
  for (std::size_t at = readme.find(fence); at != std::string::npos; at = readme.find(fence, at)) {
    at += fence.size();
    const std::string block = readme.substr(at, readme.find("```", at) - at);
    EXPECT_NE(code.find(without_spaces(block)), std::string::npos) << block;
    ++blocks;
  }
  EXPECT_EQ(blocks, 3);
}

}  // namespace
}  // namespace temper::graph
