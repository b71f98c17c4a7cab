// Files for the tests of training/: the committed fixtures and temporary ones.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>

#include "runtime/base/error.h"
#include "runtime/memory/buffer.h"

namespace temper::training {

// The path of a committed file of tests/training/fixtures/.
std::string fixture(const std::string& name);

inline std::string read_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

// A folder that is removed with all it holds.
class TempFolder {
 public:
  TempFolder() {
    std::string name = std::filesystem::temp_directory_path() / "temper-test-XXXXXX";
    path_ = mkdtemp(name.data());
  }
  ~TempFolder() { std::filesystem::remove_all(path_); }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  std::string path(const std::string& name) const { return path_ + "/" + name; }
  std::string write(const std::string& name, std::string_view content) const {
    std::ofstream(path(name), std::ios::binary) << content;
    return path(name);
  }

 private:
  std::string path_;
};

// The bytes as a buffer of exactly that size, so that reading past them is seen by the sanitizer.
inline std::shared_ptr<Buffer> buffer_of(std::string_view bytes) {
  auto copy = std::make_shared<std::string>(bytes);
  return Buffer::wrap(copy->data(), copy->size(), copy);
}

// Runs f, expects an Error with this code whose text has each of the parts.
template <class F, class... Parts>
void expect_error(F&& f, ErrorCode code, const Parts&... parts) {
  try {
    f();
    ADD_FAILURE() << "no error was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    for (const std::string_view part : {std::string_view(parts)...}) {
      EXPECT_NE(std::string_view(error.what()).find(part), std::string_view::npos)
          << "'" << part << "' is not in: " << error.what();
    }
  }
}

}  // namespace temper::training
