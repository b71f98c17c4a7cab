// A page of the documentation that is written from the code: a test compares it, and writes it when
// TEMPER_UPDATE_REFERENCE=1 is set.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

namespace temper::test {

// `file` counts from `root`, the source tree's.
inline void expect_page(const std::string& root, const std::string& file, const std::string& page) {
  const std::string path = root + "/" + file;
  if (std::getenv("TEMPER_UPDATE_REFERENCE") != nullptr) {
    std::ofstream(path) << page;
  }
  std::ifstream stream(path);
  std::ostringstream text;
  text << stream.rdbuf();
  EXPECT_EQ(text.str(), page) << "run it once with TEMPER_UPDATE_REFERENCE=1 and commit " << file;
}

}  // namespace temper::test
